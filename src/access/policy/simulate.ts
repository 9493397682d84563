import { type DeviceId, type Result, type Subject, ok, parseDeviceId, refuse } from '#base'
import { identityOf } from '../authentication/identity.ts'
import { parseIdentity } from '../identity-text.ts'
import { type Decision, explain } from './decision.ts'
import type { PolicyDocument, PolicyTest, TestIdentity } from './model.ts'
import type { PolicySet } from './policy-set.ts'

/** What became of one test. */
export type TestOutcome = { readonly test: PolicyTest; readonly passed: boolean; readonly decision: Decision }

/** Runs tests against a set. A test that expects a yes or a no fails when the decision is the other. */
export function simulate(set: PolicySet, tests: readonly PolicyTest[]): readonly TestOutcome[] {
  return tests.map((test) => {
    const subject = subjectOf(test.as)
    const standing = test.as.method === 'device' || test.as.method === 'module' ? 'enabled' : 'foreign'
    const decision = explain(
      set,
      { subject: subject.ok ? subject.value : nobody, standing, action: test.action, topic: test.topic },
      test.id,
    )
    return { test, passed: subject.ok && decision.allowed === (test.expect === 'allow'), decision }
  })
}

/** Every test of these documents. */
export function testsOf(documents: readonly PolicyDocument[]): readonly PolicyTest[] {
  return documents.flatMap((document) => document.tests)
}

const nobody: Subject = { identity: anyId('nobody'), username: '', clientId: '', attributes: {} }

/** The subject that a test or a question speaks of. Refuses what no device can be called, as `parseDeviceId` does. */
export function subjectOf({ method, username, clientId, attributes }: TestIdentity): Result<Subject> {
  const identity = method === 'device' || method === 'module' ? registeredAs(method, username) : ok(identityOf(`${method}:`, username))
  if (!identity.ok) return identity
  return ok({ identity: identity.value, username, clientId, attributes: Object.fromEntries(attributes) })
}

function registeredAs(method: 'device' | 'module', username: string): Result<DeviceId> {
  if (method === 'device') return parseDeviceId(username)
  return username.includes('/') ? parseIdentity(username) : refuse('access/module-unnamed', 'A module is named as device/module.')
}

function anyId(text: string): DeviceId {
  const id = parseDeviceId(text)
  if (!id.ok) throw new Error('bug: the name of nobody')
  return id.value
}
