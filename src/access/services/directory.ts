import { Fault, type Grant, type Instant, type Result, Secret, ok, refuse } from '#base'
import type { Statement } from '#store'
import { parsePublicJwk } from '../authentication/key-set.ts'
import type { SigningPolicy } from '../authentication/sas.ts'
import type { DirectoryPorts, ServiceChanged } from './directory-ports.ts'
import type { Permission, Role } from './permissions.ts'
import { type HeldPolicy, type HeldService, type RegisteredService, type SharedAccessPolicy, policyOf, serviceOf } from './records.ts'

/** Bounds of the directory. */
export const directoryLimits = {
  services: 1_000,
  /** Five that IoT Hub has from the start and sixteen of one's own (azure-wire 1.6, 10). */
  sharedAccessPolicies: 21,
  /** Longest that a service is registered before somebody looks at it again. */
  lifetimeMs: 366 * 24 * 60 * 60 * 1000,
} as const

/** Bytes of a policy's key, before base64. */
const policyKeyBytes = 32

/** A back end to be: its key as JWK text, its roles, its end. */
export type ServiceSpec = {
  readonly name: string
  readonly roles: readonly Role[]
  readonly publicJwk: string
  readonly expiresAt: Instant
}

/** A shared access policy to be. */
export type PolicySpec = { readonly name: string; readonly permissions: readonly Permission[]; readonly expiresAt: Instant }

/** A new policy with its keys, which are never shown again: base64, as connection strings want them. */
export type NewPolicy = { readonly policy: SharedAccessPolicy; readonly primaryKey: Secret; readonly secondaryKey: Secret }

/** Who the back ends are that were registered here, and the shared access policies. Everything is in memory and in rows alike. */
export interface ServiceDirectory {
  /** Until when policies may be; undefined: there are none. */
  readonly policiesUntil: Instant | undefined
  services(grant: Grant<'service.read'>): readonly RegisteredService[]
  service(grant: Grant<'service.read'>, name: string): RegisteredService | undefined
  policies(grant: Grant<'service.read'>): readonly SharedAccessPolicy[]
  /** Registers a back end. Refuses `access/service-name`, `access/service-key`, `access/service-until`, `access/service-exists`, `access/services-too-many`. */
  add(grant: Grant<'service.write'>, spec: ServiceSpec): Promise<Result<RegisteredService>>
  /** Ends a back end: no token of its key is taken any more. Refuses `access/service-not-found`. */
  remove(grant: Grant<'service.write'>, name: string): Promise<Result<void>>
  /** Makes a policy and its keys. Refuses as {@link ServiceDirectory.add}, and `access/shared-access-off` where the settings allow none. */
  addPolicy(grant: Grant<'service.write'>, spec: PolicySpec): Promise<Result<NewPolicy>>
  /** Ends a policy: no token of its keys is taken any more. Refuses `access/service-not-found`. */
  removePolicy(grant: Grant<'service.write'>, name: string): Promise<Result<void>>
  /** For authentication alone: a back end that has not ended. */
  held(name: string): HeldService | undefined
  /** For authentication alone: a policy that has not ended, with its keys. */
  signing(name: string): SigningPolicy | undefined
  /** Called after a back end or policy was removed. */
  onRemoved(told: (what: ServiceChanged['what'], name: string) => void): void
}

