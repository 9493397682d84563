import { type Static, Type } from 'typebox'
import type { Audit, AuditRecord } from '#audit'
import { type Clock, isoTime, ok } from '#base'
import { type Route, bare, route } from '../route.ts'
import { time } from '../schema.ts'
import { actorText } from '../views.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const text = Type.String()
const count = Type.Integer({ minimum: 0 })

const record = Type.Object(
  {
    sequence: count,
    time,
    actor: text,
    via: text,
    action: text,
    resource: text,
    outcome: text,
    detail: Type.Record(Type.String(), Type.Union([text, Type.Number(), Type.Boolean(), Type.Null()])),
    previousHash: text,
    hash: text,
  },
  { ...closed, title: 'AuditRecord' },
)

const page = Type.Object(
  {
    records: Type.Array(record),
    verified: Type.Boolean(),
    broken: Type.Optional(Type.Object({ sequence: count, reason: text }, closed)),
    next: Type.Union([count, Type.Null()]),
    end: count,
  },
  { ...closed, title: 'AuditPage' },
)

/** How long one verification of the whole chain is believed: it reads every entry. */
const verifiedForMs = 10_000

/** The audit log. */
export function auditRoutes({ ports }: Parts): readonly Route[] {
  const verify = verifier(ports.audit, ports.clock)
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/audit',
      summary:
        'Entries after a sequence, oldest first; or with `before` those before one, newest first. `verified` speaks for the whole chain.',
      access: { grants: ['audit.read'] },
      resource: () => 'audit',
      query: Type.Object(
        {
          after: Type.Optional(count),
          before: Type.Optional(count),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
        },
        closed,
      ),
      answer: { status: 200, is: page, description: 'Entries.' },
      async handle(call) {
        const { after, before, limit = 100 } = call.query
        const grant = call.grant('audit.read')
        const backwards = before !== undefined && after === undefined
        // 0 is before the first entry, so it is free to mean: from the end.
        const range = backwards ? { before: before === 0 ? null : before, limit } : { after: after ?? 0, limit }
        const { records, end } = await ports.audit.read(grant, range)
        const verified = await verify()
        const last = records.at(-1)?.sequence
        const done = last === undefined || records.length < limit || (backwards ? last <= 1 : last >= end)
        return ok({
          records: records.map(recordView),
          verified: verified.ok,
          ...(verified.ok ? {} : { broken: { ...verified.error } }),
          next: done ? null : last,
          end,
        })
      },
    }),
  ]
}

function recordView(one: AuditRecord): Static<typeof record> {
  const { sequence, actor, action, resource, outcome, previousHash, hash } = one
  return {
    sequence,
    time: isoTime(one.time),
    actor: actorText(actor),
    via: actor.via,
    action,
    resource,
    outcome,
    detail: detailOf(one),
    previousHash,
    hash,
  }
}

/** The detail as an object. A text that is none was tampered with; the hash says so, and the page still opens. */
function detailOf({ detail }: AuditRecord): Static<typeof record>['detail'] {
  const out: Static<typeof record>['detail'] = {}
  const parsed = parsedOrEmpty(detail)
  for (const [key, value] of Object.entries(parsed))
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') out[key] = value
  return out
}

function parsedOrEmpty(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

/** Verifies at most once in a while, and once for all who ask at the same time. */
function verifier(audit: Pick<Audit, 'verify'>, clock: Clock): Audit['verify'] {
  let last: { readonly at: number; readonly outcome: ReturnType<Audit['verify']> } | undefined
  return () => {
    if (last === undefined || clock.monotonic() - last.at >= verifiedForMs) {
      const outcome = audit.verify()
      last = { at: clock.monotonic(), outcome }
      outcome.catch(() => (last = undefined))
    }
    return last.outcome
  }
}
