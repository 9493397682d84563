import { createHash } from 'node:crypto'
import { type Actor, type Instant, instant } from '#base'
import type { Row } from '#store'

/*
 * Theory of operation.
 * Each entry's hash covers the hash before it, so the last hash speaks for the whole log: whoever knows it notices any entry that was
 * changed, removed, added or moved. Fields are hashed with their lengths, so no two entries share their bytes. A row of its own holds the
 * newest number and hash; without it, cutting the end of the log would go unseen. Proofs to third parties build on these hashes later.
 */

/** Facts about an audited act. Small and never secret: it is kept for ever and shown to every auditor. */
export type Detail = Readonly<Record<string, string | number | boolean | null>>

/** What the caller tells: `action` in words like `device.add`, `resource` like `device:pump-1`. `outcome` is `done` unless said. */
export type What = {
  readonly action: string
  readonly resource: string
  readonly detail?: Detail
  readonly outcome?: 'done' | 'refused'
}

/** One entry of the audit log. `sequence` counts from 1 without gaps; hashes are SHA-256 in lower-case hex. */
export type AuditRecord = {
  readonly sequence: number
  readonly time: Instant
  readonly actor: { readonly kind: string; readonly id: string; readonly via: string }
  readonly action: string
  readonly resource: string
  readonly outcome: string
  readonly detail: string
  readonly previousHash: string
  readonly hash: string
}

/** The newest entry's number and hash. */
export type Head = { readonly sequence: number; readonly hash: string }

/** The hash before the first entry. */
export const genesis: Head = { sequence: 0, hash: '0'.repeat(64) }

/** The entry that follows `head`. */
export function nextRecord(head: Head, time: Instant, actor: Actor, what: What): AuditRecord {
  const fields = {
    sequence: head.sequence + 1,
    time,
    actor: { kind: actor.kind, id: actor.id, via: actor.via },
    action: what.action,
    resource: what.resource,
    outcome: what.outcome ?? 'done',
    detail: canonicalDetail(what.detail ?? {}),
    previousHash: head.hash,
  }
  return { ...fields, hash: hashOf(fields) }
}

/** The hash that belongs to an entry's fields. */
export function hashOf(record: Omit<AuditRecord, 'hash'>): string {
  const { previousHash, sequence, time, actor, action, resource, outcome, detail } = record
  const fields = [previousHash, `${sequence}`, `${time}`, actor.kind, actor.id, actor.via, action, resource, outcome, detail]
  const hash = createHash('sha256').update('thingwall/audit/1\0')
  for (const field of fields) hash.update(`${Buffer.byteLength(field)}:`).update(field)
  return hash.digest('hex')
}

/** JSON with its keys in order, so that the same facts have the same bytes. */
function canonicalDetail(detail: Detail): string {
  const entries = Object.entries(detail).sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [key, value] of entries)
    if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`bug: audit detail ${key} is not a finite number`)
  return JSON.stringify(Object.fromEntries(entries))
}

/** Reads an entry back from its row. A cell of the wrong kind becomes empty, which its hash then reports. */
export function recordOf(row: Row): AuditRecord {
  return {
    sequence: numberOf(row['sequence']),
    time: instant(numberOf(row['time'])),
    actor: { kind: textOf(row['actor_kind']), id: textOf(row['actor_id']), via: textOf(row['actor_via']) },
    action: textOf(row['action']),
    resource: textOf(row['resource']),
    outcome: textOf(row['outcome']),
    detail: textOf(row['detail']),
    previousHash: textOf(row['previous_hash']),
    hash: textOf(row['hash']),
  }
}

/** Reads the head row. */
export function headOf(row: Row): Head {
  return { sequence: numberOf(row['sequence']), hash: textOf(row['hash']) }
}

function textOf(value: Row[string] | undefined): string {
  return typeof value === 'string' ? value : ''
}

function numberOf(value: Row[string] | undefined): number {
  return typeof value === 'number' ? value : 0
}
