import { type Grant, type Instant, type Result, type Secret, instant, ok, plus, refuse } from '#base'
import type { Statement } from '#store'
import { secretLimits } from './limits.ts'
import { contextOf, deletedOf } from './reading.ts'
import { insertVersion, pruneStatement, purgeStatements, updateVersion } from './rows.ts'
import { type From, type Held, type SecretDesk, actorOf, notFound } from './secret-desk.ts'
import type { SecretFact } from './secret-ports.ts'
import {
  type AttributeChange,
  type DeletedSecret,
  type SecretName,
  type SecretVersion,
  attributesOf,
  changed,
  checkAttributes,
  isVersion,
  keyOf,
} from './secret.ts'
import { sealValue } from './sealed-value.ts'

/** What a new version is made of besides its value. */
export type Making = {
  readonly attributes: AttributeChange
  /** When the versions before retire; undefined: they stay as they are. */
  readonly retiresOthersAt?: Instant | undefined
  readonly action: 'secret.set' | 'secret.rotate'
}

/**
 * Gives a secret a new version, and makes the secret if there is none of the name. The value stays the caller's to dispose of. Refuses `vault/secret-value`,
 * `vault/secret-attributes`, `vault/secret-deleted` for the name of one that can still be recovered, `vault/too-many-secrets`, `vault/too-many-versions`.
 */
export async function setSecret(
  desk: SecretDesk,
  grant: Grant<'secret.write'>,
  name: string,
  value: Secret,
  attributes: AttributeChange,
  from: From,
): Promise<Result<SecretVersion>> {
  const allowed = await desk.allow(grant, 'set', name, from)
  if (!allowed.ok) return allowed
  const bytes = value.use((all) => all.length)
  if (bytes === 0 || bytes > secretLimits.valueBytes)
    return refuse('vault/secret-value', `A value has from 1 to ${secretLimits.valueBytes} bytes.`)
  const good = checkAttributes(attributes)
  if (!good.ok) return good
  const made = await desk.change(() => addVersion(desk, grant, allowed.value, value, { attributes, action: 'secret.set' }, from))
  if (made.ok) tellChange(desk, grant, made.value.name, made.value.version, 'set')
  return made
}

/** Adds the version: in the turn of changes. */
export async function addVersion(
  desk: SecretDesk,
  grant: Grant,
  name: SecretName,
  value: Secret,
  { attributes, retiresOthersAt, action }: Making,
  { from }: From,
): Promise<Result<SecretVersion>> {
  const { ports } = desk
  const before = await desk.find(name)
  if (before?.deletedAt !== undefined) return refuse('vault/secret-deleted', `${name} was deleted, and can be recovered or purged.`)
  const room = await roomFor(desk, name, before)
  if (!room.ok) return room
  const now = ports.clock.now()
  const item: SecretVersion = {
    // The first name that was given stays.
    name: before?.newest.name ?? name,
    version: ports.random.bytes(16).toString('hex'),
    ...attributesOf(attributes),
    createdAt: now,
    updatedAt: now,
    retiresAt: undefined,
  }
  const context = contextOf(item.name, item.version)
  const copy = value.use((bytes) => Buffer.from(bytes))
  const sealed = await sealValue(copy, context, ports.wrapper, ports.random)
  copy.fill(0)
  const sequence = (before?.sequence ?? 0) + 1
  const statements: Statement[] = [
    ...(before === undefined ? [{ sql: 'INSERT INTO secrets (key, name) VALUES (?, ?)', args: [keyOf(name), name], expect: 1 }] : []),
    insertVersion(item, sequence, sealed),
    ...(retiresOthersAt === undefined ? [] : [retireOthers(item, retiresOthersAt, now)]),
    pruneStatement(name, sequence),
  ]
  const resource = `secret:${item.name}`
  const done = await desk.commit(grant, { action, resource, detail: { version: item.version, from } }, statements)
  return done.ok ? ok(item) : done
}

async function roomFor(desk: SecretDesk, name: SecretName, before: Held | undefined): Promise<Result<void>> {
  const { store } = desk.ports
  if (before === undefined) {
    const [row] = await store.query('SELECT count(*) AS n FROM secrets')
    if (Number(row?.['n']) >= secretLimits.secrets) return refuse('vault/too-many-secrets', `There are ${secretLimits.secrets} already.`)
    return ok(undefined)
  }
  const [row] = await store.query('SELECT count(*) AS n, sum(enabled) AS enabled FROM secret_versions WHERE key = ?', keyOf(name))
  return Number(row?.['enabled']) < secretLimits.versions
    ? ok(undefined)
    : refuse('vault/too-many-versions', `${name} has ${secretLimits.versions} enabled versions. Disable some.`)
}

/** Versions before this one end at `at`, unless they end sooner; those that would end now are disabled now. */
function retireOthers(item: SecretVersion, at: Instant, now: Instant): Statement {
  return {
    sql: `UPDATE secret_versions SET enabled = CASE WHEN ? <= ? THEN 0 ELSE enabled END, retires_at = CASE WHEN ? <= ? THEN NULL ELSE min(coalesce(retires_at, ?), ?) END
      WHERE key = ? AND version <> ? AND enabled = 1`,
    args: [at, now, at, now, at, at, keyOf(item.name), item.version],
  }
}

