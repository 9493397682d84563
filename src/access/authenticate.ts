import { type DeviceId, type Instant, type Refusal, type Result, type Secret, fail, ok, parseDeviceId } from '#base'
import { parseUserName } from '#wire/azure'
import { hidden, verifySas } from './authentication/sas.ts'
import type { AuthenticationPorts, RegisteredDevice } from './ports.ts'
import type { Principal } from './principal.ts'

/** What a CONNECT and its TLS session say about the peer. */
export type Credentials = {
  /** The one that will be used: as sent, or assigned by the server where none was sent. */
  readonly clientId: string
  readonly userName: string | undefined
  /** Undefined also where an empty one was sent. */
  readonly password: Secret | undefined
  /** MQTT 5, Authentication Method (0x15) and Authentication Data (0x16). */
  readonly authenticationMethod: string | undefined
  readonly authenticationData: Secret | undefined
  readonly mqttVersion: 4 | 5
  /** Where the peer is, for the record and for whom we ask about it. */
  readonly peerAddress: string
  /** The chain that the client sent, DER, leaf first; empty without a certificate. */
  readonly certificates: readonly Buffer[]
}

/** Why a client was refused: `blame` says which CONNACK code it gets, unless `reasonCode` (an MQTT 5 one, from 0x80 on) does. */
export type Refused = Refusal & { readonly blame: 'credentials' | 'client-id'; readonly reasonCode?: number }

const no = (code: string, message: string, detail?: string) =>
  fail<Refused>({ code, message, blame: 'credentials', ...(detail === undefined ? {} : { detail }) })

/**
 * Proves an identity. Order: user name and client id (IoT Hub's rules when the user name has its form) -> certificate present ->
 * chain or thumbprint -> registered -> enabled. The message for the peer never tells whether a device exists.
 *
 * With an Azure user name the identity is the one it names, the client id must equal it, and the certificate only proves it
 * (azure-wire 1.8, 2.1). Otherwise the certificate names the identity and any client id will do.
 */
export function authenticate(credentials: Credentials, ports: AuthenticationPorts, now: Instant): Result<Principal, Refused> {
  const azure = credentials.userName === undefined ? undefined : parseUserName(credentials.userName)
  let claimed: DeviceId | undefined
  if (azure !== undefined) {
    if (azure.moduleId !== undefined) return no('access/modules-unsupported', 'Module identities are not served yet.')
    if (!ports.isOurHost(azure.host)) return no('access/wrong-host', 'The user name names a host that is not this hub.', azure.host)
    const id = parseDeviceId(azure.deviceId)
    if (!id.ok) return no('access/device-id-malformed', 'The device id in the user name is malformed.')
    claimed = id.value
    if (credentials.clientId !== claimed)
      return fail({
        code: 'access/client-id-mismatch',
        message: 'The client identifier must equal the device id of the user name.',
        blame: 'client-id',
      })
  }
  const leaf = credentials.certificates[0]
  if (claimed !== undefined && credentials.password !== undefined && leaf === undefined) {
    const byToken = bySignature(credentials, claimed, credentials.password, ports, now)
    if (byToken !== undefined) return byToken
  }
  if (leaf === undefined) return no('access/no-certificate', 'A client certificate is needed to connect.')
  if (credentials.password !== undefined)
    return no('access/password-unsupported', 'Passwords and shared access signatures are off; connect with a certificate alone.')
  return claimed === undefined ? byCertificate(credentials, leaf, ports, now) : byName(credentials, claimed, leaf, ports, now)
}

/** Shared access signatures, for devices that are registered with keys. Undefined: the hub takes none, and the device has none. */
function bySignature(
  credentials: Credentials,
  claimed: DeviceId,
  password: Secret,
  ports: AuthenticationPorts,
  now: Instant,
): Result<Principal, Refused> | undefined {
  const device = ports.find(claimed)
  const hasKeys = device?.authentication.type === 'sas'
  if (ports.sas === undefined) return hasKeys ? no('access/sas-ended', hidden, 'this hub takes no shared access signatures') : undefined
  if (now >= ports.sas.allowedUntil)
    return no('access/sas-ended', 'Shared access signatures are not accepted any more; connect with a certificate.')
  if (device === undefined) return no('access/unknown-device', hidden)
  if (!hasKeys) return no('access/password-unsupported', hidden, 'the device is registered with a certificate, and sent a password')
  const verified = verifySas(password, device.id, ports.sas, (host) => ports.isOurHost(host), now)
  if (!verified.ok) return verified
  if (device.status !== 'enabled') return no('access/disabled', hidden, 'the device is disabled')
  return ok({
    device: device.id,
    subject: { identity: device.id, username: device.id, clientId: credentials.clientId, attributes: {} },
    generationId: device.generationId,
    mode: 'azure',
    authentication: { type: 'sas', scope: 'device', method: 'sas', thumbprint: '', serial: undefined },
    expiresAt: verified.value.expiresAt,
    userName: credentials.userName,
  })
}

