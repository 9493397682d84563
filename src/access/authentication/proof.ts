import { type CertificateProof, type DeviceId, type Instant, type Result, type Secret, fail, identityParts, ok } from '#base'
import type { Refused } from '../authenticate.ts'
import type { AuthenticationPorts, RegisteredDevice } from '../ports.ts'
import type { Principal } from '../principal.ts'
import { refuseCredentials as no } from './identity.ts'
import { hidden, verifySas } from './sas.ts'

/** A registered device or module that has been proven, and by what. */
export type ProvenBy = {
  readonly device: RegisteredDevice
  readonly by: { readonly authentication: Principal['authentication']; readonly expiresAt: Instant | undefined }
}

/** Shared access signatures, for what is registered with keys. Undefined: the hub takes none, and the identity has none. */
export function proveByToken(
  claimed: DeviceId,
  password: Secret,
  ports: AuthenticationPorts,
  now: Instant,
): Result<ProvenBy, Refused> | undefined {
  const device = ports.find(claimed)
  const hasKeys = device?.authentication.type === 'sas'
  if (ports.sas === undefined) return hasKeys ? no('access/sas-ended', hidden, 'this hub takes no shared access signatures') : undefined
  if (now >= ports.sas.allowedUntil)
    return no('access/sas-ended', 'Shared access signatures are not accepted any more; connect with a certificate.')
  if (device === undefined) return no('access/unknown-device', hidden)
  if (!hasKeys) return no('access/password-unsupported', hidden, `${claimed} is registered without keys, and sent a password`)
  const verified = verifySas(password, device.id, ports.sas, (host) => ports.isOurHost(host), now)
  if (!verified.ok) return verified
  if (device.status !== 'enabled') return no('access/disabled', hidden, 'the device is disabled')
  const { expiresAt, policy } = verified.value
  const scope = scopeOf(device.id)
  return ok({ device, by: { authentication: { type: 'sas', scope, method: 'sas', thumbprint: '', serial: undefined, policy }, expiresAt } })
}

/** A certificate, for what is registered with one: by its chain and common name, or by its thumbprint (azure-wire 1.8). */
export function proveByCertificate(
  device: RegisteredDevice,
  certificates: readonly Buffer[],
  leaf: Buffer,
  ports: AuthenticationPorts,
  now: Instant,
): Result<ProvenBy, Refused> {
  const { authentication } = device
  if (authentication.type === 'sas')
    return no('access/no-token', hidden, 'the device is registered with keys, and sent no shared access signature')
  if (authentication.type === 'none') return no('access/no-credential', hidden, 'the module has no credential: its device connects for it')
  const proven =
    authentication.type === 'selfSigned' ? byThumbprint(authentication, leaf, ports, now) : byChain(device.id, certificates, ports, now)
  if (!proven.ok) return proven
  if (device.status !== 'enabled') return no('access/disabled', hidden, 'the device is disabled')
  const { expiresAt, thumbprint, serial, proof } = proven.value
  const scope = scopeOf(device.id)
  return ok({ device, by: { authentication: { type: 'x509', scope, method: authentication.type, thumbprint, serial, proof }, expiresAt } })
}

type Certified = {
  readonly thumbprint: string
  readonly serial: string | undefined
  readonly expiresAt: Instant
  readonly proof: CertificateProof | undefined
}

function byThumbprint(
  pinned: Extract<RegisteredDevice['authentication'], { readonly type: 'selfSigned' }>,
  leaf: Buffer,
  ports: AuthenticationPorts,
  now: Instant,
): Result<Certified, Refused> {
  const facts = ports.leafFacts(leaf)
  if (!facts.ok) return fail({ ...facts.error, blame: 'credentials' })
  const { fingerprintSha256: thumbprint, notBefore, notAfter, proof } = facts.value
  if (thumbprint !== pinned.primaryThumbprint && thumbprint !== pinned.secondaryThumbprint)
    return no('access/wrong-thumbprint', hidden, `presented ${thumbprint}`)
  // IoT Hub is not known to look at validity here; we do (docs/divergences.md).
  if (now < notBefore) return no('access/not-yet-valid', 'The client certificate is not valid yet.')
  if (now >= notAfter) return no('access/expired', 'The client certificate has expired.')
  return ok({ thumbprint, serial: undefined, expiresAt: notAfter, proof })
}

function byChain(
  identity: DeviceId,
  certificates: readonly Buffer[],
  ports: AuthenticationPorts,
  now: Instant,
): Result<Certified, Refused> {
  const chain = ports.verifyChain(certificates, now)
  if (!chain.ok) return fail({ ...chain.error, blame: 'credentials' })
  const { commonName, fingerprintSha256, serial, chainNotAfter, proof } = chain.value
  if (commonName !== identity)
    return no('access/wrong-common-name', 'The certificate does not belong to this device.', `common name ${commonName}`)
  return ok({ thumbprint: fingerprintSha256, serial, expiresAt: chainNotAfter, proof })
}

function scopeOf(identity: DeviceId): 'device' | 'module' {
  return identityParts(identity).module === undefined ? 'device' : 'module'
}
