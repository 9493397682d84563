import { Type } from 'typebox'
import { type Result, ok, parseDeviceId, refuse } from '#base'
import { follow } from '../follow.ts'
import { type Route, bare, route, streamRoute } from '../route.ts'
import { devicePath, fact } from '../schema.ts'
import { isAbout, readTimeline } from '../timeline.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
/** A device, or `device/module`. */
const deviceName = Type.Optional(Type.String({ minLength: 1, maxLength: 257 }))

const timeline = Type.Object(
  { facts: Type.Array(fact), complete: Type.Boolean(), next: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]) },
  { ...closed, title: 'Timeline' },
)

/** What has happened, as it happens and as it was. */
export function telemetryRoutes({ ports, durable }: Parts): readonly Route[] {
  const { journal } = ports
  return [
    streamRoute({
      ...bare,
      method: 'GET',
      path: '/api/v1/events',
      summary:
        'Facts of the journal from `now`, `start` or an offset on. `until=end` stops at what was durable when asked. Resumes by Last-Event-ID.',
      access: { grants: ['telemetry.read'] },
      query: Type.Object(
        {
          from: Type.Optional(Type.String({ pattern: '^(now|start|[0-9]{1,15})$' })),
          until: Type.Optional(Type.Literal('end')),
          device: deviceName,
          kind: Type.Optional(Type.String({ maxLength: 64 })),
        },
        closed,
      ),
      answer: { stream: 'text/event-stream', line: fact, description: 'Server-sent events: `id` is the offset, `data` the fact.' },
      handle(call) {
        const { until, device, kind } = call.query
        const end = until === 'end' ? journal.durableEnd : undefined
        const from = startOf(call.query.from ?? 'now', call.header('last-event-id'), journal)
        return from.ok ? ok((out) => follow(ports, durable, { from: from.value, end, device, kind }, out)) : from
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/devices/{id}/timeline',
      summary: 'Facts of one device and its modules, newest first. Looks back a bounded way; `next` is the `before` to go on with.',
      access: { grants: ['telemetry.read'] },
      resource: ({ id }) => `device:${id}`,
      params: devicePath,
      query: Type.Object(
        { before: Type.Optional(Type.Integer({ minimum: 0 })), limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })) },
        closed,
      ),
      answer: { status: 200, is: timeline, description: 'Facts.' },
      async handle(call) {
        // Not asked of the registry: what a deleted device did is still there.
        const id = parseDeviceId(call.params.id)
        if (!id.ok) return id
        const { before, limit = 100 } = call.query
        const { facts, complete, next } = await readTimeline(journal, (fact) => isAbout(fact, id.value), before, limit)
        return ok({ facts: facts.map((one) => ports.factToJson(one.offset, one.fact)), complete, next })
      },
    }),
  ]
}

/** Where a stream begins. A browser that reconnects says what it saw last, and goes on after that. */
function startOf(
  from: string,
  lastEventId: string | undefined,
  journal: { readonly start: number; readonly durableEnd: number },
): Result<number> {
  if (lastEventId !== undefined && lastEventId !== '') {
    if (!/^[0-9]{1,15}$/.test(lastEventId)) return refuse('control/malformed', 'Last-Event-ID is not an offset.')
    return ok(Number(lastEventId) + 1)
  }
  if (from === 'now') return ok(journal.durableEnd)
  return ok(from === 'start' ? journal.start : Number(from))
}