/** Changes what is said of a version. Refuses `vault/secret-not-found`, `vault/secret-attributes`. Without a version: the newest. */
export async function updateSecret(
  desk: SecretDesk,
  grant: Grant<'secret.write'>,
  name: string,
  version: string | undefined,
  change: AttributeChange,
  { from }: From,
): Promise<Result<SecretVersion>> {
  const allowed = await desk.allow(grant, 'set', name, { from })
  if (!allowed.ok) return allowed
  const good = checkAttributes(change)
  if (!good.ok) return good
  const updated = await desk.change(async () => {
    const found = version === undefined ? await newest(desk, name) : isVersion(version) ? await desk.version(name, version) : notFound(name)
    if (!found.ok) return found
    const item = changed(found.value, change, desk.ports.clock.now())
    const detail = { version: item.version, enabled: item.enabled, from }
    const done = await desk.commit(grant, { action: 'secret.update', resource: `secret:${item.name}`, detail }, [updateVersion(item)])
    return done.ok ? ok(item) : done
  })
  if (updated.ok) tellChange(desk, grant, updated.value.name, updated.value.version, 'updated')
  return updated
}

async function newest(desk: SecretDesk, name: string): Promise<Result<SecretVersion>> {
  const held = await desk.live(name)
  return held.ok ? ok(held.value.newest) : held
}

/** Deletes a secret with its versions; until its time is over it can be recovered. Refuses `vault/secret-not-found`. */
export async function deleteSecret(
  desk: SecretDesk,
  grant: Grant<'secret.write'>,
  name: string,
  { from }: From,
): Promise<Result<DeletedSecret>> {
  const allowed = await desk.allow(grant, 'delete', name, { from })
  if (!allowed.ok) return allowed
  const deleted = await desk.change(async () => {
    const held = await desk.live(name)
    if (!held.ok) return held
    const deletedAt = desk.ports.clock.now()
    const purgesAt = plus(deletedAt, desk.ports.retentionMs)
    const statement = {
      sql: 'UPDATE secrets SET deleted_at = ?, purges_at = ? WHERE key = ? AND deleted_at IS NULL',
      args: [deletedAt, purgesAt, keyOf(name)],
      expect: 1,
    }
    const resource = `secret:${held.value.newest.name}`
    const done = await desk.commit(grant, { action: 'secret.delete', resource, detail: { from } }, [statement])
    return done.ok ? ok(deletedOf({ ...held.value, deletedAt, purgesAt })) : done
  })
  if (deleted.ok) tellChange(desk, grant, deleted.value.item.name, null, 'deleted')
  return deleted
}

/** Takes a deletion back. Refuses `vault/secret-not-found`. */
export async function recoverSecret(
  desk: SecretDesk,
  grant: Grant<'secret.write'>,
  name: string,
  { from }: From,
): Promise<Result<SecretVersion>> {
  const allowed = await desk.allow(grant, 'delete', name, { from })
  if (!allowed.ok) return allowed
  const recovered = await desk.change(async () => {
    const held = await desk.dead(name)
    if (!held.ok) return held
    const statement = {
      sql: 'UPDATE secrets SET deleted_at = NULL, purges_at = NULL WHERE key = ? AND deleted_at IS NOT NULL',
      args: [keyOf(name)],
      expect: 1,
    }
    const { newest: item } = held.value
    const done = await desk.commit(grant, { action: 'secret.recover', resource: `secret:${item.name}`, detail: { from } }, [statement])
    return done.ok ? ok(item) : done
  })
  if (recovered.ok) tellChange(desk, grant, recovered.value.name, null, 'recovered')
  return recovered
}

/** Ends a deleted secret for good. Refuses `vault/secret-not-found`. */
export async function purgeSecret(desk: SecretDesk, grant: Grant<'secret.write'>, name: string, from: From): Promise<Result<void>> {
  const allowed = await desk.allow(grant, 'purge', name, from)
  if (!allowed.ok) return allowed
  return await desk.change(() => purge(desk, grant, name, from))
}

/** Ends a deleted secret: in the turn of changes, nobody asked. */
export async function purge(desk: SecretDesk, grant: Grant, name: string, { from }: From): Promise<Result<void>> {
  const held = await desk.dead(name)
  if (!held.ok) return held
  const { newest: item } = held.value
  const what = { action: 'secret.purge', resource: `secret:${item.name}`, detail: { from } }
  const done = await desk.commit(grant, what, purgeStatements(name))
  if (done.ok) tellChange(desk, grant, item.name, null, 'purged')
  return done
}

/** Tells journal and listeners of a change that has become durable. */
export function tellChange(
  desk: SecretDesk,
  grant: Grant,
  name: string,
  version: string | null,
  what: Extract<SecretFact, { readonly kind: 'secret-changed' }>['what'],
): void {
  desk.ports.tell({ kind: 'secret-changed', time: instant(desk.ports.clock.now()), actor: actorOf(grant), name, version, what })
  desk.changed(name)
}
