import type { DeviceId } from '#base'
import { allowingRule, type BoundPolicy, bindPolicy, type Policy, type TopicAction } from './policy.ts'

/** A yes or no with everything that led to it. The same function answers devices, the API, the command line and the console. */
export type Decision = {
  readonly allowed: boolean
  readonly action: 'connect' | TopicAction
  readonly device: string
  readonly topic: string | null
  /** The rule that allowed it; null for a no, since only the absence of a rule denies. */
  readonly rule: string | null
  /** One sentence: why. */
  readonly reason: string
  /** The smallest change that would turn a no into a yes; null for a yes. */
  readonly change: string | null
  /** Every rule that was looked at, with the identity's values put in. */
  readonly checked: readonly { readonly rule: string; readonly topics: readonly string[]; readonly matched: boolean }[]
}

/** What is known about the device in question. */
export type Subject = { readonly device: DeviceId; readonly known: boolean; readonly enabled: boolean }

/** The values that tokens of a policy stand for, for one device. */
export function tokenValues(device: DeviceId): ReadonlyMap<string, string> {
  return new Map([['device', device]])
}

/**
 * Decides and says why. `topic` is a topic name for `publish`, a filter for `subscribe`, and not looked at for `connect`.
 * The registry is asked first: what is unknown or disabled may do nothing at all.
 */
export function explain(policy: Policy, subject: Subject, action: 'connect' | TopicAction, topic: string): Decision {
  const device = subject.device
  const no = (reason: string, change: string, checked: Decision['checked'] = []): Decision => ({
    allowed: false,
    action,
    device,
    topic: action === 'connect' ? null : topic,
    rule: null,
    reason,
    change,
    checked,
  })
  if (!subject.known) return no(`No device ${device} is registered.`, `Register it: thingwall device add ${device}`)
  if (!subject.enabled) return no(`Device ${device} is disabled.`, `Enable it: thingwall device enable ${device}`)
  if (action === 'connect')
    return {
      allowed: true,
      action,
      device,
      topic: null,
      rule: 'registered-device',
      reason: `Device ${device} is registered and enabled; it connects with its certificate.`,
      change: null,
      checked: [],
    }
  const bound = bindPolicy(policy, tokenValues(device))
  const checked = bound.map((rule) => ({
    rule: rule.name,
    topics: rule[action].map((pattern) => pattern.join('/')),
    matched: allowingRule([rule], action, topic) !== undefined,
  }))
  const rule = allowingRule(bound, action, topic)
  if (rule !== undefined)
    return {
      allowed: true,
      action,
      device,
      topic,
      rule,
      reason: `Rule ${rule} allows ${device} to ${action} ${topic}.`,
      change: null,
      checked,
    }
  return no(`No rule allows ${device} to ${action} ${topic}.`, smallestChange(bound, device, action, topic), checked)
}

function smallestChange(bound: BoundPolicy, device: DeviceId, action: TopicAction, topic: string): string {
  const own = bound.flatMap((rule) => rule[action]).map((pattern) => pattern.join('/'))
  const instead = own.length === 0 ? '' : `Use a topic under ${own.join(' or ')}, or add `
  const rule = `a rule for ${device} that allows ${action} on ${topic}`
  return instead === '' ? `Add ${rule}.` : `${instead}${rule}.`
}
