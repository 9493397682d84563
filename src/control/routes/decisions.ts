import { type Static, Type } from 'typebox'
import { type IdentityMethod, type Question, type Standing, explainDenial, subjectOf } from '#access'
import { type Result, isoTime, ok, parseDeviceId, refuse } from '#base'
import type { Fact } from '#journal'
import { parseJson } from '#wire/json'
import { type DeniedAt, groupDenials } from '../denials.ts'
import type { ControlPorts } from '../ports.ts'
import { decision, denials, method, policyAction } from '../policy-schema.ts'
import { decisionView } from '../policy-views.ts'
import { type Route, bare, route } from '../route.ts'
import { devicePath } from '../schema.ts'
import { deviceOf, readTimeline, timelineLimits } from '../timeline.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const name = Type.Optional(Type.String({ minLength: 1, maxLength: 256 }))
const before = Type.Optional(Type.Integer({ minimum: 0 }))
const next = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()])

const explainQuery = Type.Object(
  {
    device: Type.Optional(Type.String({ minLength: 1, maxLength: 257, description: 'A device, or device/module.' })),
    method: Type.Optional(method),
    username: name,
    clientId: name,
    attributes: Type.Optional(Type.String({ maxLength: 4_096 })),
    action: policyAction,
    topic: Type.Optional(Type.String({ maxLength: 2_048 })),
  },
  closed,
)

const explained = Type.Object(
  { decision: Type.Union([decision, Type.Null()]), complete: Type.Boolean(), next },
  { ...closed, title: 'ExplainedDenial' },
)

/** Why something would or would not be allowed, and why it was not. */
export function decisionRoutes({ ports }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/explain',
      summary:
        'Whether a device, or somebody of another method with a username and attributes (a JSON object), may do something: by which rule, and the smallest change that would allow it.',
      access: { grants: ['policy.read'] },
      query: explainQuery,
      answer: { status: 200, is: decision, description: 'The decision.' },
      handle(call) {
        const question = readQuestion(call.query, ports)
        return question.ok ? ok(decisionView(ports.policies.explain(question.value))) : question
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/decisions/{id}',
      summary:
        'Explains a denial of the journal by the id of its decision, with its inputs of then and the policy of now. Looks back a bounded way; `next` is the `before` to go on with.',
      access: { grants: ['policy.read', 'telemetry.read'] },
      resource: ({ id }) => `decision:${id}`,
      params: Type.Object({ id: Type.String({ pattern: '^[0-9A-Za-z/_.-]{1,128}$' }) }, closed),
      query: Type.Object({ before }, closed),
      answer: { status: 200, is: explained, description: 'The decision; null when it is not among the records that were looked at.' },
      async handle(call) {
        const { id } = call.params
        const isIt = (fact: Fact) => fact.kind === 'denied' && fact.decision === id
        const found = await readTimeline(ports.journal, isIt, call.query.before, 1)
        const fact = found.facts[0]?.fact
        if (fact?.kind !== 'denied') return ok({ decision: null, complete: found.complete, next: found.next })
        const decided = explainDenial(ports.policies.current, fact, standingOf(ports, fact.device))
        return decided.ok ? ok({ decision: decisionView(decided.value), complete: found.complete, next: found.next }) : decided
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/devices/{id}/denials',
      summary:
        'What a device was denied, by action and topic, the latest first. Looks back a bounded way; `next` is the `before` to go on with.',
      access: { grants: ['telemetry.read'] },
      resource: ({ id }) => `device:${id}`,
      params: devicePath,
      query: Type.Object({ before }, closed),
      answer: { status: 200, is: denials, description: 'The denials.' },
      async handle(call) {
        const id = parseDeviceId(call.params.id)
        if (!id.ok) return id
        const isOne = (fact: Fact) => fact.kind === 'denied' && deviceOf(fact) === id.value
        const found = await readTimeline(ports.journal, isOne, call.query.before, timelineLimits.records)
        const facts = found.facts.flatMap(({ offset, fact }): readonly DeniedAt[] => (fact.kind === 'denied' ? [{ offset, fact }] : []))
        const groups = groupDenials(facts).map(({ latest: { offset, fact }, count, first }) => {
          const { action, topic, clientId, code, time, decision: decided } = fact
          return { action, topic, clientId, code, count, first: isoTime(first), last: isoTime(time), decision: decided, offset }
        })
        return ok({ denials: groups, complete: found.complete, next: found.next })
      },
    }),
  ]
}

/** What the registry says of an identity. */
function standingOf(ports: Pick<ControlPorts, 'devices'>, identity: string): Standing {
  if (/^(?:x509|sat|custom):/.test(identity)) return 'foreign'
  // A module is as enabled as its device.
  const [device = ''] = identity.split('/', 1)
  return ports.devices.find(device)?.status ?? 'unknown'
}

function readQuestion(query: Static<typeof explainQuery>, ports: ControlPorts): Result<Question> {
  const { action, topic = '' } = query
  if ((query.device === undefined) === (query.username === undefined))
    return refuse('control/malformed', 'query names either a device, or a username of another method.')
  const isDevice = query.device !== undefined
  if (isDevice && query.method !== undefined && query.method !== 'device')
    return refuse('control/malformed', 'query.method is not for a device.')
  if (action !== 'connect' && topic === '') return refuse('control/topic-missing', `To explain ${action}, say which topic.`)
  const attributes = readAttributes(query.attributes)
  if (!attributes.ok) return attributes
  const username = query.device ?? query.username ?? ''
  const registered = username.includes('/') ? 'module' : 'device'
  const as: IdentityMethod = isDevice ? registered : (query.method ?? 'custom')
  const subject = subjectOf({ method: as, username, clientId: query.clientId ?? username, attributes: attributes.value })
  if (!subject.ok) return subject
  const standing = isDevice ? standingOf(ports, username) : 'foreign'
  return ok({ subject: subject.value, standing, action, topic })
}

/** `{"building":"17"}`: text by name, nothing else. */
function readAttributes(text: string | undefined): Result<ReadonlyMap<string, string>> {
  if (text === undefined || text === '') return ok(new Map())
  const parsed = parseJson(text, 4_096, 2)
  const entries = parsed.ok && typeof parsed.value === 'object' && parsed.value !== null ? Object.entries(parsed.value) : undefined
  const pairs = entries?.flatMap(([key, value]): readonly (readonly [string, string])[] =>
    typeof value === 'string' ? [[key, value]] : [],
  )
  if (pairs === undefined || pairs.length !== entries?.length || (parsed.ok && Array.isArray(parsed.value)))
    return refuse('control/malformed', 'query.attributes is not a JSON object of text.')
  return ok(new Map(pairs))
}
