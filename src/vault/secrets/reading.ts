import { type Grant, type Instant, type Result, type Secret, instant, ok, refuse } from '#base'
import { type Asker, edgeAsker, endpointAsker, refuseAccess } from './access.ts'
import { type From, type Held, type SecretDesk, heldOf, notFound } from './secret-desk.ts'
import { newestJoin, versionColumns, versionOf } from './rows.ts'
import type { RotationPolicy } from './rotation.ts'
import { type DeletedSecret, type SecretName, type SecretVersion, isVersion, keyOf } from './secret.ts'
import { openValue } from './sealed-value.ts'

/** A part of a list, and what to ask for the next part; undefined: this was the last. */
export type SecretPage<T> = { readonly items: readonly T[]; readonly next: string | undefined }

/** Where a list goes on, and how many it may give. */
export type PageOf = { readonly after: string | undefined; readonly limit: number }

/** A version with its value, which the caller disposes of. */
export type ReadSecret = { readonly item: SecretVersion; readonly value: Secret }

/** A secret, as operators look at it: no value. */
export type SecretView = { readonly newest: SecretVersion; readonly rotation: RotationPolicy | undefined }

/** Rows that are looked at for one page, at most; a page may end early and say where to go on. */
const scanned = 500

/** The context that a sealed value is bound to. */
export function contextOf(name: string, version: string): string {
  return `vault/secret/1 ${keyOf(name)} ${version}`
}

/** The newest versions of secrets that the actor may list. */
export async function listSecrets(desk: SecretDesk, grant: Grant<'secret.list'>, page: PageOf): Promise<Result<SecretPage<SecretView>>> {
  const found = await scan(desk, grant, page, 'NULL')
  return found.ok ? ok({ ...found.value, items: found.value.items.map(({ newest, rotation }) => ({ newest, rotation })) }) : found
}

/** Deleted secrets that the actor may list. */
export async function listDeleted(desk: SecretDesk, grant: Grant<'secret.list'>, page: PageOf): Promise<Result<SecretPage<DeletedSecret>>> {
  const found = await scan(desk, grant, page, 'NOT NULL')
  return found.ok ? ok({ ...found.value, items: found.value.items.map(deletedOf) }) : found
}

async function scan(
  desk: SecretDesk,
  grant: Grant,
  { after, limit }: PageOf,
  state: 'NULL' | 'NOT NULL',
): Promise<Result<SecretPage<Held>>> {
  const asker = desk.listsSome(grant.actor)
  if (!asker.ok) return asker
  const rows = await desk.ports.store.query(
    `SELECT ${versionColumns}, s.deleted_at AS deleted_at, s.purges_at AS purges_at, s.rotation AS rotation FROM ${newestJoin}
      WHERE s.key > ? AND s.deleted_at IS ${state} ORDER BY s.key LIMIT ?`,
    keyOf(after ?? ''),
    scanned,
  )
  const items: Held[] = []
  for (const row of rows) {
    const held = heldOf(row)
    if (!desk.lists(grant.actor, held.newest.name)) continue
    if (items.length === limit) return ok({ items, next: items.at(-1)?.newest.name })
    items.push(held)
  }
  const last = rows.at(-1)
  return ok({ items, next: rows.length < scanned || last === undefined ? undefined : heldOf(last).newest.name })
}

/** Versions of one secret, the newest first; `after` is a version. */
export async function listVersions(
  desk: SecretDesk,
  grant: Grant<'secret.list'>,
  name: string,
  { after, limit }: PageOf,
  from: From,
): Promise<Result<SecretPage<SecretVersion>>> {
  const allowed = await desk.allow(grant, 'list', name, from)
  if (!allowed.ok) return allowed
  const held = await desk.live(name)
  if (!held.ok) return held
  const below = after === undefined ? Number.MAX_SAFE_INTEGER : await sequenceOf(desk, name, after)
  if (below === undefined) return notFound(name)
  const rows = await desk.ports.store.query(
    `SELECT ${versionColumns} FROM secrets s JOIN secret_versions v ON v.key = s.key WHERE s.key = ? AND v.sequence < ?
      ORDER BY v.sequence DESC LIMIT ?`,
    keyOf(name),
    below,
    limit + 1,
  )
  const items = rows.slice(0, limit).map(versionOf)
  return ok({ items, next: rows.length > limit ? items.at(-1)?.version : undefined })
}

async function sequenceOf(desk: SecretDesk, name: string, version: string): Promise<number | undefined> {
  const [row] = await desk.ports.store.query('SELECT sequence FROM secret_versions WHERE key = ? AND version = ?', keyOf(name), version)
  return row === undefined ? undefined : Number(row['sequence'])
}

