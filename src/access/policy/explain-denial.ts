import { type Result, ok, parseDeviceId } from '#base'
import { type Decision, type Standing, explain } from './decision.ts'
import type { PolicyAction } from './model.ts'
import type { PolicySet } from './policy-set.ts'

/** What the journal keeps of a denial: the `denied` fact. `attributes` are `name=value`; `policy` is the version that said no. */
export type Denial = {
  readonly device: string
  readonly clientId: string
  readonly action: PolicyAction
  readonly topic: string
  readonly decision: string
  readonly username?: string
  readonly attributes?: readonly string[]
  readonly policy?: number
}

/**
 * Asks again what was denied, with the inputs of then and the policy of now; the decision keeps its id. When the policy is another than the one
 * that said no, the reason says so. Refuses as `parseDeviceId` does when the record names nobody.
 */
export function explainDenial(set: PolicySet, denial: Denial, standing: Standing): Result<Decision> {
  const identity = parseDeviceId(denial.device)
  if (!identity.ok) return identity
  const method = ['x509:', 'sat:', 'custom:'].find((prefix) => denial.device.startsWith(prefix)) ?? ''
  const attributes = Object.fromEntries((denial.attributes ?? []).map(pair))
  const username = denial.username ?? denial.device.slice(method.length)
  const subject = { identity: identity.value, username, clientId: denial.clientId, attributes }
  const decision = explain(set, { subject, standing, action: denial.action, topic: denial.topic }, denial.decision)
  if (denial.policy === undefined || denial.policy === set.version) return ok(decision)
  const since = ` The policy was version ${denial.policy} when it was denied, and is version ${set.version} now.`
  return ok({ ...decision, reason: `${decision.reason}${since}` })
}

function pair(text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
}
