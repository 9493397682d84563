import { createHash } from 'node:crypto'
import type { Instant } from '#base'
import type { Migration, Row, Statement, Store } from '#store'
import type { PolicyDocument } from './model.ts'
import { parsePolicies } from './parse-policy.ts'

/*
 * Applied policies in rows. The head names every document with the digest of its text, and changes in the same commit as they do: a row
 * that is missing, cut, altered or not named is found at the next start, and then its document allows nothing. It is never quietly left
 * out, because what it replaces may allow more (CVE-2018-12550, CVE-2018-12551).
 */

/** The tables of applied policies. */
export const policyMigrations: readonly Migration[] = [
  {
    name: 'access/001-policies',
    sql: `
      CREATE TABLE policy_documents (
        name TEXT PRIMARY KEY, text TEXT NOT NULL, version INTEGER NOT NULL, applied_at INTEGER NOT NULL, actor TEXT NOT NULL
      ) STRICT;
      CREATE TABLE policy_history (
        version INTEGER NOT NULL, name TEXT NOT NULL, text TEXT, applied_at INTEGER NOT NULL, actor TEXT NOT NULL, PRIMARY KEY (version, name)
      ) STRICT;
      CREATE TABLE policy_head (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, digests TEXT NOT NULL) STRICT;
      INSERT INTO policy_head (id, version, digests) VALUES (1, 0, '{}');
    `,
  },
]

/** Changes that are remembered with their text, so that an older policy can be applied again. */
const keptVersions = 200

/** One applied document and how it came here. */
export type AppliedDocument = {
  readonly document: PolicyDocument
  readonly version: number
  readonly appliedAt: number
  readonly actor: string
}

/** What the rows say. `broken` documents allow nothing; with `headless` it is not even known which documents there are. */
export type LoadedPolicies = {
  readonly version: number
  readonly applied: ReadonlyMap<string, AppliedDocument>
  readonly broken: ReadonlyMap<string, string>
  readonly headless: boolean
}

/** Lower-case hexadecimal SHA-256 of a document's text. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Reads everything back. Throws the store's Faults; what the rows say wrongly is an answer, not a throw. */
export async function loadPolicies(store: Store): Promise<LoadedPolicies> {
  const [head] = await store.query('SELECT version, digests FROM policy_head WHERE id = 1')
  const rows = await store.query('SELECT name, text, version, applied_at, actor FROM policy_documents ORDER BY name')
  const digests = digestsOf(head)
  // Without a head the count goes on where history left it, or the next change would be taken for an old one.
  const [newest] = await store.query('SELECT max(version) AS version FROM policy_history')
  const version = Number(head?.['version'] ?? newest?.['version'] ?? 0)
  const applied = new Map<string, AppliedDocument>()
  const broken = new Map<string, string>()
  for (const row of rows) {
    const name = String(row['name'])
    const read = documentOf(row, name, digests?.get(name))
    if (typeof read === 'string') broken.set(name, read)
    else applied.set(name, read)
  }
  for (const name of digests?.keys() ?? []) if (!applied.has(name) && !broken.has(name)) broken.set(name, 'its row is missing')
  return { version, applied, broken, headless: digests === undefined }
}

function digestsOf(head: Row | undefined): ReadonlyMap<string, string> | undefined {
  if (head === undefined || typeof head['digests'] !== 'string' || typeof head['version'] !== 'number') return undefined
  try {
    const parsed: unknown = JSON.parse(head['digests'])
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined
    return new Map(Object.entries(parsed).map(([name, digest]) => [name, String(digest)]))
  } catch {
    return undefined
  }
}

function documentOf(row: Row, name: string, digest: string | undefined): AppliedDocument | string {
  const { text, version, applied_at: appliedAt, actor } = row
  if (typeof text !== 'string' || typeof version !== 'number' || typeof appliedAt !== 'number' || typeof actor !== 'string')
    return 'its row is damaged'
  if (digest === undefined) return 'its row is not one that was applied'
  if (digestOf(text) !== digest) return 'its text is not the one that was applied'
  const parsed = parsePolicies(text)
  if (!parsed.ok) return `it cannot be read: ${parsed.error.message}`
  const [document, other] = parsed.value
  if (document === undefined || other !== undefined || document.name !== name) return 'it is not the document of this name'
  return { document, version, appliedAt, actor }
}

/** The statements that turn version `from` into the next; a conflict when another change came first. `gone` are names to forget. */
export function changeStatements(
  from: number,
  change: { readonly put: readonly PolicyDocument[]; readonly gone: readonly string[] },
  digests: ReadonlyMap<string, string>,
  at: Instant,
  actor: string,
): readonly Statement[] {
  const version = from + 1
  return [
    {
      sql: `INSERT INTO policy_head (id, version, digests) VALUES (1, ?, ?)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, digests = excluded.digests WHERE policy_head.version = ?`,
      args: [version, JSON.stringify(Object.fromEntries(digests)), from],
      expect: 1,
    },
    ...change.put.flatMap(({ name, text }): readonly Statement[] => [
      {
        sql: `INSERT INTO policy_documents (name, text, version, applied_at, actor) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE
          SET text = excluded.text, version = excluded.version, applied_at = excluded.applied_at, actor = excluded.actor`,
        args: [name, text, version, at, actor],
      },
      {
        sql: 'INSERT INTO policy_history (version, name, text, applied_at, actor) VALUES (?, ?, ?, ?, ?)',
        args: [version, name, text, at, actor],
      },
    ]),
    ...change.gone.flatMap((name): readonly Statement[] => [
      { sql: 'DELETE FROM policy_documents WHERE name = ?', args: [name] },
      {
        sql: 'INSERT INTO policy_history (version, name, text, applied_at, actor) VALUES (?, ?, NULL, ?, ?)',
        args: [version, name, at, actor],
      },
    ]),
    { sql: 'DELETE FROM policy_history WHERE version <= ?', args: [version - keptVersions] },
  ]
}

/** One change as history keeps it; `text` is null for a removal. */
export type PolicyVersion = {
  readonly version: number
  readonly name: string
  readonly text: string | null
  readonly appliedAt: number
  readonly actor: string
}

/** The newest changes first, `limit` of them. */
export async function readHistory(store: Store, limit: number): Promise<readonly PolicyVersion[]> {
  const rows = await store.query(
    'SELECT version, name, text, applied_at, actor FROM policy_history ORDER BY version DESC, name LIMIT ?',
    limit,
  )
  return rows.map((row) => ({
    version: Number(row['version']),
    name: String(row['name']),
    text: typeof row['text'] === 'string' ? row['text'] : null,
    appliedAt: Number(row['applied_at']),
    actor: String(row['actor']),
  }))
}
