import { Type } from 'typebox'
import { textOrNull, time } from './schema.ts'

/*
 * The shapes of policies and decisions in the API; see schema.ts.
 */

const closed = { additionalProperties: false } as const
const text = Type.String()
const count = Type.Integer({ minimum: 0 })
const texts = Type.Array(text)

const actionWord = Type.Union([Type.Literal('connect'), Type.Literal('publish'), Type.Literal('subscribe'), Type.Literal('receive')])

/** What may be asked for. `receive` asks whether one message may be delivered. */
export const policyAction = actionWord

const subject = Type.Object(
  { identity: text, username: text, clientId: text, attributes: Type.Record(Type.String(), text) },
  { ...closed, title: 'Subject' },
)

/** Why somebody may or may not. `patch` is what to add to which document; `version` the policy that was asked. */
export const decision = Type.Object(
  {
    id: text,
    allowed: Type.Boolean(),
    action: actionWord,
    device: text,
    subject,
    topic: textOrNull,
    rule: textOrNull,
    reason: text,
    change: textOrNull,
    patch: Type.Union([Type.Object({ document: text, isNew: Type.Boolean(), yaml: text }, closed), Type.Null()]),
    checked: Type.Array(Type.Object({ rule: text, topics: texts, matched: Type.Boolean() }, closed)),
    version: count,
  },
  { ...closed, title: 'Decision' },
)

const policyFields = {
  name: text,
  kind: Type.Union([Type.Literal('BrokerAuthorization'), Type.Literal('PolicyTests')]),
  origin: Type.Union([Type.Literal('built-in'), Type.Literal('applied'), Type.Literal('broken')]),
  rules: count,
  tests: count,
  version: count,
  appliedAt: Type.Union([time, Type.Null()]),
  actor: textOrNull,
  digest: text,
  trouble: textOrNull,
}

/** A document as the list shows it. */
export const policyRow = Type.Object(policyFields, { ...closed, title: 'PolicyRow' })

/** A document with its text. */
export const policyDetail = Type.Object({ ...policyFields, text }, { ...closed, title: 'PolicyDetail' })

/** Every document, and the version that they are together. `health` says why policies are not well; empty: they are. */
export const policyList = Type.Object(
  { version: count, policies: Type.Array(policyRow), health: texts },
  { ...closed, title: 'PolicyList' },
)

/** One change of the past; `text` is null for a removal. */
export const policyVersions = Type.Object(
  {
    versions: Type.Array(Type.Object({ version: count, name: text, text: textOrNull, appliedAt: time, actor: text }, closed)),
  },
  { ...closed, title: 'PolicyVersions' },
)

const who = Type.Object(
  { method: text, username: text, clientId: text, attributes: Type.Record(Type.String(), text) },
  { ...closed, title: 'PolicyIdentity' },
)

const testResult = Type.Object(
  {
    id: text,
    name: text,
    passed: Type.Boolean(),
    as: who,
    expect: Type.Union([Type.Literal('allow'), Type.Literal('deny')]),
    action: actionWord,
    topic: text,
    rule: textOrNull,
    reason: text,
    change: textOrNull,
  },
  { ...closed, title: 'PolicyTestResult' },
)

/** How tests came out. */
export const testResults = Type.Object(
  { passed: count, failed: count, tests: Type.Array(testResult) },
  { ...closed, title: 'PolicyTestResults' },
)

const documentChanges = Type.Array(
  Type.Object({ name: text, change: Type.Union([Type.Literal('added'), Type.Literal('changed'), Type.Literal('removed')]) }, closed),
)

const plannedEffect = Type.Object(
  {
    identity: text,
    clientId: text,
    connected: Type.Boolean(),
    closed: Type.Boolean(),
    subscriptionsLost: texts,
    publishesLost: texts,
    rightsLost: texts,
    rightsGained: texts,
    queued: count,
  },
  { ...closed, title: 'PlannedEffect' },
)

