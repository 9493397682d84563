import { type Clock, type DeviceId, type Instant, type Random, type Result, Secret, ok, refuse } from '#base'

/** Both keys of a device, so that one can be changed while the other serves. */
export type SharedKeys = { readonly primary: Secret; readonly secondary: Secret }

/** What the registry needs to keep shared keys: the vault's seal, and until when there may be any. Without it there are none. */
export type SharedKeyPorts = {
  readonly allowedUntil: Instant
  readonly seal: (purpose: string, plaintext: Uint8Array) => Buffer
  readonly unseal: (purpose: string, sealed: Buffer) => Result<Secret>
}

/** Bytes of one key (azure-wire 1.5). */
const keyBytes = 64

/** Keys for a new device and what is kept of them. The name and generation are part of the purpose, so that they open for no other device. */
export function makeSharedKeys(
  id: DeviceId,
  generationId: string,
  ports: SharedKeyPorts,
  random: Random,
): { readonly keys: SharedKeys; readonly sealed: Buffer } {
  const both = random.bytes(keyBytes * 2)
  const sealed = ports.seal(purposeOf(id, generationId), both)
  const keys = { primary: new Secret(Buffer.from(both.subarray(0, keyBytes))), secondary: new Secret(Buffer.from(both.subarray(keyBytes))) }
  both.fill(0)
  return { keys, sealed }
}

/** Opens what {@link makeSharedKeys} sealed. Undefined when it does not open: then nobody connects by it. */
export function openSharedKeys(id: DeviceId, generationId: string, ports: SharedKeyPorts, sealed: Buffer): SharedKeys | undefined {
  const opened = ports.unseal(purposeOf(id, generationId), sealed)
  if (!opened.ok) return undefined
  using both = opened.value
  return both.use((bytes) =>
    bytes.length === keyBytes * 2
      ? { primary: new Secret(Buffer.from(bytes.subarray(0, keyBytes))), secondary: new Secret(Buffer.from(bytes.subarray(keyBytes))) }
      : undefined,
  )
}

/** Whether devices may be given shared keys now. */
export function mayShareKeys(ports: SharedKeyPorts | undefined, clock: Pick<Clock, 'now'>): Result<SharedKeyPorts> {
  if (ports === undefined)
    return refuse(
      'hub/sas-off',
      'Devices with shared keys are off. For a migration, say until when in the settings: authentication.sas.allowedUntil.',
    )
  return clock.now() < ports.allowedUntil
    ? ok(ports)
    : refuse('hub/sas-off', 'The time for devices with shared keys is over: authentication.sas.allowedUntil.')
}

function purposeOf(id: DeviceId, generationId: string): string {
  return `hub/shared-keys ${generationId} ${id}`
}
