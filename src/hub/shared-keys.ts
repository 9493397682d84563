import { type Clock, type DeviceId, type Instant, type Random, type Result, Secret, ok, refuse } from '#base'

/** Both keys of a device or module, so that one can be changed while the other serves. */
export type SharedKeys = { readonly primary: Secret; readonly secondary: Secret }

/** A key as a back end gives it: its bytes, `generate` for a new one, or undefined: the one that is there, or a new one. */
export type GivenKey = Secret | 'generate' | undefined

/** Both, as they are given. */
export type GivenKeys = { readonly primary: GivenKey; readonly secondary: GivenKey }

/** What the registry needs to keep shared keys: the vault's seal, and until when there may be any (undefined: there may be none). */
export type SharedKeyPorts = {
  readonly allowedUntil: Instant | undefined
  readonly seal: (purpose: string, plaintext: Uint8Array) => Buffer
  readonly unseal: (purpose: string, sealed: Buffer) => Result<Secret>
}

/** Bytes of a key that we make, and of the longest and the shortest that may be given (azure-wire 1.5). */
const keyBytes = 64
const minKeyBytes = 16

/** Whose keys they are. Both are part of the purpose, so that sealed keys open for nobody else. */
export type KeyOwner = { readonly identity: DeviceId; readonly generationId: string }

/** A new key. */
export function newKey(random: Random): Secret {
  return new Secret(random.bytes(keyBytes))
}

/*
 * What is sealed: two bytes that say how long each key is, then 64 bytes for the one and 64 for the other. Where both have 64, which all of our
 * making have, the first two bytes are left out: so the first release wrote them, and it can read them.
 */
const headBytes = 2

/** Seals the keys of `owner`, to be kept. */
export function sealSharedKeys(owner: KeyOwner, { primary, secondary }: SharedKeys, ports: SharedKeyPorts): Buffer {
  const slots = Buffer.alloc(headBytes + keyBytes * 2)
  for (const [at, key] of [primary, secondary].entries())
    key.use((bytes) => {
      slots[at] = bytes.length
      bytes.copy(slots, headBytes + at * keyBytes, 0, keyBytes)
    })
  const isFull = slots[0] === keyBytes && slots[1] === keyBytes
  const sealed = ports.seal(purposeOf(owner), isFull ? slots.subarray(headBytes) : slots)
  slots.fill(0)
  return sealed
}

/** Opens what {@link sealSharedKeys} sealed. Undefined when it does not open: then nobody connects by it. */
export function openSharedKeys(owner: KeyOwner, ports: SharedKeyPorts, sealed: Buffer): SharedKeys | undefined {
  const opened = ports.unseal(purposeOf(owner), sealed)
  if (!opened.ok) return undefined
  using both = opened.value
  return both.use((bytes) => {
    const start = bytes.length - keyBytes * 2
    if (start !== 0 && start !== headBytes) return undefined
    const [first, second] = start === 0 ? [keyBytes, keyBytes] : [bytes[0] ?? 0, bytes[1] ?? 0]
    if (first > keyBytes || second > keyBytes) return undefined
    const slot = (at: number, length: number) => new Secret(Buffer.from(bytes.subarray(start + at, start + at + length)))
    return { primary: slot(0, first), secondary: slot(keyBytes, second) }
  })
}

/**
 * Reads a key as a back end writes it: base64 of 16 to 64 bytes; empty asks for a new one (azure-wire 1.11), null or nothing leaves what is there.
 * Refuses `hub/key-malformed`, and never says what it read.
 */
export function parseSharedKey(text: string | null | undefined): Result<GivenKey> {
  if (text === undefined || text === null) return ok(undefined)
  if (text === '') return ok('generate')
  const malformed = refuse('hub/key-malformed', `A shared key is base64 of ${minKeyBytes} to ${keyBytes} bytes.`)
  if (text.length > Math.ceil(keyBytes / 3) * 4 || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return malformed
  const bytes = Buffer.from(text, 'base64')
  return bytes.length >= minKeyBytes && bytes.length <= keyBytes ? ok(new Secret(bytes)) : malformed
}

/** Whether devices may be given shared keys now. */
export function mayShareKeys(ports: SharedKeyPorts | undefined, clock: Pick<Clock, 'now'>): Result<SharedKeyPorts> {
  if (ports?.allowedUntil === undefined)
    return refuse(
      'hub/sas-off',
      'Devices with shared keys are off. For a migration, say until when in the settings: authentication.sas.allowedUntil.',
    )
  return clock.now() < ports.allowedUntil
    ? ok(ports)
    : refuse('hub/sas-off', 'The time for devices with shared keys is over: authentication.sas.allowedUntil.')
}

function purposeOf({ identity, generationId }: KeyOwner): string {
  return `hub/shared-keys ${generationId} ${identity}`
}
