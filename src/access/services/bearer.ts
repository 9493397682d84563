import type { JWTPayload } from 'jose'
import { type Instant, type Result, instant, ok } from '#base'
import { isSafeText } from '../authentication/identity.ts'
import { type KeySet, serviceAlgorithms } from '../authentication/key-set.ts'
import { type ReadToken, instantOf, readToken, verifyRead } from '../authentication/token.ts'
import { type ServiceRequest, refuseService } from './contract.ts'
import { type Role, parseRole } from './permissions.ts'
import type { HeldService } from './records.ts'

/** What back ends ask tokens for; the audience is the scope without `/.default`, with and without a slash at its end (azure-wire 1.10). */
const hubAudience = 'https://iothubs.azure.net'
const eventHubsAudience = 'https://eventhubs.azure.net'
const vaultAudience = 'https://vault.azure.net'

/** Issuer and subject of a back end that signs its own tokens, before its name. */
export const servicePrefix = 'urn:thingwall:service:'

/** A back end signs a token for at most this long, give or take the clock. */
const ownTokenSeconds = 60 * 60

/** Most characters of a subject, and most values of a claim of roles that are looked at. */
const most = { subjectCharacters: 256, roles: 256 } as const

/** Somebody outside who issues tokens for back ends. */
export type Issuer = {
  /** Its `iss`, to the letter. */
  readonly issuer: string
  readonly keys: KeySet
  /** What `aud` must hold; undefined: what clients of IoT Hub ask for. */
  readonly audience: string | undefined
  /** The claim that names roles, with dots into objects; undefined: `roles`, `scp` and `groups`. */
  readonly rolesClaim: string | undefined
}

/** What verifies bearer tokens. */
export type BearerPorts = {
  readonly issuers: readonly Issuer[]
  held(name: string): HeldService | undefined
  /** The names of this hub: a token for `https://{name}` is for it alone. */
  readonly names: readonly string[]
}

/** Whom a token has proven. `service` is the registered one, where it is one. */
export type Bearer = {
  readonly id: string
  readonly service: string | undefined
  readonly roles: readonly Role[]
  /** The token is for Event Hubs alone: any event hub may have seen it, so it reads telemetry here, if a role allows that, and does nothing else. */
  readonly readsOnly: boolean
  readonly expiresAt: Instant
}

/**
 * Verifies a bearer token: of a registered back end by the key that was registered, of an issuer in the settings by its key set. The key decides the
 * algorithm; `iss`, `aud`, `sub` and `exp` must be there, and a role of ours.
 */
export async function verifyBearer(text: string, kind: ServiceRequest['kind'], ports: BearerPorts, now: Instant): Promise<Result<Bearer>> {
  const read = readToken(text, serviceAlgorithms, /^(?:application\/)?(?:at\+)?jwt$/i)
  if (!read.ok) return refuseService(read.error.detail ?? read.error.code)
  const { issuer } = read.value
  if (issuer?.startsWith(servicePrefix) === true) return await byService(read.value, issuer, kind, ports, now)
  const known = ports.issuers.find((one) => one.issuer === issuer)
  if (known === undefined) return refuseService('the token is of an issuer that this hub does not know')
  return await byIssuer(read.value, known, kind, ports, now)
}

async function byService(
  token: ReadToken,
  issuer: string,
  kind: ServiceRequest['kind'],
  ports: BearerPorts,
  now: Instant,
): Promise<Result<Bearer>> {
  const name = issuer.slice(servicePrefix.length)
  const held = ports.held(name)
  if (held === undefined) return refuseService(`no service ${name.slice(0, 64)} is registered, or not any more`)
  const { service, key } = held
  const signer = { key, algorithm: service.algorithm }
  const audiences = [...audiencesFor(kind, ports.names), ...(kind === 'key-vault' ? domainsAbove(ports.names) : [])]
  const verified = await verifyRead(token, { issuer, audiences }, signer, now)
  if (!verified.ok) return refuseService(`${name}: ${verified.error.detail ?? verified.error.code}`)
  const { sub, exp, iat } = verified.value
  if (sub !== issuer) return refuseService(`${name}: sub is not ${issuer}`)
  if (typeof exp !== 'number' || typeof iat !== 'number' || exp - iat > ownTokenSeconds)
    return refuseService(`${name}: the token is for more than an hour, or does not say when it was made`)
  const expiresAt = instant(Math.min(instantOf(exp), service.expiresAt))
  const readsOnly = !isForHub(verified.value.aud, audiences)
  return ok({ id: name, service: name, roles: service.roles, readsOnly, expiresAt })
}

