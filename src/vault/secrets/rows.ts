import { type Instant, instant } from '#base'
import type { Migration, Row, Statement } from '#store'
import { type AccessRule, parseRule } from './access.ts'
import { secretLimits } from './limits.ts'
import { syncMigrations } from '../sync/sync-rows.ts'
import { type SecretVersion, keyOf, parseSecretName } from './secret.ts'

/** The tables of secrets. Times are milliseconds since the epoch; tags and rights are JSON. Values are sealed before they come near a row. */
export const secretMigrations: readonly Migration[] = [
  {
    // `key` is the name in small letters. The owner of a fresh hub gets everything by a rule that can be seen and taken away.
    name: 'vault/001-secrets',
    sql: `
      CREATE TABLE secrets (
        key TEXT PRIMARY KEY, name TEXT NOT NULL, deleted_at INTEGER, purges_at INTEGER, rotation TEXT, told_version TEXT
      ) STRICT;
      CREATE TABLE secret_versions (
        key TEXT NOT NULL, version TEXT NOT NULL, sequence INTEGER NOT NULL, content_type TEXT, tags TEXT NOT NULL, enabled INTEGER NOT NULL,
        not_before INTEGER, expires_at INTEGER, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, retires_at INTEGER, sealed BLOB NOT NULL,
        PRIMARY KEY (key, version)
      ) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX secret_versions_by_age ON secret_versions (key, sequence);
      CREATE INDEX secret_versions_retiring ON secret_versions (retires_at) WHERE retires_at IS NOT NULL;
      CREATE TABLE secret_access (
        principal TEXT NOT NULL, secrets TEXT NOT NULL, rights TEXT NOT NULL, created_at INTEGER NOT NULL, created_by TEXT NOT NULL,
        PRIMARY KEY (principal, secrets)
      ) STRICT;
      INSERT INTO secret_access (principal, secrets, rights, created_at, created_by)
        VALUES ('operator:owner', '*', '["get","list","set","delete","rotate","purge","backup"]', 0, 'system:hub');
    `,
  },
  ...syncMigrations,
]

/** Columns of a version with the name of its secret, for every SELECT here. */
export const versionColumns = `s.name AS name, v.version AS version, v.sequence AS sequence, v.content_type AS content_type, v.tags AS tags,
  v.enabled AS enabled, v.not_before AS not_before, v.expires_at AS expires_at, v.created_at AS created_at, v.updated_at AS updated_at,
  v.retires_at AS retires_at`

/** The newest version of each secret. */
export const newestJoin = `secrets s JOIN secret_versions v ON v.key = s.key
  AND v.sequence = (SELECT max(sequence) FROM secret_versions WHERE key = s.key)`

/** Reads a version from its row. Throws for a row that no release wrote. */
export function versionOf(row: Row): SecretVersion {
  const { name, version, content_type: contentType, tags, enabled } = row
  const parsed = parseSecretName(textOf(name))
  if (!parsed.ok) throw new Error('bug: a secret without a name')
  return {
    name: parsed.value,
    version: textOf(version),
    contentType: typeof contentType === 'string' ? contentType : undefined,
    tags: tagsOf(textOf(tags)),
    enabled: enabled === 1,
    notBefore: timeOf(row['not_before']),
    expiresAt: timeOf(row['expires_at']),
    createdAt: timeOf(row['created_at']) ?? instant(0),
    updatedAt: timeOf(row['updated_at']) ?? instant(0),
    retiresAt: timeOf(row['retires_at']),
  }
}

/** A time of a row; undefined for NULL. */
export function timeOf(cell: Row[string] | undefined): Instant | undefined {
  return typeof cell === 'number' ? instant(cell) : undefined
}

/** The insertion of a version with its sealed value. A version that exists is a conflict. */
export function insertVersion(item: SecretVersion, sequence: number, sealed: Buffer): Statement {
  return {
    sql: `INSERT INTO secret_versions (key, version, sequence, content_type, tags, enabled, not_before, expires_at, created_at, updated_at, retires_at, sealed)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    args: [
      keyOf(item.name),
      item.version,
      sequence,
      item.contentType ?? null,
      encodeTags(item.tags),
      item.enabled ? 1 : 0,
      item.notBefore ?? null,
      item.expiresAt ?? null,
      item.createdAt,
      item.updatedAt,
      item.retiresAt ?? null,
      sealed,
    ],
    expect: 1,
  }
}

/** The change of a version's attributes. */
export function updateVersion(item: SecretVersion): Statement {
  return {
    sql: `UPDATE secret_versions SET content_type = ?, tags = ?, enabled = ?, not_before = ?, expires_at = ?, updated_at = ?, retires_at = ?
      WHERE key = ? AND version = ?`,
    args: [
      item.contentType ?? null,
      encodeTags(item.tags),
      item.enabled ? 1 : 0,
      item.notBefore ?? null,
      item.expiresAt ?? null,
      item.updatedAt,
      item.retiresAt ?? null,
      keyOf(item.name),
      item.version,
    ],
    expect: 1,
  }
}

/** Takes everything of a secret away. */
export function purgeStatements(name: string): readonly Statement[] {
  return [
    { sql: 'DELETE FROM secret_versions WHERE key = ?', args: [keyOf(name)] },
    { sql: 'DELETE FROM secrets WHERE key = ?', args: [keyOf(name)], expect: 1 },
  ]
}

/** Makes room for one more version: of those that are disabled, the oldest beyond what a secret may have. */
export function pruneStatement(name: string, newest: number): Statement {
  return {
    sql: `DELETE FROM secret_versions WHERE key = ? AND enabled = 0 AND sequence <= (
      SELECT sequence FROM secret_versions WHERE key = ? ORDER BY sequence DESC LIMIT 1 OFFSET ?) AND sequence <> ?`,
    args: [keyOf(name), keyOf(name), secretLimits.versions, newest],
  }
}

/** Reads an access rule; undefined for a damaged one, which gives nothing. */
export function ruleOf(row: Row): AccessRule | undefined {
  const { principal, secrets, rights, created_at: createdAt, created_by: createdBy } = row
  let held: unknown
  try {
    held = JSON.parse(textOf(rights))
  } catch {
    return undefined
  }
  const words = Array.isArray(held) ? held.filter((one) => typeof one === 'string') : []
  const rule = parseRule(textOf(principal), textOf(secrets), words)
  return rule.ok ? { ...rule.value, createdAt: timeOf(createdAt) ?? instant(0), createdBy: textOf(createdBy) } : undefined
}

/** Text of a row. */
export function textOf(cell: Row[string] | undefined): string {
  return typeof cell === 'string' ? cell : ''
}

function encodeTags(tags: ReadonlyMap<string, string>): string {
  return JSON.stringify([...tags])
}

function tagsOf(text: string): ReadonlyMap<string, string> {
  const parsed: unknown = JSON.parse(text)
  const tags = new Map<string, string>()
  for (const pair of Array.isArray(parsed) ? parsed : []) {
    const [name, value]: readonly unknown[] = Array.isArray(pair) ? pair : []
    if (typeof name === 'string' && typeof value === 'string') tags.set(name, value)
  }
  return tags
}
