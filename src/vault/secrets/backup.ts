import { type Grant, type Result, Secret, ok, refuse } from '#base'
import { parseJson } from '#wire/json'
import { secretLimits } from './limits.ts'
import { contextOf } from './reading.ts'
import { insertVersion, versionColumns, versionOf } from './rows.ts'
import { type SecretVersion, checkAttributes, isVersion, keyOf, parseSecretName } from './secret.ts'
import { openValue, sealValue } from './sealed-value.ts'
import { type From, type SecretDesk, notFound } from './secret-desk.ts'
import { tellChange } from './writing.ts'
import { type SavedVersion, decodeBackup, encodeBackup } from './backup-form.ts'

/*
 * Theory of operation. A backup of one secret is all of its versions with their values, sealed like a value: under a data key of its own, wrapped by the
 * key of this vault. So it opens here, or in a hub that was restored with the key file of this one, and nowhere else.
 */

const backupContext = 'vault/secret-backup/1'

/** Takes a secret out, sealed. Refuses `vault/secret-not-found`, `vault/backup-too-large`. */
export async function backupSecret(desk: SecretDesk, grant: Grant<'secret.read'>, name: string, { from }: From): Promise<Result<Buffer>> {
  const allowed = await desk.allow(grant, 'backup', name, { from })
  if (!allowed.ok) return allowed
  const held = await desk.live(name)
  if (!held.ok) return held
  const { store, wrapper, random } = desk.ports
  const rows = await store.query(
    `SELECT ${versionColumns}, v.sealed AS sealed FROM secrets s JOIN secret_versions v ON v.key = s.key
      WHERE s.key = ? AND s.deleted_at IS NULL ORDER BY v.sequence`,
    keyOf(name),
  )
  if (rows.length === 0) return notFound(name)
  using scope = new DisposableStack()
  const saved: SavedVersion[] = []
  for (const row of rows) {
    const item = versionOf(row)
    const sealed = row['sealed']
    if (!(sealed instanceof Uint8Array)) throw new Error('bug: a version without a value')
    const value = await openValue(Buffer.from(sealed), contextOf(item.name, item.version), wrapper)
    if (!value.ok) return value
    saved.push({ item, value: scope.use(value.value) })
  }
  const plain = scope.use(encodeBackup(saved))
  if (plain.use((bytes) => bytes.length) > secretLimits.backupBytes)
    return refuse('vault/backup-too-large', `${name} has more versions than a backup takes.`)
  const copy = scope.use(new Secret(plain.use((bytes) => Buffer.from(bytes))))
  await desk.reads.note(grant, { action: 'secret.backup', resource: `secret:${name}`, detail: { versions: saved.length, from } })
  const bytes = copy.use((all) => all)
  return ok(await sealValue(bytes, backupContext, wrapper, random))
}

/** Puts a secret back with its versions. Refuses `vault/backup-malformed`, `vault/secret-exists`, and what opening a sealed value refuses. */
export async function restoreSecret(
  desk: SecretDesk,
  grant: Grant<'secret.write'>,
  sealed: Buffer,
  { from }: From,
): Promise<Result<SecretVersion>> {
  const { wrapper, random, clock } = desk.ports
  const opened = await openValue(sealed, backupContext, wrapper)
  if (!opened.ok) return opened
  using plain = opened.value
  const parsed = plain.use((bytes) => parseJson(bytes.toString('utf8'), secretLimits.backupBytes))
  using saved = decodeBackup(parsed.ok ? parsed.value : null)
  const [first] = saved.versions
  const last = saved.versions.at(-1)
  if (first === undefined || last === undefined) return malformed
  const { name } = first.item
  for (const { item } of saved.versions)
    if (!parseSecretName(item.name).ok || item.name !== name || !isVersion(item.version) || !checkAttributes(item).ok) return malformed
  const allowed = await desk.allow(grant, 'backup', name, { from })
  if (!allowed.ok) return allowed
  const statements = [{ sql: 'INSERT INTO secrets (key, name) VALUES (?, ?)', args: [keyOf(name), name], expect: 1 }]
  const done = await desk.change(async () => {
    if ((await desk.find(name)) !== undefined) return refuse('vault/secret-exists', `${name} exists already.`)
    const versions = []
    for (const [at, { item, value }] of saved.versions.entries()) {
      const copy = value.use((bytes) => Buffer.from(bytes))
      versions.push(insertVersion(item, at + 1, await sealValue(copy, contextOf(name, item.version), wrapper, random)))
      copy.fill(0)
    }
    const what = { action: 'secret.restore', resource: `secret:${name}`, detail: { versions: versions.length, from } }
    return await desk.commit(grant, what, [...statements, ...versions])
  })
  if (!done.ok) return done
  tellChange(desk, grant, name, last.item.version, 'restored')
  return ok({ ...last.item, updatedAt: clock.now() })
}

const malformed = refuse('vault/backup-malformed', 'This is no backup of a secret.')
