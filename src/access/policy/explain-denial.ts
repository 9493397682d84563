import { type Result, ok, parseDeviceId } from '#base'
import { type Decision, type Standing, explain } from './decision.ts'
import type { PolicyAction } from './model.ts'
import type { PolicySet } from './policy-set.ts'

/** What the journal keeps of a denial: the `denied` fact. `policy` is the version that said no. */
export type Denial = {
  readonly device: string
  readonly clientId: string
  readonly action: PolicyAction
  readonly topic: string
  readonly decision: string
  readonly username?: string
  readonly attributes?: Readonly<Record<string, string>>
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
  const username = denial.username ?? denial.device.slice(method.length)
  const subject = { identity: identity.value, username, clientId: denial.clientId, attributes: denial.attributes ?? {} }
  const decision = explain(set, { subject, standing, action: denial.action, topic: denial.topic }, denial.decision)
  if (denial.policy === undefined || denial.policy === set.version) return ok(decision)
  const since = ` The policy was version ${denial.policy} when it was denied, and is version ${set.version} now.`
  return ok({ ...decision, reason: `${decision.reason}${since}` })
}
