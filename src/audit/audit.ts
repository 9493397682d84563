import { type Clock, Fault, type Grant, type Result, fail, ok } from '#base'
import type { Row, Statement, Store } from '#store'
import { Chain } from './chain.ts'
import { type AuditRecord, type Head, type What, genesis, hashOf, recordOf } from './entry.ts'

/** Entries that one read answers with, at most. */
export const maxAuditRead = 1_000

/** Which entries to read: those after a sequence, oldest first; or those before one, newest first (`before: null` is from the end). */
export type AuditRange = { readonly limit: number } & ({ readonly after: number } | { readonly before: number | null })

/** Where the chain is broken: the first entry that does not follow from the one before it, and why. */
export type Broken = { readonly sequence: number; readonly reason: 'changed' | 'missing' | 'not-linked' | 'end-differs' }

/** The audit log: who did what to which resource, each entry bound to the one before by its hash. */
export interface Audit {
  /** Commits a change together with its entry or entries: both or neither. `conflict` is about the change; the chain stays whole. */
  readonly commit: (grant: Grant, what: What | readonly What[], statements: readonly Statement[]) => Promise<Result<void, 'conflict'>>
  /** Writes an entry for an act that changes no row. Durable when it resolves; throws the store's Faults. */
  readonly append: (grant: Grant, what: What) => Promise<void>
  /** Entries of a range; `end` is the newest sequence. */
  read(grant: Grant<'audit.read'>, range: AuditRange): Promise<{ readonly records: readonly AuditRecord[]; readonly end: number }>
  /** Recomputes every hash from the first entry to the head, yielding to other work on the way. */
  verify(): Promise<Result<{ readonly records: number; readonly hash: string }, Broken>>
}

/** Opens the audit log in `store` (its tables come from `auditMigrations`). Throws the Fault `audit/head-missing` when they were tampered with. */
export async function openAudit(ports: { readonly store: Store; readonly clock: Clock }, signal: AbortSignal): Promise<Audit> {
  signal.throwIfAborted()
  const { store, clock } = ports
  const chain = new Chain(store, clock)
  await chain.readHead()
  return {
    commit: (grant, what, statements) => chain.commit(grant.actor, isMany(what) ? what : [what], statements),
    async append(grant, what) {
      const outcome = await chain.commit(grant.actor, [what], [])
      if (!outcome.ok) throw new Fault('audit/not-written', 'The audit log could not be written.')
    },
    async read(_grant, range) {
      const rows = await readRows(store, range)
      const { sequence } = await chain.readHead()
      return { records: rows.map(recordOf), end: sequence }
    },
    verify: () => verifyChain(store, chain),
  }
}

function isMany(what: What | readonly What[]): what is readonly What[] {
  return Array.isArray(what)
}

async function readRows(store: Store, range: AuditRange): Promise<readonly Row[]> {
  const limit = Math.min(Math.max(1, range.limit), maxAuditRead)
  if ('after' in range) return await store.query('SELECT * FROM audit_log WHERE sequence > ? ORDER BY sequence LIMIT ?', range.after, limit)
  const before = range.before ?? Number.MAX_SAFE_INTEGER
  return await store.query('SELECT * FROM audit_log WHERE sequence < ? ORDER BY sequence DESC LIMIT ?', before, limit)
}

async function verifyChain(store: Store, chain: Chain): ReturnType<Audit['verify']> {
  // Entries that arrive while we walk belong to the next verification.
  const end = await chain.readHead()
  let head: Head = genesis
  while (head.sequence < end.sequence) {
    const rows = await readRows(store, { after: head.sequence, limit: maxAuditRead })
    if (rows.length === 0) return fail({ sequence: head.sequence + 1, reason: 'missing' })
    for (const row of rows) {
      const record = recordOf(row)
      const broken = faultOf(record, head)
      if (broken !== undefined) return fail({ sequence: head.sequence + 1, reason: broken })
      head = { sequence: record.sequence, hash: record.hash }
      if (head.sequence === end.sequence) break
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (head.hash !== end.hash) return fail({ sequence: head.sequence, reason: 'end-differs' })
  const [beyond] = await store.query('SELECT max(sequence) AS newest FROM audit_log')
  const newest = beyond?.['newest'] ?? 0
  const { sequence } = await chain.readHead()
  if (typeof newest !== 'number' || newest > sequence) return fail({ sequence: sequence + 1, reason: 'end-differs' })
  return ok({ records: head.sequence, hash: head.hash })
}

function faultOf(record: AuditRecord, head: Head): Broken['reason'] | undefined {
  if (record.sequence !== head.sequence + 1) return 'missing'
  if (record.previousHash !== head.hash) return 'not-linked'
  return hashOf(record) === record.hash ? undefined : 'changed'
}
