import { type KeyObject, generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { type Role, type ServiceDirectory, roles as allRoles, servicePrefix, systemGrant } from '#access'
import { instant } from '#base'
import { signSharedAccess } from '#wire/azure'

/** A back end with its key: what it needs to sign its own tokens. */
export type TestService = { readonly name: string; readonly privateKey: KeyObject; readonly publicJwk: string }

/** A back end with a new P-256 key, registered nowhere yet: give `publicJwk` (a JSON text) to the hub. */
export function makeService(name: string): TestService {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { name, privateKey, publicJwk: JSON.stringify(publicKey.export({ format: 'jwk' })) }
}

/** Registers a back end at a hub in this process, for a day: `roles` are all of them unless said. */
export async function registerService(
  directory: ServiceDirectory,
  name: string,
  roles: readonly Role[] = allRoles,
  now: number = Date.now(),
): Promise<TestService> {
  const service = makeService(name)
  const spec = { name, roles, publicJwk: service.publicJwk, expiresAt: instant(now + 86_400_000) }
  const added = await directory.add(systemGrant('service.write', `service:${name}`), spec)
  if (!added.ok) throw new Error(added.error.message)
  return service
}

/** What a test may change about a token. Times are milliseconds since the epoch. */
export type TokenOptions = {
  readonly now?: number
  readonly seconds?: number
  readonly audience?: string | readonly string[]
  readonly issuer?: string
  readonly subject?: string
}

/** A bearer token of a back end, as it signs it itself (without `Bearer `). */
export async function bearerToken({ name, privateKey }: TestService, options: TokenOptions = {}): Promise<string> {
  const { now = Date.now(), seconds = 3_600, audience = 'https://iothubs.azure.net', issuer = `${servicePrefix}${name}` } = options
  const { subject = issuer } = options
  const from = Math.floor(now / 1000)
  return await new SignJWT()
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
    .setIssuer(issuer)
    .setSubject(subject)
    .setAudience(typeof audience === 'string' ? audience : [...audience])
    .setIssuedAt(from)
    .setExpirationTime(from + seconds)
    .sign(privateKey)
}

/** What service SDKs take as a credential (`TokenCredential`): tokens for whatever scope they ask for. */
export function credentialOf(service: TestService): {
  getToken(scope: string | string[]): Promise<{ token: string; expiresOnTimestamp: number }>
} {
  return {
    async getToken(scope) {
      const asked = (Array.isArray(scope) ? scope[0] : scope) ?? ''
      const token = await bearerToken(service, { audience: asked.replace(/\/\.default$/, '') })
      return { token, expiresOnTimestamp: Date.now() + 3_600_000 }
    },
  }
}

/** A shared access signature of a policy. `key` is base64, as a connection string has it; Event Hubs clients sign with that text itself. */
export function policyToken(
  policy: string,
  key: string,
  resource: string,
  options: { readonly now?: number; readonly seconds?: number; readonly isEventHubs?: boolean } = {},
): string {
  const { now = Date.now(), seconds = 3_600, isEventHubs = false } = options
  const sr = encodeURIComponent(resource)
  const se = `${Math.floor(now / 1000) + seconds}`
  const sig = signSharedAccess(Buffer.from(key, isEventHubs ? 'utf8' : 'base64'), sr, se).toString('base64')
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${se}&skn=${encodeURIComponent(policy)}`
}
