import type { DeviceId, Subject } from '#base'
import { type BoundRule, ruleAllows, withoutShare } from './bound-policy.ts'
import { hubChecksName, hubDevicesName } from './built-in.ts'
import { shownClientId } from './client-id-pattern.ts'
import type { BrokerResource, PolicyAction, PolicyRule, Principals } from './model.ts'
import { clientIdProblem, topicProblem } from './pattern-problems.ts'
import type { PolicySet } from './policy-set.ts'
import { deviceAttribute, methodOf, moduleAttributesOf } from './principal-view.ts'
import { renderDocument, renderRule } from './render.ts'

/** What the registry says of an identity, before any policy. An identity of another method is not in it: `foreign`. */
export type Standing = 'enabled' | 'disabled' | 'unknown' | 'foreign'

/** May this subject do this? `topic` is a name for publish and receive, a filter for subscribe, and not looked at for connect. */
export type Question = { readonly subject: Subject; readonly standing: Standing; readonly action: PolicyAction; readonly topic: string }

/** A yes or no with everything that led to it. The same function answers devices, the API, the command line and the console. */
export type Decision = {
  readonly id: string
  readonly allowed: boolean
  readonly action: PolicyAction
  readonly subject: Subject
  readonly topic: string | null
  /** The rule that allowed it; null for a no, since only the absence of a rule denies. */
  readonly rule: string | null
  /** One sentence: why. */
  readonly reason: string
  /** The smallest change that would turn a no into a yes, in words; null for a yes. */
  readonly change: string | null
  /** The same as text to be added: a rule for the document named, or the whole of a new one. Null when no rule can help. */
  readonly patch: { readonly document: string; readonly isNew: boolean; readonly yaml: string } | null
  /** Every rule that is for this subject, with its values put in. */
  readonly checked: readonly { readonly rule: string; readonly topics: readonly string[]; readonly matched: boolean }[]
  /** The version of the policy that was asked. */
  readonly version: number
}

/** The subject of a registered device that connects with `clientId`, its own id when left out. */
export function deviceSubject(id: DeviceId, clientId: string = id): Subject {
  return { identity: id, username: id, clientId, attributes: {} }
}

/** Decides and says why. The registry is asked first: what is unknown or disabled may do nothing at all. */
export function explain(set: PolicySet, question: Question, id: string): Decision {
  const { subject, standing, action } = question
  const topic = action === 'connect' ? null : question.topic
  const who = nameOf(subject)
  const common = { id, action, subject, topic, version: set.version }
  const no = { allowed: false, rule: null, patch: null, checked: [] } as const
  if (standing === 'unknown')
    return { ...common, ...no, reason: `No device ${who} is registered.`, change: `Register it: thingwall device add ${who}` }
  if (standing === 'disabled')
    return { ...common, ...no, reason: `Device ${who} is disabled.`, change: `Enable it: thingwall device enable ${who}` }
  const rules = set.rulesFor(subject)
  const checked = rules.map((rule) => ({
    rule: rule.id,
    topics: shownPatterns(rule, action),
    matched: ruleAllows(rule, action, question.topic, subject.clientId),
  }))
  const rule = checked.find(({ matched }) => matched)?.rule
  const what = action === 'connect' ? `connect as ${subject.clientId}` : `${action} ${question.topic}`
  if (rule !== undefined)
    return { ...common, allowed: true, rule, reason: `Rule ${rule} allows ${who} to ${what}.`, change: null, patch: null, checked }
  return { ...common, ...no, reason: `No rule allows ${who} to ${what}.`, ...smallestChange(set, question, rules), checked }
}

function nameOf({ identity, username }: Subject): string {
  return identity === username ? username : identity
}

function shownPatterns(rule: BoundRule, action: PolicyAction): readonly string[] {
  if (action === 'connect') return [...(rule.connectAny ? ['*'] : []), ...rule.connect.map(shownClientId)]
  return rule[action === 'publish' ? 'publish' : 'subscribe'].map((pattern) => pattern.join('/'))
}

function smallestChange(set: PolicySet, question: Question, rules: readonly BoundRule[]): Pick<Decision, 'change' | 'patch'> {
  const { subject, action } = question
  // Whoever asks about a topic of its own choice is not helped by those of the hub's operations.
  const reserved = question.topic.startsWith('$')
  const own = [...new Set(rules.flatMap((rule) => shownPatterns(rule, action)))].filter((pattern) => pattern.startsWith('$') === reserved)
  const shown = own.length <= 3 ? own.join(' or ') : `${own.slice(0, 3).join(', ')} or ${own.length - 3} more`
  const noun = action === 'connect' ? 'a client identifier' : 'a topic'
  const instead = own.length === 0 ? '' : `Use ${noun} under ${shown}. `
  const resource = resourceFor(question)
  if (resource === undefined) return { change: own.length === 0 ? 'No rule can name this.' : instead.trim(), patch: null }
  const rule: PolicyRule = {
    id: '',
    name: undefined,
    principals: principalsFor(subject),
    brokerResources: [resource],
    stateStoreResources: [],
  }
  const target = set.documents.find(({ name, kind }) => kind === 'BrokerAuthorization' && name !== hubDevicesName && name !== hubChecksName)
  const name = target?.name ?? 'site-rules'
  const head = { apiVersion: 'mqttbroker.thingwall/v1', name, namespace: undefined, cache: 'Enabled' }
  const yaml = target === undefined ? renderDocument(head, [rule]) : renderRule(rule)
  const where = target === undefined ? `apply a document with a rule` : `add a rule to ${name}`
  const may = action === 'connect' ? 'connect so' : `${action} ${question.topic}`
  return {
    change: `${instead}${instead === '' ? 'To allow it, ' : 'Or '}${where} that lets ${nameOf(subject)} ${may}.`,
    patch: { document: name, isNew: target === undefined, yaml },
  }
}

/** The grant that says exactly this and no more; undefined when no pattern can. */
function resourceFor({ subject, action, topic }: Question): BrokerResource | undefined {
  if (action === 'connect') {
    // A star or brace in the identifier would mean more than itself.
    const plain = clientIdProblem(subject.clientId) === undefined && !/[*{]/.test(subject.clientId)
    return { method: 'Connect', clientIds: plain ? [subject.clientId] : [] }
  }
  const text = action === 'subscribe' ? withoutShare(topic) : topic
  if (text === undefined || topicProblem(text) !== undefined || text.includes('{')) return undefined
  if (action !== 'subscribe' && /[+#]/.test(text)) return undefined
  return { method: action === 'publish' ? 'Publish' : 'Subscribe', topics: [text] }
}

/** This identity and nobody else, as far as a rule can say so. */
function principalsFor(subject: Subject): Principals {
  const method = methodOf(subject)
  if (method === 'device') return { usernames: [], clientIds: [], attributes: [new Map([[deviceAttribute, subject.identity]])] }
  if (method === 'module') return { usernames: [], clientIds: [], attributes: [moduleAttributesOf(subject)] }
  return { usernames: [subject.username], clientIds: [], attributes: [] }
}