/** A secret's newest version and its rotation, without a value. */
export async function describeSecret(desk: SecretDesk, grant: Grant<'secret.list'>, name: string, from: From): Promise<Result<SecretView>> {
  const allowed = await desk.allow(grant, 'list', name, from)
  if (!allowed.ok) return allowed
  const held = await desk.live(name)
  return held.ok ? ok({ newest: held.value.newest, rotation: held.value.rotation }) : held
}

/** A deleted secret. As in Key Vault this takes the right to read, though no value is in the answer. */
export async function describeDeleted(
  desk: SecretDesk,
  grant: Grant<'secret.read'>,
  name: string,
  from: From,
): Promise<Result<DeletedSecret>> {
  const allowed = await desk.allow(grant, 'get', name, from)
  if (!allowed.ok) return allowed
  const held = await desk.dead(name)
  return held.ok ? ok(deletedOf(held.value)) : held
}

/** Reads a value: of the newest version, or of the one that is named. The audit entry is durable before the value is given. */
export async function readSecret(
  desk: SecretDesk,
  grant: Grant<'secret.read'>,
  name: string,
  version: string | undefined,
  { from }: From,
): Promise<Result<ReadSecret>> {
  const allowed = await desk.allow(grant, 'get', name, { from })
  if (!allowed.ok) return allowed
  const read = await open(desk, allowed.value, version)
  const which = read.ok ? read.value.item.version : (version ?? 'newest')
  const detail = read.ok ? { version: which, from } : { version: which, from, why: read.error.code }
  try {
    await desk.reads.note(grant, { action: 'secret.get', resource: `secret:${name}`, detail, outcome: read.ok ? 'done' : 'refused' })
  } catch (error) {
    if (read.ok) read.value.value[Symbol.dispose]()
    throw error
  }
  return read
}

/**
 * Reads a value for an endpoint of the hub, which has no grant but must have a rule (`endpoint:NAME`, right `get`). Audited like every read.
 */
export async function readForEndpoint(
  desk: SecretDesk,
  endpoint: string,
  name: string,
  version: string | undefined,
): Promise<Result<ReadSecret>> {
  return await readAs(desk, endpointAsker(endpoint), name, version)
}

/** As {@link readForEndpoint}, for an edge that is to hold the secret (`edge:NAME`). */
export async function readForEdge(desk: SecretDesk, edge: string, name: string): Promise<Result<ReadSecret>> {
  return await readAs(desk, edgeAsker(edge), name, undefined)
}

async function readAs(desk: SecretDesk, asker: Asker, name: string, version: string | undefined): Promise<Result<ReadSecret>> {
  const grant = desk.ports.system('secret.read', `secret:${name}`)
  const allowed = desk.rules.allows(asker, 'get', name)
  const read = allowed ? await openNamed(desk, name, version) : refuseAccess(asker, 'get', name)
  const detail = { version: read.ok ? read.value.item.version : (version ?? 'newest'), from: asker.name }
  await desk.reads.note(grant, { action: 'secret.get', resource: `secret:${name}`, detail, outcome: read.ok ? 'done' : 'refused' })
  return read
}

async function openNamed(desk: SecretDesk, name: string, version: string | undefined): Promise<Result<ReadSecret>> {
  const held = await desk.live(name)
  return held.ok ? await open(desk, held.value.newest.name, version) : held
}

async function open(desk: SecretDesk, name: SecretName, version: string | undefined): Promise<Result<ReadSecret>> {
  if (version !== undefined && !isVersion(version)) return notFound(name)
  const which = version === undefined ? 'v.sequence = (SELECT max(sequence) FROM secret_versions WHERE key = s.key)' : 'v.version = ?'
  const [row] = await desk.ports.store.query(
    `SELECT ${versionColumns}, v.sealed AS sealed FROM secrets s JOIN secret_versions v ON v.key = s.key
      WHERE s.key = ? AND s.deleted_at IS NULL AND ${which}`,
    keyOf(name),
    ...(version === undefined ? [] : [version]),
  )
  if (row === undefined) return notFound(name)
  const item = versionOf(row)
  if (!item.enabled) return refuse('vault/secret-disabled', `This version of ${item.name} is disabled.`, item.version)
  const sealed = row['sealed']
  if (!(sealed instanceof Uint8Array)) throw new Error('bug: a version without a value')
  const opened = await openValue(Buffer.from(sealed), contextOf(name, item.version), desk.ports.wrapper)
  return opened.ok ? ok({ item, value: opened.value }) : opened
}

/** A deleted secret of its row. */
export function deletedOf({ newest, deletedAt, purgesAt }: Held): DeletedSecret {
  const at = (ms: number | undefined): Instant => instant(ms ?? 0)
  return { item: newest, deletedAt: at(deletedAt), purgesAt: at(purgesAt) }
}
