import { type Result, ok } from '#base'
import { type Envelope, Fields, readEnvelope } from '../documents/fields.ts'
import { type Problems, refuseWith } from '../documents/problems.ts'
import { type Problem, type RawDocument, readDocuments } from '../documents/read.ts'
import type { BrokerResource, PolicyDocument, PolicyRule, Principals, StateStoreResource } from './model.ts'
import { type Wrong, clientIdProblem, keyProblem, nameProblem, topicProblem } from './pattern-problems.ts'
import { readTests } from './parse-tests.ts'

/** Bounds of what one policy document may hold, and all documents together. */
export const policyLimits = { documents: 256, rulesPerDocument: 10_000, rules: 20_000, textsPerList: 10_000, tests: 1_000 } as const

/**
 * Parses a file of policy documents: BrokerAuthorization (edge.md 1.10, of the modelled product's group or ours) and PolicyTests (ours).
 * Refuses `access/document-malformed` for text that is no document, and `access/policy-invalid` with everything that is wrong (1.18).
 */
export function parsePolicies(text: string): Result<readonly PolicyDocument[], Problems> {
  const raw = readDocuments(text)
  if (!raw.ok) return refuseWith('access/document-malformed', [{ path: '', code: 'document-malformed', message: raw.error.message }])
  if (raw.value.length === 0)
    return refuseWith('access/policy-invalid', [{ path: '', code: 'empty', message: 'There is no document in this text.' }])
  const documents: PolicyDocument[] = []
  const problems: Problem[] = []
  for (const [index, one] of raw.value.entries()) {
    const found: Problem[] = []
    documents.push(parseDocument(one, found))
    const before = raw.value.length === 1 ? '' : `document[${index}]`
    problems.push(
      ...found.map(({ path, code, message }) => ({ path: [before, path].filter((part) => part !== '').join('.'), code, message })),
    )
  }
  const names = new Set<string>()
  for (const { name } of documents) {
    if (names.has(name)) problems.push({ path: 'metadata.name', code: 'name-twice', message: `Two documents are called ${name}.` })
    names.add(name)
  }
  return problems.length === 0 ? ok(documents) : refuseWith('access/policy-invalid', problems)
}

function parseDocument(raw: RawDocument, problems: Problem[]): PolicyDocument {
  const envelope = readEnvelope(raw, problems, ['tests'])
  const { document, name, namespace, apiVersion, spec, ours } = envelope
  const kind = document.word('kind', 'BrokerAuthorization', 'PolicyTests') ?? 'BrokerAuthorization'
  document.required('spec')
  if (document.has('tests') && (kind !== 'BrokerAuthorization' || !ours)) {
    const message = 'Tests stand beside spec in a BrokerAuthorization of our own group; elsewhere write a document of kind PolicyTests.'
    document.wrong('tests', 'unknown-field', message)
  }
  const common = { name, kind, apiVersion, namespace, text: raw.text } as const
  if (kind === 'PolicyTests') {
    if (!ours && apiVersion !== '') document.wrong('apiVersion', 'unknown-api-version', 'PolicyTests belong to our own group.')
    spec?.only('tests')
    spec?.required('tests')
    return { ...common, cache: 'Enabled', rules: [], tests: spec === undefined ? [] : readTests(name, spec) }
  }
  spec?.only('authorizationPolicies')
  spec?.required('authorizationPolicies')
  const policies = spec?.object('authorizationPolicies')
  policies?.only('cache', 'rules')
  const cache = policies?.word('cache', 'Enabled', 'Disabled') ?? 'Enabled'
  return {
    ...common,
    cache,
    rules: policies === undefined ? [] : readRules(envelope, policies),
    tests: ours ? readTests(name, document) : [],
  }
}

