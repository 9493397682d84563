import { type DeviceId, type Grant, type Refusal, type Result, fail, ok } from '#base'
import type { Device, DeviceSpec } from '#hub'
import type { DeviceRequest } from '#pki'
import type { ControlPorts } from './ports.ts'
import { actorOf } from './receipts.ts'
import { issuedFact } from './views.ts'

/** What is handed out once: a certificate, and the key if we made it. */
export type HandedOut = { readonly certificatePem: string; readonly privateKeyPem?: string; readonly serial: string }

type IssuePorts = Pick<ControlPorts, 'pki' | 'clock' | 'tell'>

/** Issues for each request, or for none: the first refusal revokes what the others got and is returned. */
export async function issueAll(
  ports: IssuePorts,
  grant: Grant<'certificate.issue'>,
  requests: readonly DeviceRequest[],
): Promise<Result<readonly HandedOut[]>> {
  const answers = await ports.pki.issueDevices(grant, requests)
  const issued: HandedOut[] = []
  let refused: Refusal | undefined
  for (const answer of answers) {
    if (!answer.ok) {
      refused ??= answer.error
      continue
    }
    const { certificatePem, privateKeyPem, serial } = answer.value
    if (privateKeyPem === undefined) issued.push({ certificatePem, serial })
    else {
      // From here the key is text on its way out; nothing of ours keeps it.
      issued.push({ certificatePem, serial, privateKeyPem: privateKeyPem.use((bytes) => bytes.toString('utf8')) })
      privateKeyPem[Symbol.dispose]()
    }
  }
  if (refused === undefined) return ok(issued)
  await takeBack(ports, grant, issued)
  return fail(refused)
}

/** Revokes certificates that were made and never handed out. */
export async function takeBack(ports: IssuePorts, grant: Grant<'certificate.issue'>, issued: readonly HandedOut[]): Promise<void> {
  for (const { serial } of issued) await ports.pki.revoke(grant, { serial }, 'cessationOfOperation')
}

/** Writes into the journal that certificates were handed out, one device each. */
export function tellIssued(
  ports: IssuePorts,
  grant: Grant<'certificate.issue'>,
  devices: readonly DeviceId[],
  issued: readonly HandedOut[],
): void {
  for (const [n, id] of devices.entries()) {
    const one = issued[n]
    if (one !== undefined) ports.tell(issuedFact(id, actorOf(grant), one.certificatePem, ports.clock.now()))
  }
}

/** A device that was added, with what it needs to connect. */
export type Added = { readonly device: Device; readonly handed: HandedOut | undefined }

/**
 * Adds devices, each with a certificate when `issue` gives the right to make one: all or none. Certificates come first, because one without a
 * device opens nothing, while a device without one would be half made; they are taken back when the devices cannot be added.
 */
export async function addWithCertificates(
  ports: IssuePorts & Pick<ControlPorts, 'devices'>,
  grant: Grant<'device.write'>,
  specs: readonly DeviceSpec[],
  issue: { readonly grant: Grant<'certificate.issue'>; readonly csr?: string } | undefined,
): Promise<Result<readonly Added[]>> {
  if (issue === undefined) {
    const added = await ports.devices.add(grant, specs)
    return added.ok ? ok(added.value.map((device) => ({ device, handed: undefined }))) : added
  }
  const { csr } = issue
  const requests = specs.map(({ id }): DeviceRequest => (csr === undefined ? { deviceId: id, generate: true } : { deviceId: id, csr }))
  const issued = await issueAll(ports, issue.grant, requests)
  if (!issued.ok) return issued
  const added = await ports.devices.add(grant, specs)
  if (!added.ok) {
    await takeBack(ports, issue.grant, issued.value)
    return added
  }
  const ids = specs.map(({ id }) => id)
  tellIssued(ports, issue.grant, ids, issued.value)
  return ok(added.value.map((device, n) => ({ device, handed: issued.value[n] })))
}
