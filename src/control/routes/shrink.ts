import { Type } from 'typebox'
import { type Grant, isoTime, ok, refuse } from '#base'
import type { ControlPorts } from '../ports.ts'
import { shrinkLine } from '../policy-schema.ts'
import { type Route, type StreamOut, bare, streamRoute } from '../route.ts'
import { event, heartbeat } from '../sse.ts'
import type { Parts } from './parts.ts'

const maxDays = 3_650

/** Looking for rights that nobody used. It reads much of the journal, so one search runs at a time. */
export function shrinkRoutes({ ports }: Parts): readonly Route[] {
  let running = false
  return [
    streamRoute({
      ...bare,
      method: 'GET',
      path: '/api/v1/policy-shrink',
      summary:
        'Looks through the journal for rights that nobody used in `days`, and proposes smaller documents. `progress` events, then one `proposal`. To leave is to cancel.',
      access: { grants: ['policy.read'] },
      resource: () => 'policies',
      query: Type.Object(
        {
          days: Type.Optional(Type.Integer({ minimum: 1, maximum: maxDays })),
          name: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
        },
        { additionalProperties: false },
      ),
      answer: { stream: 'text/event-stream', line: shrinkLine, description: 'Server-sent events named `progress` and `proposal`.' },
      handle(call) {
        const grant = call.grant('policy.read')
        const { days = 30, name } = call.query
        if (name !== undefined) {
          const known = ports.policies.show(grant, name)
          if (!known.ok) return known
        }
        if (running) return refuse('control/shrink-running', 'A search for unused rights is running. Wait for it, or cancel it.')
        return ok(async (out) => {
          // Somebody may have come between the answer and its stream.
          if (running) return
          running = true
          try {
            await search(ports, grant, { days, name }, out)
          } finally {
            running = false
          }
        })
      },
    }),
  ]
}

async function search(
  ports: Pick<ControlPorts, 'shrink'>,
  grant: Grant<'policy.read'>,
  { days, name }: { readonly days: number; readonly name: string | undefined },
  out: StreamOut,
): Promise<void> {
  await out.write(heartbeat)
  // Progress that the peer does not take is skipped, not gathered.
  let writing = false
  let last = Promise.resolve()
  const progress = (share: number) => {
    if (writing || out.signal.aborted) return
    writing = true
    last = out
      .write(event({ name: 'progress', data: { share } }))
      .catch(() => undefined)
      .finally(() => void (writing = false))
  }
  const report = await ports.shrink(grant, days, progress, out.signal)
  await last
  if (!report.complete) return
  const { version, since, records, uses, unexplained } = report
  const documents = report.documents.filter((one) => name === undefined || one.name === name)
  const data = { version, days, since: since === null ? null : isoTime(since), records, uses, unexplained, documents }
  await out.write(event({ name: 'proposal', data }))
}