function readRules(envelope: Envelope, policies: Fields): readonly PolicyRule[] {
  const rules = policies.objects('rules')
  if (rules.length > policyLimits.rulesPerDocument)
    policies.wrong('rules', 'too-many', `A document has at most ${policyLimits.rulesPerDocument} rules.`)
  const ids = new Set<string>()
  return rules.slice(0, policyLimits.rulesPerDocument).map((rule, index) => {
    rule.only('principals', 'brokerResources', 'stateStoreResources', ...(envelope.ours ? ['name'] : []))
    const name = envelope.ours ? rule.text('name') : undefined
    if (name !== undefined && !/^[a-z0-9][a-z0-9-]{0,62}$/.test(name))
      rule.wrong('name', 'bad-name', 'The name of a rule has at most 63 lower-case letters, digits and hyphens.')
    const id = `${envelope.name}/${name ?? index}`
    if (ids.has(id)) rule.wrong('name', 'name-twice', `Two rules are called ${id}.`)
    ids.add(id)
    rule.required('principals')
    rule.required('brokerResources')
    return {
      id,
      name,
      principals: readPrincipals(rule.object('principals')),
      brokerResources: rule.objects('brokerResources').flatMap(readResource),
      stateStoreResources: rule.objects('stateStoreResources').flatMap(readStateStore),
    }
  })
}

function readPrincipals(principals: Fields | undefined): Principals {
  if (principals === undefined) return { usernames: [], clientIds: [], attributes: [] }
  principals.only('usernames', 'clientIds', 'attributes')
  const attributes = principals.objects('attributes').map((map) => {
    const pairs = map.textMap()
    // All of no pairs is everyone, which no rule may say by accident.
    if (pairs.size === 0) map.wrong('', 'attributes-empty', 'A map of attributes has at least one.')
    for (const [name, value] of pairs) note(map, name, nameProblem(name) ?? nameProblem(value))
    return pairs
  })
  return { usernames: names(principals, 'usernames'), clientIds: names(principals, 'clientIds'), attributes }
}

function names(fields: Fields, field: string): readonly string[] {
  return judged(fields, field, nameProblem)
}

function readResource(resource: Fields): readonly BrokerResource[] {
  resource.only('method', 'clientIds', 'topics')
  resource.required('method')
  const method = resource.word('method', 'Connect', 'Publish', 'Subscribe')
  if (method === undefined) return []
  if (method === 'Connect') {
    if (resource.has('topics')) resource.wrong('topics', 'topics-on-connect', 'Connect has no topics.')
    return [{ method, clientIds: judged(resource, 'clientIds', clientIdProblem) }]
  }
  if (resource.has('clientIds'))
    resource.wrong('clientIds', 'client-ids-not-on-connect', `${method} has no clientIds; they belong to Connect.`)
  const topics = judged(resource, 'topics', topicProblem)
  if (resource.list('topics').length === 0) resource.wrong('topics', 'topics-missing', `${method} names at least one topic.`)
  return [{ method, topics }]
}

function readStateStore(resource: Fields): readonly StateStoreResource[] {
  resource.only('method', 'keyType', 'keys')
  for (const field of ['method', 'keyType', 'keys']) resource.required(field)
  const method = resource.word('method', 'Read', 'Write', 'ReadWrite')
  const keyType = resource.word('keyType', 'Pattern', 'String', 'Binary')
  if (method === undefined || keyType === undefined) return []
  return [{ method, keyType, keys: judged(resource, 'keys', (key) => keyProblem(key, keyType)) }]
}

function judged(fields: Fields, field: string, judge: (text: string) => Wrong | undefined): readonly string[] {
  const texts = fields.texts(field)
  if (texts.length > policyLimits.textsPerList) fields.wrong(field, 'too-many', `A list has at most ${policyLimits.textsPerList} entries.`)
  for (const [index, text] of texts.entries()) note(fields, `${field}[${index}]`, judge(text))
  return texts
}

function note(fields: Fields, name: string, wrong: Wrong | undefined): void {
  if (wrong !== undefined) fields.wrong(name, wrong.code, wrong.message)
}
