import { type Instant, type Result, Secret, ok } from '#base'
import { type Certificate, type GeneralName, formatAddress, parseAddress } from '#wire/x509'
import { type Authority, type Foundry, fingerprintOf, isDue, makeOwn, newest, openKey, pemOf, validityFrom } from './authority.ts'
import { makeKeyPair, privateKeyPem } from './key-pair.ts'
import { limits } from './limits.ts'
import { profiles } from './profile.ts'

/** What the listeners serve. */
export type ServerCertificate = {
  /** Leaf, then the issuer, then what leads clients of a root that is leaving to the new one. */
  readonly certificatePem: string
  readonly keyPem: Secret
  readonly names: readonly GeneralName[]
  readonly serial: string
  readonly fingerprintSha256: string
  readonly notBefore: Instant
  readonly notAfter: Instant
}

/**
 * The names that the server certificate carries: those configured, and always this machine to itself. Names are lower-cased, addresses
 * put in their one form, duplicates dropped. An address given as a name, or the reverse, is refused by the lint.
 */
export function serverNames(names: readonly string[], addresses: readonly string[]): readonly GeneralName[] {
  const dns = new Set([...names.map((name) => name.toLowerCase().replace(/\.$/, '')), 'localhost'])
  const numbers = new Set(
    [...addresses, '127.0.0.1', '::1'].map((address) => formatAddress(parseAddress(address) ?? Buffer.alloc(0)) ?? address),
  )
  return [
    ...[...dns].map((value) => ({ kind: 'dns', value }) as const),
    ...[...numbers].map((value) => ({ kind: 'address', value }) as const),
  ]
}

/** What a server certificate is made for: the hub's names, or probes of trust in a new root. */
export type ServerRole = 'server' | 'probe'

/** Opens the current server certificate; undefined when there is none, it names other names, comes from another issuer, or is due for renewal. */
async function currentServerCertificate(
  foundry: Foundry,
  authority: Authority,
  names: readonly GeneralName[],
  now: Instant,
  bridge: readonly Certificate[] = [],
  role: ServerRole = 'server',
): Promise<Result<ServerCertificate | undefined>> {
  const kept = await newest(foundry, role)
  if (!kept.ok) return kept
  if (!kept.value) return ok(undefined)
  const { certificate } = kept.value
  const same = JSON.stringify(certificate.extensions.alternativeNames) === JSON.stringify(names)
  if (!same || isDue(certificate, now) || !certificate.issuer.der.equals(authority.issuer.identity.subject)) return ok(undefined)
  const key = openKey(foundry, kept.value)
  if (!key.ok) return key
  using secret = key.value
  const { serial, notBefore, notAfter, der } = certificate
  const certificatePem = [certificate, authority.certificate, ...(authority.chain ?? bridge)].map(pemOf).join('')
  return ok({ certificatePem, keyPem: privateKeyPem(secret), names, serial, notBefore, notAfter, fingerprintSha256: fingerprintOf(der) })
}

/** The current server certificate, or a new one. `bridge` is served after the issuer. */
export async function serverCertificate(
  foundry: Foundry,
  { servers, bridge }: { readonly servers: Authority; readonly bridge: readonly Certificate[] },
  names: readonly GeneralName[],
  now: Instant,
  role: ServerRole = 'server',
): Promise<Result<ServerCertificate>> {
  const current = await currentServerCertificate(foundry, servers, names, now, bridge, role)
  if (!current.ok) return current
  return current.value ? ok(current.value) : await issueServerCertificate(foundry, servers, names, now, bridge, role)
}

const probePrefix = 'probe.'

/** The names by which clients ask for the new root alone: `probe.` before each DNS name that leaves room for it. */
export function probeNames(names: readonly GeneralName[]): readonly GeneralName[] {
  const room = limits.dnsNameCharacters - probePrefix.length
  return names.flatMap(({ kind, value }) => (kind === 'dns' && value.length <= room ? [{ kind, value: `${probePrefix}${value}` }] : []))
}

/** Makes a new server certificate with a new key, keeps it, and opens it. */
async function issueServerCertificate(
  foundry: Foundry,
  authority: Authority,
  names: readonly GeneralName[],
  now: Instant,
  bridge: readonly Certificate[] = [],
  role: ServerRole = 'server',
): Promise<Result<ServerCertificate>> {
  const pair = await makeKeyPair()
  using _private = pair.privateKey
  const [first] = names
  // Clients look at the alternative names only; the common name is for people, and must be short.
  const commonName = first && first.value.length <= limits.commonNameCharacters ? first.value : 'thingwall'
  const validity = validityFrom(now, profiles.server.defaultLifetimeMs, authority.issuer.identity)
  const made = await makeOwn(foundry, authority.issuer, role, pair, { commonName, alternativeNames: names, validity })
  if (!made.ok) return made
  const opened = await currentServerCertificate(foundry, authority, names, now, bridge, role)
  if (!opened.ok) return opened
  if (!opened.value) throw new Error('bug: the server certificate was made but is not there')
  return ok(opened.value)
}