async function byIssuer(
  token: ReadToken,
  known: Issuer,
  kind: ServiceRequest['kind'],
  ports: BearerPorts,
  now: Instant,
): Promise<Result<Bearer>> {
  if (token.kid === undefined) return refuseService('the token names no key')
  const signer = await known.keys.key(token.kid)
  if (!signer.ok) return refuseService(signer.error.detail ?? signer.error.code)
  const audiences = known.audience === undefined ? audiencesFor(kind, ports.names) : [known.audience]
  const verified = await verifyRead(token, { issuer: known.issuer, audiences }, signer.value, now)
  if (!verified.ok) return refuseService(verified.error.detail ?? verified.error.code)
  const { sub, exp } = verified.value
  if (typeof sub !== 'string' || typeof exp !== 'number' || sub === '' || sub.length > most.subjectCharacters || !isSafeText(sub))
    return refuseService('sub or exp is not as it should be')
  const roles = rolesIn(verified.value, known.rolesClaim)
  if (roles.length === 0) return refuseService(`${sub} has no role of this hub`)
  const readsOnly = !isForHub(verified.value.aud, audiences)
  return ok({ id: `${sub}@${known.issuer}`, service: undefined, roles, readsOnly, expiresAt: instantOf(exp) })
}

/** What `aud` may be. An Event Hubs token reads telemetry and opens nothing else. */
function audiencesFor(kind: ServiceRequest['kind'], names: readonly string[]): readonly string[] {
  const more = kind === 'event-hubs' ? [eventHubsAudience] : kind === 'key-vault' ? [vaultAudience] : []
  const bases = [hubAudience, ...names.map((name) => `https://${name}`), ...more]
  return bases.flatMap((base) => [base, `${base}/`])
}

/**
 * Clients of Key Vault ask for the domain above the vault's host. Only back ends with a key of their own registered here are taken at that: whoever else
 * hears tokens of an issuer for the whole domain could show them here.
 */
function domainsAbove(names: readonly string[]): readonly string[] {
  const above = names.flatMap((name) =>
    name.includes('.') && !/^[\d.]+$/.test(name) ? [`https://${name.slice(name.indexOf('.') + 1)}`] : [],
  )
  return above.flatMap((base) => [base, `${base}/`])
}

/** Whether a verified `aud` names, of the audiences that it may, one that is not Event Hubs. */
function isForHub(aud: JWTPayload['aud'], audiences: readonly string[]): boolean {
  const held = typeof aud === 'string' ? [aud] : (aud ?? [])
  return held.some((one) => audiences.includes(one) && one !== eventHubsAudience && one !== `${eventHubsAudience}/`)
}

function rolesIn(payload: JWTPayload, rolesClaim: string | undefined): readonly Role[] {
  const claims = rolesClaim === undefined ? ['roles', 'scp', 'groups'] : [rolesClaim]
  const words = claims.flatMap((claim) => wordsOf(claimOf(payload, claim)))
  const roles = words.slice(0, most.roles).flatMap((word) => parseRole(word) ?? [])
  return [...new Set(roles)]
}

/** A claim by its name, else by a path of names with dots between them: `realm_access.roles`. */
function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name]
  return name.split('.').reduce<unknown>((at, part) => memberOf(at, part), payload)
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
}

/** A list of texts, or one text with spaces between words (RFC 8693, `scp`) or without: a role's name has spaces of its own. */
function wordsOf(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return [claim, ...claim.split(' ')]
  return Array.isArray(claim) ? claim.filter((one) => typeof one === 'string') : []
}
