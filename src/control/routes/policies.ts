import { Type } from 'typebox'
import { type Change, type ChangeRefused, type Question, subjectOf } from '#access'
import { type Result, limits, ok, refuse } from '#base'
import {
  appliedPolicy,
  changeInput,
  policyDetail,
  policyList,
  policyPlan,
  policyText,
  policyVersions,
  simulateInput,
  simulated,
  testResults,
} from '../policy-schema.ts'
import { appliedView, changeRefused, decisionView, planView, policyView, testsView, versionsView } from '../policy-views.ts'
import type { Refused } from '../problem.ts'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const path = Type.Object({ name: Type.String({ minLength: 1, maxLength: 253 }) }, closed)
const bodyBytes = limits.httpBodyBytes
const named = ({ name }: { readonly name: string }) => `policy:${name}`
const all = () => 'policies'

/** The documents that say who may do what: looked at, tried out, and changed as one. */
export function policyRoutes({ ports }: Parts): readonly Route[] {
  const { policies, clock } = ports
  const tag = () => `"${policies.current.version}"`
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/policies',
      summary: 'Every policy document in force, built-in ones included. The ETag is the version of all of them together.',
      access: { grants: ['policy.read'] },
      resource: all,
      answer: { status: 200, is: policyList, description: 'The documents.' },
      handle(call) {
        call.setHeader('etag', tag())
        const shown = policies.list(call.grant('policy.read')).map(policyView)
        return ok({ version: policies.current.version, policies: shown, health: [...policies.health()] })
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/policies',
      summary:
        'Applies documents, all of them or none, when every test passes; with If-Match only to the version that was read. Who loses a right is met at once.',
      access: { grants: ['policy.write'] },
      resource: all,
      body: Type.Object({ text: policyText }, { ...closed, title: 'PolicyText' }),
      bodyBytes,
      answer: { status: 200, is: appliedPolicy, description: 'The receipt.' },
      async handle(call) {
        const expected = expectedVersion(call.header('if-match'))
        if (!expected.ok) return expected
        const { text } = call.body
        const begun = clock.monotonic()
        const applied = await policies.apply(call.grant('policy.write'), { apply: text }, expected.value)
        if (!applied.ok) return changeRefused(applied.error, text)
        call.setHeader('etag', tag())
        return ok(appliedView(applied.value, clock.monotonic() - begun))
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/policies/{name}',
      summary: 'One document with its text.',
      access: { grants: ['policy.read'] },
      resource: named,
      params: path,
      answer: { status: 200, is: policyDetail, description: 'The document.' },
      handle(call) {
        const shown = policies.show(call.grant('policy.read'), call.params.name)
        if (!shown.ok) return shown
        call.setHeader('etag', tag())
        return ok({ ...policyView(shown.value), text: shown.value.text })
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/policies/{name}',
      summary: 'Takes an applied document out; one that stood in the place of a built-in one gives it back.',
      access: { grants: ['policy.write'] },
      resource: named,
      params: path,
      answer: { status: 200, is: appliedPolicy, description: 'The receipt.' },
      async handle(call) {
        const expected = expectedVersion(call.header('if-match'))
        if (!expected.ok) return expected
        const begun = clock.monotonic()
        const removed = await policies.apply(call.grant('policy.write'), { remove: call.params.name }, expected.value)
        if (!removed.ok) return changeRefused(removed.error, '')
        call.setHeader('etag', tag())
        return ok(appliedView(removed.value, clock.monotonic() - begun))
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/policies/plan',
      summary:
        'What a change would do: rules that come and go, sessions, subscriptions and retained messages affected, tests. Changes nothing.',
      access: { grants: ['policy.read'] },
      resource: all,
      body: changeInput,
      bodyBytes,
      answer: { status: 200, is: policyPlan, description: 'The plan; failing tests are part of it.' },
      async handle(call) {
        const change: Change = 'text' in call.body ? { apply: call.body.text } : { remove: call.body.remove }
        return shown(await policies.plan(call.grant('policy.read'), change), change, planView)
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/policies/test',
      summary: 'Runs every test of the policies in force, or of those that would be with `text` applied.',
      access: { grants: ['policy.read'] },
      resource: all,
      body: Type.Object({ text: Type.Optional(policyText) }, { ...closed, title: 'PolicyTestInput' }),
      bodyBytes,
      answer: { status: 200, is: testResults, description: 'How they came out.' },
      handle(call) {
        const change: Change = { apply: call.body.text }
        return shown(policies.test(call.grant('policy.read'), change), change, testsView)
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/policies/simulate',
      summary:
        'Decides questions with the policy in force, or as it would be with `text` applied. Devices are taken as registered and enabled.',
      access: { grants: ['policy.read'] },
      resource: all,
      body: simulateInput,
      bodyBytes,
      answer: { status: 200, is: simulated, description: 'The decisions, in the order of the questions.' },
      handle(call) {
        const { text, cases } = call.body
        const questions: Question[] = []
        for (const [index, { as, action, topic = '' }] of cases.entries()) {
          if (action !== 'connect' && topic === '') return refuse('control/topic-missing', `To explain ${action}, say which topic.`)
          const { method = 'device', username, clientId = username, attributes = {} } = as
          const subject = subjectOf({ method, username, clientId, attributes: new Map(Object.entries(attributes)) })
          if (!subject.ok) return refuse('control/malformed', `body.cases.${index}.as: ${subject.error.message}`)
          questions.push({ subject: subject.value, standing: method === 'device' ? 'enabled' : 'foreign', action, topic })
        }
        const change: Change = { apply: text }
        const decided = policies.decide(call.grant('policy.read'), questions, change)
        return shown(decided, change, (decisions) => ({ decisions: decisions.map(decisionView) }))
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/policy-versions',
      summary: 'The newest changes of policy with their texts, so that an older one can be applied again.',
      access: { grants: ['policy.read'] },
      resource: all,
      query: Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })) }, closed),
      answer: { status: 200, is: policyVersions, description: 'The changes.' },
      async handle(call) {
        return ok(versionsView(await policies.history(call.grant('policy.read'), call.query.limit ?? 20)))
      },
    }),
  ]
}

function shown<T, V>(outcome: Result<T, ChangeRefused>, change: Change, view: (value: T) => V): Result<V, Refused> {
  if (outcome.ok) return ok(view(outcome.value))
  return changeRefused(outcome.error, 'apply' in change ? (change.apply ?? '') : '')
}

/** An If-Match header as the version that it names: quoted or bare; `*` and nothing match any. */
function expectedVersion(header: string | undefined): Result<number | undefined> {
  if (header === undefined || header === '*') return ok(undefined)
  const version = /^"?([0-9]{1,15})"?$/.exec(header)?.[1]
  return version === undefined ? refuse('control/malformed', 'If-Match is not the version of a policy.') : ok(Number(version))
}