/** Reads the directory from its rows (its tables come from `serviceMigrations`). Rows that cannot be read open nothing; their names stay taken. */
export async function openServiceDirectory(ports: DirectoryPorts, policiesUntil: Instant | undefined): Promise<ServiceDirectory> {
  const services = new Map<string, HeldService | undefined>()
  for (const row of await ports.store.query('SELECT * FROM services ORDER BY name')) services.set(String(row['name']), serviceOf(row))
  const policies = new Map<string, HeldPolicy | undefined>()
  for (const row of await ports.store.query('SELECT * FROM shared_access_policies ORDER BY name'))
    policies.set(String(row['name']), policyOf(row))
  const listeners: ((what: ServiceChanged['what'], name: string) => void)[] = []
  const change = { ports, gone: (what: ServiceChanged['what'], name: string) => listeners.forEach((told) => told(what, name)) }

  return {
    policiesUntil,
    services: () => [...services.values()].flatMap((held) => (held === undefined ? [] : [held.service])),
    service: (_grant, name) => services.get(name)?.service,
    policies: () => [...policies.values()].flatMap((held) => (held === undefined ? [] : [held.policy])),
    add: (grant, spec) => addService(change, services, grant, spec),
    remove: (grant, name) => removeOne(change, services, grant, 'service', name),
    addPolicy: (grant, spec) => addPolicy(change, policies, grant, spec, policiesUntil),
    removePolicy: (grant, name) => removeOne(change, policies, grant, 'shared-access-policy', name),
    held(name) {
      const held = services.get(name)
      return held !== undefined && ports.clock.now() < held.service.expiresAt ? held : undefined
    },
    signing(name) {
      const held = policies.get(name)
      const now = ports.clock.now()
      if (held === undefined || policiesUntil === undefined || now >= policiesUntil || now >= held.policy.expiresAt) return undefined
      return keysOf(held, policiesUntil, ports)
    },
    onRemoved: (told) => void listeners.push(told),
  }
}

type Change = { readonly ports: DirectoryPorts; readonly gone: (what: ServiceChanged['what'], name: string) => void }

// What a connection string, a URN and a file name can hold alike.
const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

function judge(name: string, expiresAt: Instant, taken: ReadonlyMap<string, unknown>, most: number, now: Instant): Result<void> {
  if (!namePattern.test(name)) return refuse('access/service-name', 'A name has 1 to 64 letters, digits, and - . _ after the first.')
  if (!(expiresAt > now && expiresAt <= now + directoryLimits.lifetimeMs))
    return refuse('access/service-until', 'The end lies in the future, and at most 366 days ahead.')
  if (taken.has(name)) return refuse('access/service-exists', `${name} exists already.`)
  return taken.size < most ? ok(undefined) : refuse('access/services-too-many', `There are ${most} already.`)
}

async function addService(
  { ports }: Change,
  services: Map<string, HeldService | undefined>,
  grant: Grant<'service.write'>,
  spec: ServiceSpec,
): Promise<Result<RegisteredService>> {
  const now = ports.clock.now()
  const good = judge(spec.name, spec.expiresAt, services, directoryLimits.services, now)
  if (!good.ok) return good
  const key = parsePublicJwk(spec.publicJwk)
  if (key === undefined || spec.roles.length === 0)
    return refuse('access/service-key', 'The key is a public one as JWK: P-256, Ed25519, or RSA from 2048 bits on; and there is a role.')
  const { thumbprint: keyThumbprint, algorithm } = key
  const roles = Object.freeze([...new Set(spec.roles)])
  const { name, expiresAt } = spec
  const service = Object.freeze({ name, roles, keyThumbprint, algorithm, expiresAt, createdAt: now, createdBy: actorOf(grant) })
  const statement: Statement = {
    sql: 'INSERT INTO services (name, roles, public_jwk, expires_at, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?)',
    args: [name, JSON.stringify(roles), key.canonical, expiresAt, now, service.createdBy],
  }
  const detail = { roles: roles.join(', '), keyThumbprint, until: expiresAt }
  const outcome = await ports.commit(grant, { action: 'service.add', resource: `service:${name}`, detail }, [statement])
  if (!outcome.ok) return refuse('access/service-exists', `${name} exists already.`)
  services.set(name, { service, key: key.key })
  tell(ports, grant, 'service-added', 'service', { name, rights: roles, until: expiresAt })
  return ok(service)
}

