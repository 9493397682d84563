import { type KeyObject, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { SignJWT } from 'jose'
import { HubProcess } from '../hub.ts'

/** What service SDKs take as a credential (`TokenCredential`). */
export type Credential = { getToken(scope: string | string[]): Promise<{ token: string; expiresOnTimestamp: number }> }

/** A hub with back ends that may call it, as the stock service SDKs want to know them. */
export type BackEnd = AsyncDisposable & {
  readonly process: HubProcess
  /** What stands as HostName in connection strings: the SDKs take no port there. */
  readonly host: string
  /** Connection strings of a policy that may do everything but act as devices, and of one that reads the registry alone. */
  readonly owner: string
  readonly reader: string
  /** The key of `owner`, base64. */
  readonly key: string
  /** A service with this role that signs its own tokens. */
  credential(role: ServiceRole): Credential
}

const roles = { 'data-reader': 'IoT Hub Data Reader', 'registry-contributor': 'IoT Hub Registry Contributor' } as const

/** The roles that services of these tests have. */
export type ServiceRole = keyof typeof roles

/**
 * Starts a hub on port 443 of a loopback address, for the service SDKs take no other, and makes this process trust it: they take no authority
 * either. Undefined where the port may not be bound.
 */
export async function openBackEnd(host: string): Promise<BackEnd | undefined> {
  if (!(await mayBind(host, 443))) return undefined
  const until = new Date(Date.now() + 86_400_000).toISOString()
  const settings = `broker: {deniedDelaySeconds: 0}
authentication: {sas: {allowedUntil: "${until}"}}
services: {sharedAccessPolicies: {allowedUntil: "${until}"}}
`
  await using scope = new AsyncDisposableStack()
  const hub = scope.use(await HubProcess.open({ host, ports: { https: 443 }, settings }))
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, hub.rootPem])
  scope.defer(() => setDefaultCACertificates(before))
  const soon = new Date(Date.now() + 3_600_000).toISOString()
  const made = async (path: string, body: Readonly<Record<string, unknown>>) => {
    const answer = await hub.api('POST', path, { ...body, until: soon })
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${answer.text}`)
    return answer.json
  }
  const owner = await made('/api/v1/shared-access-policies', { name: 'owner', rights: ['RegistryWrite', 'ServiceConnect'] })
  const reader = await made('/api/v1/shared-access-policies', { name: 'reader', rights: ['RegistryRead'] })
  const credentials = new Map<string, Credential>()
  for (const [name, role] of Object.entries(roles)) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    await made('/api/v1/services', { name, roles: [role], publicKey: publicKey.export({ format: 'jwk' }) })
    credentials.set(name, credentialOf(name, privateKey))
  }
  // The hub names itself first by another of its names, which is not where this one listens.
  const at = (policy: Readonly<Record<string, unknown>>) =>
    String(policy['connectionString']).replace(/^HostName=[^;]*/, `HostName=${host}`)
  const held = scope.move()
  return {
    process: hub,
    host,
    owner: at(owner),
    reader: at(reader),
    key: String(owner['primaryKey']),
    credential(role) {
      const found = credentials.get(role)
      if (found === undefined) throw new Error(`no service ${role}`)
      return found
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** Tokens as a service signs them for itself, for whatever scope the SDK asks (azure-wire 1.10). */
function credentialOf(name: string, key: KeyObject): Credential {
  const issuer = `urn:thingwall:service:${name}`
  return {
    async getToken(scope) {
      const audience = [scope].flat().map((one) => one.replace(/\/\.default$/, ''))
      const token = await new SignJWT()
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
        .setIssuer(issuer)
        .setSubject(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(key)
      return { token, expiresOnTimestamp: Date.now() + 3_600_000 }
    },
  }
}

function mayBind(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}