/** What a change would do. Apply it with `If-Match: "from"` to be sure that nothing else came between. */
export const policyPlan = Type.Object(
  {
    from: count,
    documents: documentChanges,
    diff: texts,
    sessions: Type.Object({ judged: count, closed: count, losing: count, gaining: count }, closed),
    subscriptionsLost: count,
    publishesLost: count,
    retainedHidden: count,
    queuedAtRisk: count,
    affected: Type.Array(plannedEffect),
    tests: testResults,
  },
  { ...closed, title: 'PolicyPlan' },
)

/** The receipt of a change: what really happened, and how long it took. */
export const appliedPolicy = Type.Object(
  {
    version: count,
    documents: documentChanges,
    diff: texts,
    tests: count,
    effect: Type.Object(
      { sessionsClosed: count, subscriptionsRemoved: count, messagesDropped: count, retainedHidden: count },
      { ...closed, title: 'PolicyEffect' },
    ),
    elapsedMs: Type.Number(),
  },
  { ...closed, title: 'AppliedPolicy' },
)

/** Text of policy documents, YAML or JSON. */
export const policyText = Type.String({ minLength: 1, maxLength: 1024 * 1024 })

/** A change that is only asked about: documents to apply, or the name of one to take out. */
export const changeInput = Type.Union([Type.Object({ text: policyText }, closed), Type.Object({ remove: text }, closed)], {
  title: 'PolicyChange',
})

const identityText = Type.String({ maxLength: 256 })

/** How somebody proves who they are; `device` is a registered device. */
export const method = Type.Union([Type.Literal('device'), Type.Literal('x509'), Type.Literal('sat'), Type.Literal('custom')])

/** Questions to be decided, with the policy in force or with `text` applied. A device is taken as registered and enabled. */
export const simulateInput = Type.Object(
  {
    text: Type.Optional(policyText),
    cases: Type.Array(
      Type.Object(
        {
          as: Type.Object(
            {
              method: Type.Optional(method),
              username: identityText,
              clientId: Type.Optional(identityText),
              attributes: Type.Optional(Type.Record(Type.String(), Type.String({ maxLength: 1_024 }), { maxProperties: 64 })),
            },
            closed,
          ),
          action: actionWord,
          topic: Type.Optional(Type.String({ maxLength: 2_048 })),
        },
        closed,
      ),
      { minItems: 1, maxItems: 1_000 },
    ),
  },
  { ...closed, title: 'PolicySimulation' },
)

/** The answers, in the order of the questions. */
export const simulated = Type.Object({ decisions: Type.Array(decision) }, { ...closed, title: 'PolicySimulated' })

/** A smaller policy without what nobody used. `text` of a document is null when nothing of it would stay. */
export const shrinkProposal = Type.Object(
  {
    version: count,
    days: count,
    since: Type.Union([time, Type.Null()]),
    records: count,
    uses: count,
    unexplained: count,
    documents: Type.Array(
      Type.Object({ name: text, cuts: Type.Array(Type.Object({ rule: text, from: text, to: texts }, closed)), text: textOrNull }, closed),
    ),
  },
  { ...closed, title: 'ShrinkProposal' },
)

/** What a search for unused rights says while it reads: `progress` events, then one `proposal`. */
export const shrinkLine = Type.Union([Type.Object({ share: Type.Number({ minimum: 0, maximum: 1 }) }, closed), shrinkProposal], {
  title: 'ShrinkLine',
})

/** Denials of one device by what was asked, the latest first. `decision` can be explained later. */
export const denials = Type.Object(
  {
    denials: Type.Array(
      Type.Object(
        { action: actionWord, topic: text, clientId: text, code: text, count, first: time, last: time, decision: text, offset: count },
        { ...closed, title: 'DenialGroup' },
      ),
    ),
    complete: Type.Boolean(),
    next: Type.Union([count, Type.Null()]),
  },
  { ...closed, title: 'Denials' },
)
