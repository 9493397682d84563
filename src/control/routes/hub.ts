import { Type } from 'typebox'
import { isoTime, ok } from '#base'
import { metricsText } from '../metrics.ts'
import { type Route, bare, route, streamRoute } from '../route.ts'
import { listener, sample, time } from '../schema.ts'
import { event } from '../sse.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const count = Type.Integer({ minimum: 0 })
const text = Type.String()

const hubState = Type.Object(
  {
    name: text,
    version: text,
    startedAt: time,
    rootFingerprint: text,
    hostNames: Type.Array(text),
    listeners: Type.Array(listener),
    devices: count,
    connections: count,
    rates: Type.Object({ messagesIn: count, messagesOut: count }, closed),
    journal: Type.Object(
      {
        start: count,
        end: count,
        durableEnd: count,
        bytes: count,
        segments: count,
        state: text,
        flush: Type.Object({ p50Ms: Type.Number(), p99Ms: Type.Number() }, closed),
      },
      closed,
    ),
    memory: Type.Object({ rss: count }, closed),
    findings: count,
  },
  { ...closed, title: 'HubState' },
)

/** The hub itself: its state, its last two minutes, its metrics. */
export function hubRoutes({ config, ports, live }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/hub',
      summary: 'The hub at a glance. `findings` counts checks that fail.',
      access: { grants: ['hub.read'] },
      answer: { status: 200, is: hubState, description: 'The hub.' },
      handle() {
        const { journal, devices, door, pki } = ports
        const { kind, bytes, segments, flushP50Ms, flushP99Ms } = journal.state()
        const { messagesIn = 0, messagesOut = 0 } = live.last ?? {}
        return ok({
          name: config.name,
          version: config.version,
          startedAt: isoTime(config.startedAt),
          rootFingerprint: pki.rootFingerprintSha256,
          hostNames: [...config.hostNames],
          listeners: ports.listeners().map(({ name, protocol, host, port, reason, tls }) => ({ name, protocol, host, port, reason, tls })),
          devices: devices.count,
          connections: door.open(),
          rates: { messagesIn, messagesOut },
          journal: {
            start: journal.start,
            end: journal.end,
            durableEnd: journal.durableEnd,
            bytes,
            segments,
            state: kind,
            flush: { p50Ms: flushP50Ms, p99Ms: flushP99Ms },
          },
          memory: { rss: ports.usage().rssBytes },
          findings: ports.checks.last()?.controls.filter(({ verdict }) => verdict === 'fail').length ?? 0,
        })
      },
    }),
    streamRoute({
      ...bare,
      method: 'GET',
      path: '/api/v1/live',
      summary: 'The last two minutes at once, then one `sample` event a second.',
      access: { grants: ['hub.read'] },
      answer: { stream: 'text/event-stream', line: sample, description: 'Server-sent events named `sample`.' },
      handle() {
        return ok(async (out) => {
          let seen = 0
          while (!out.signal.aborted) {
            const more = live.next(out.signal)
            const { samples, taken } = live.since(seen)
            seen = taken
            if (samples.length > 0) await out.write(samples.map((one) => event({ name: 'sample', data: one })).join(''))
            else await out.write(': waiting\n\n')
            await more
          }
        })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/metrics',
      summary: 'Metrics in the text format of Prometheus.',
      access: { grants: ['hub.read'] },
      answer: { status: 200, is: text, type: 'text/plain; version=0.0.4; charset=utf-8', description: 'Prometheus text.' },
      handle: () => ok(metricsText(ports, config)),
    }),
  ]
}