async function addPolicy(
  { ports }: Change,
  policies: Map<string, HeldPolicy | undefined>,
  grant: Grant<'service.write'>,
  spec: PolicySpec,
  allowedUntil: Instant | undefined,
): Promise<Result<NewPolicy>> {
  const now = ports.clock.now()
  if (allowedUntil === undefined || now >= allowedUntil)
    return refuse(
      'access/shared-access-off',
      'Shared access policies are off. To allow them for a time, say until when in the settings: services.sharedAccessPolicies.allowedUntil.',
    )
  const good = judge(spec.name, spec.expiresAt, policies, directoryLimits.sharedAccessPolicies, now)
  if (!good.ok) return good
  if (spec.expiresAt > allowedUntil)
    return refuse('access/service-until', 'The end lies behind services.sharedAccessPolicies.allowedUntil of the settings.')
  if (spec.permissions.length === 0) return refuse('access/service-key', 'A shared access policy has at least one right.')
  const { name, expiresAt } = spec
  const permissions = Object.freeze([...new Set(spec.permissions)])
  const policy = Object.freeze({ name, permissions, expiresAt, createdAt: now, createdBy: actorOf(grant) })
  const generation = ports.random.bytes(12).toString('hex')
  const both = ports.random.bytes(policyKeyBytes * 2)
  const sealedKeys = ports.seal(purposeOf(name, generation), both)
  const statement: Statement = {
    sql: `INSERT INTO shared_access_policies (name, permissions, generation, sealed_keys, expires_at, created_at, created_by)
      VALUES (?, ?, ?, ?, ?, ?, ?)`,
    args: [name, JSON.stringify(permissions), generation, sealedKeys, expiresAt, now, policy.createdBy],
  }
  const detail = { rights: permissions.join(', '), until: expiresAt }
  const what = { action: 'shared-access-policy.add', resource: `shared-access-policy:${name}`, detail }
  const outcome = await ports.commit(grant, what, [statement])
  const [primaryKey, secondaryKey] = halves(both)
  both.fill(0)
  if (!outcome.ok) return refuse('access/service-exists', `${name} exists already.`)
  policies.set(name, { policy, generation, sealedKeys })
  tell(ports, grant, 'service-added', 'shared-access-policy', { name, rights: permissions, until: expiresAt })
  return ok({ policy, primaryKey: base64(primaryKey), secondaryKey: base64(secondaryKey) })
}

async function removeOne(
  { ports, gone }: Change,
  held: Map<string, HeldService | HeldPolicy | undefined>,
  grant: Grant<'service.write'>,
  what: ServiceChanged['what'],
  name: string,
): Promise<Result<void>> {
  const missing = refuse('access/service-not-found', `There is no ${name}.`)
  if (!held.has(name)) return missing
  const sql = what === 'service' ? 'DELETE FROM services WHERE name = ?' : 'DELETE FROM shared_access_policies WHERE name = ?'
  const entry = { action: `${what}.remove`, resource: `${what}:${name}` }
  const outcome = await ports.commit(grant, entry, [{ sql, args: [name], expect: 1 }])
  if (!outcome.ok) {
    if (held.has(name)) throw new Fault('access/directory-differs', `The rows no longer hold ${name}.`)
    return missing
  }
  held.delete(name)
  gone(what, name)
  tell(ports, grant, 'service-removed', what, { name, rights: [], until: ports.clock.now() })
  return ok(undefined)
}

function tell(
  ports: DirectoryPorts,
  grant: Grant,
  kind: ServiceChanged['kind'],
  what: ServiceChanged['what'],
  about: Pick<ServiceChanged, 'name' | 'rights' | 'until'>,
): void {
  ports.tell({ kind, time: ports.clock.now(), actor: actorOf(grant), what, ...about })
}

function actorOf({ actor }: Grant): string {
  return `${actor.kind}:${actor.id}`
}

/** The name and a number are part of the purpose, so that sealed keys open for no other policy, nor a later one of the name. */
function purposeOf(name: string, generation: string): string {
  return `access/shared-access-policy ${generation} ${name}`
}

function keysOf({ policy, generation, sealedKeys }: HeldPolicy, until: Instant, ports: DirectoryPorts): SigningPolicy | undefined {
  const opened = ports.unseal(purposeOf(policy.name, generation), sealedKeys)
  if (!opened.ok) return undefined
  using both = opened.value
  const [primary, secondary] = both.use(halves)
  const expiresAt = policy.expiresAt < until ? policy.expiresAt : until
  return { primary, secondary, permissions: new Set(policy.permissions), expiresAt }
}

function halves(both: Buffer): readonly [Secret, Secret] {
  const half = both.length / 2
  return [new Secret(Buffer.from(both.subarray(0, half))), new Secret(Buffer.from(both.subarray(half)))]
}

function base64(key: Secret): Secret {
  using plain = key
  return new Secret(Buffer.from(plain.use((bytes) => bytes.toString('base64'))))
}