function byName(
  credentials: Credentials,
  claimed: DeviceId,
  leaf: Buffer,
  ports: AuthenticationPorts,
  now: Instant,
): Result<Principal, Refused> {
  const device = ports.find(claimed)
  if (device === undefined) return no('access/unknown-device', hidden)
  return prove(device, 'azure', credentials, leaf, ports, now)
}

function byCertificate(credentials: Credentials, leaf: Buffer, ports: AuthenticationPorts, now: Instant): Result<Principal, Refused> {
  const facts = ports.leafFacts(leaf)
  if (!facts.ok) return fail({ ...facts.error, blame: 'credentials' })
  const [pinned, other] = ports.withThumbprint(facts.value.fingerprintSha256)
  if (other !== undefined)
    return no('access/shared-credential', 'This certificate is registered for more than one device; name the device in the user name.')
  const name = pinned ?? facts.value.commonName
  const id = name === undefined ? undefined : parseDeviceId(name)
  const device = id?.ok ? ports.find(id.value) : undefined
  if (device === undefined) {
    // Say what is wrong with the certificate first: an expired or foreign one is the likelier mistake.
    const chain = ports.verifyChain(credentials.certificates, now)
    return chain.ok ? no('access/unknown-device', hidden) : fail({ ...chain.error, blame: 'credentials' })
  }
  return prove(device, 'mqtt', credentials, leaf, ports, now)
}

function prove(
  device: RegisteredDevice,
  mode: Principal['mode'],
  credentials: Credentials,
  leaf: Buffer,
  ports: AuthenticationPorts,
  now: Instant,
): Result<Principal, Refused> {
  if (device.authentication.type === 'sas')
    return no('access/no-token', hidden, 'the device is registered with keys, and sent no shared access signature')
  let serial: string | undefined
  let thumbprint: string
  let expiresAt: Instant
  if (device.authentication.type === 'selfSigned') {
    const facts = ports.leafFacts(leaf)
    if (!facts.ok) return fail({ ...facts.error, blame: 'credentials' })
    thumbprint = facts.value.fingerprintSha256
    expiresAt = facts.value.notAfter
    const { primaryThumbprint, secondaryThumbprint } = device.authentication
    if (thumbprint !== primaryThumbprint && thumbprint !== secondaryThumbprint)
      return no('access/wrong-thumbprint', hidden, `presented ${thumbprint}`)
    // IoT Hub is not known to look at validity here; we do (docs/divergences.md).
    if (now < facts.value.notBefore) return no('access/not-yet-valid', 'The client certificate is not valid yet.')
    if (now >= facts.value.notAfter) return no('access/expired', 'The client certificate has expired.')
  } else {
    const chain = ports.verifyChain(credentials.certificates, now)
    if (!chain.ok) return fail({ ...chain.error, blame: 'credentials' })
    if (chain.value.commonName !== device.id)
      return no('access/wrong-common-name', 'The certificate does not belong to this device.', `common name ${chain.value.commonName}`)
    thumbprint = chain.value.fingerprintSha256
    serial = chain.value.serial
    expiresAt = chain.value.chainNotAfter
  }
  if (device.status !== 'enabled') return no('access/disabled', hidden, 'the device is disabled')
  return ok({
    device: device.id,
    subject: { identity: device.id, username: device.id, clientId: credentials.clientId, attributes: {} },
    generationId: device.generationId,
    mode,
    authentication: { type: 'x509', scope: 'device', method: device.authentication.type, thumbprint, serial },
    expiresAt,
    userName: credentials.userName,
  })
}
