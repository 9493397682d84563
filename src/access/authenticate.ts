import {
  type DeviceId,
  type Instant,
  type Refusal,
  type Result,
  type Secret,
  fail,
  identityOf,
  ok,
  parseDeviceId,
  parseModuleId,
} from '#base'
import { type AzureUserName, parseUserName } from '#wire/azure'
import { type ProvenBy, proveByCertificate, proveByToken } from './authentication/proof.ts'
import { hidden } from './authentication/sas.ts'
import { parseIdentity } from './identity-text.ts'
import type { AuthenticationPorts } from './ports.ts'
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
 * chain or thumbprint -> registered -> enabled. The message for the peer never tells whether a device or module exists.
 *
 * With an Azure user name the identity is the one it names, the client id must equal it, and the certificate or signature only proves it
 * (azure-wire 1.8, 2.1). Otherwise the certificate names the identity and any client id will do.
 */
export function authenticate(credentials: Credentials, ports: AuthenticationPorts, now: Instant): Result<Principal, Refused> {
  const azure = credentials.userName === undefined ? undefined : parseUserName(credentials.userName)
  const claimed = azure === undefined ? ok(undefined) : claimOf(azure, credentials.clientId, ports)
  if (!claimed.ok) return claimed
  const [leaf] = credentials.certificates
  const proven = prove(credentials, claimed.value, leaf, ports, now)
  if (!proven.ok) return proven
  const { device, by } = proven.value
  return ok({
    device: device.id,
    subject: { identity: device.id, username: device.id, clientId: credentials.clientId, attributes: {} },
    generationId: device.generationId,
    mode: claimed.value === undefined ? 'mqtt' : 'azure',
    authentication: by.authentication,
    expiresAt: by.expiresAt,
    userName: credentials.userName,
    modelId: azure?.modelId,
  })
}

/** The identity that an Azure user name claims. Nothing has been proven. */
function claimOf(azure: AzureUserName, clientId: string, ports: AuthenticationPorts): Result<DeviceId, Refused> {
  if (!ports.isOurHost(azure.host)) return no('access/wrong-host', 'The user name names a host that is not this hub.', azure.host)
  const device = parseDeviceId(azure.deviceId)
  if (!device.ok) return no('access/device-id-malformed', 'The device id in the user name is malformed.')
  const module = azure.moduleId === undefined ? ok(undefined) : parseModuleId(azure.moduleId)
  if (!module.ok) return no('access/module-id-malformed', 'The module id in the user name is malformed.')
  const identity = identityOf(device.value, module.value)
  if (clientId === identity) return ok(identity)
  const what = module.value === undefined ? 'device id' : 'device id and module id, with a slash between them,'
  return fail({
    code: 'access/client-id-mismatch',
    message: `The client identifier must equal the ${what} of the user name.`,
    blame: 'client-id',
  })
}

function prove(
  { password, certificates }: Credentials,
  claimed: DeviceId | undefined,
  leaf: Buffer | undefined,
  ports: AuthenticationPorts,
  now: Instant,
): Result<ProvenBy, Refused> {
  if (claimed !== undefined && password !== undefined && leaf === undefined) {
    const byToken = proveByToken(claimed, password, ports, now)
    if (byToken !== undefined) return byToken
  }
  if (leaf === undefined) return no('access/no-certificate', 'A client certificate is needed to connect.')
  if (password !== undefined)
    return no('access/password-unsupported', 'Passwords and shared access signatures are off; connect with a certificate alone.')
  if (claimed === undefined) return byCertificate(certificates, leaf, ports, now)
  const device = ports.find(claimed)
  return device === undefined ? no('access/unknown-device', hidden) : proveByCertificate(device, certificates, leaf, ports, now)
}

function byCertificate(certificates: readonly Buffer[], leaf: Buffer, ports: AuthenticationPorts, now: Instant): Result<ProvenBy, Refused> {
  const facts = ports.leafFacts(leaf)
  if (!facts.ok) return fail({ ...facts.error, blame: 'credentials' })
  const [pinned, other] = ports.withThumbprint(facts.value.fingerprintSha256)
  if (other !== undefined)
    return no('access/shared-credential', 'This certificate is registered for more than one device; name the device in the user name.')
  const name = pinned ?? facts.value.commonName
  const id = name === undefined ? undefined : parseIdentity(name)
  const device = id?.ok ? ports.find(id.value) : undefined
  if (device === undefined) {
    // Say what is wrong with the certificate first: an expired or foreign one is the likelier mistake.
    const chain = ports.verifyChain(certificates, now)
    return chain.ok ? no('access/unknown-device', hidden) : fail({ ...chain.error, blame: 'credentials' })
  }
  return proveByCertificate(device, certificates, leaf, ports, now)
}
