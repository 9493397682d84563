import { hash } from 'node:crypto'
import { type DeviceId, type Instant, type Result, Secret, fail, ok } from '#base'
import type { Refused } from '../authenticate.ts'
import type { AuthenticationPorts, RegisteredDevice } from '../ports.ts'
import type { Principal } from '../principal.ts'
import type { AuthenticateDevice, DeviceClaim } from './contract.ts'
import { refuseCredentials } from './identity.ts'
import { type ProvenBy, proveByCertificate, proveByToken } from './proof.ts'
import { hidden } from './sas.ts'

/** Verified tokens that are remembered at once; the oldest gives way. */
const maxRemembered = 4_096

/**
 * Proves devices and modules where there is no CONNECT, by the rules of `authenticate`: the identity is the one of the path or address, and a certificate or
 * a signature only proves it. Every HTTPS request brings its token again, so a verified one is remembered (as a digest, for one identity) until it ends,
 * or the identity changes in the registry. Tokens of policies are not: those can be taken back without a change of the device.
 */
export function deviceClaims(ports: AuthenticationPorts, now: () => Instant): AuthenticateDevice {
  const remembered = new RememberedTokens()
  return (claim) => {
    if (claim.host !== undefined && !ports.isOurHost(claim.host))
      return refuseCredentials('access/wrong-host', 'The request names a host that is not this hub.', claim.host)
    const proven = prove(claim, ports, remembered, now())
    return proven.ok ? ok(principalOf(claim, proven.value)) : proven
  }
}

function prove(claim: DeviceClaim, ports: AuthenticationPorts, remembered: RememberedTokens, now: Instant): Result<ProvenBy, Refused> {
  const { identity, token, certificates } = claim
  const [leaf] = certificates
  if (token !== undefined) {
    // As at CONNECT: with both it is not clear what is to count (azure-wire 1.8).
    if (leaf !== undefined) return refuseCredentials('access/password-unsupported', hidden, 'a token beside a client certificate')
    return byToken(identity, token, ports, remembered, now)
  }
  if (leaf === undefined) return refuseCredentials('access/no-token', hidden, 'neither a token nor a client certificate')
  const device = ports.find(identity)
  return device === undefined
    ? refuseCredentials('access/unknown-device', hidden)
    : proveByCertificate(device, certificates, leaf, ports, now)
}

function byToken(
  identity: DeviceId,
  token: string,
  ports: AuthenticationPorts,
  remembered: RememberedTokens,
  now: Instant,
): Result<ProvenBy, Refused> {
  const device = ports.find(identity)
  const digest = hash('sha256', token)
  if (device !== undefined) {
    const proven = remembered.find(digest, device, now)
    if (proven !== undefined) return ok(proven)
  }
  using password = new Secret(Buffer.from(token, 'utf8'))
  const said = proveByToken(identity, password, ports, now)
  if (said === undefined) return refuseCredentials('access/sas-ended', hidden, 'this hub takes no shared access signatures')
  if (!said.ok) return fail(said.error)
  if (said.value.by.authentication.policy === undefined) remembered.keep(digest, said.value)
  return said
}

function principalOf({ identity }: DeviceClaim, { device, by }: ProvenBy): Principal {
  return {
    device: identity,
    subject: { identity, username: identity, clientId: identity, attributes: {} },
    generationId: device.generationId,
    mode: 'azure',
    authentication: by.authentication,
    expiresAt: by.expiresAt,
    userName: undefined,
    modelId: undefined,
  }
}

/** Tokens that were verified, by their digest: a copy of this table opens nothing. */
class RememberedTokens {
  readonly #proven = new Map<string, ProvenBy>()

  find(digest: string, device: RegisteredDevice, now: Instant): ProvenBy | undefined {
    const proven = this.#proven.get(digest)
    if (proven === undefined) return undefined
    const { device: then, by } = proven
    const same =
      then.id === device.id && then.generationId === device.generationId && then.etag === device.etag && then.status === device.status
    if (same && device.etag !== undefined && by.expiresAt !== undefined && now < by.expiresAt) return proven
    return undefined
  }

  keep(digest: string, proven: ProvenBy): void {
    if (proven.device.etag === undefined) return
    this.#proven.delete(digest)
    for (const oldest of this.#proven.size >= maxRemembered ? this.#proven.keys() : []) if (this.#proven.delete(oldest)) break
    this.#proven.set(digest, proven)
  }
}
