import type { Random, Subject } from '#base'
import { someone } from '../policy-fixture.ts'

/*
 * What histories are made of. Few words, so that everything collides with everything: user names are levels of topics and client
 * identifiers, two identities have one user name, and one client identifier would be a wildcard if somebody took it for one.
 */

const identities = [
  { method: 'device', username: 'a' },
  { method: 'x509', username: 'a' },
  { method: 'device', username: 'b' },
] as const
const clientIds = ['a', 'b', 'c', '#'] as const
const roles = [undefined, 'a', 'b'] as const

/** Identities times client identifiers: who acts in a history, as a number below this. */
export const actors = identities.length * clientIds.length
/** Values of the attribute `role`, as a number below this; 0 is none. */
export const roleCount = roles.length

const subjects = Array.from({ length: actors * roleCount }, (_, index) => {
  const { method, username } = pick(identities, Math.floor(index / roleCount) % identities.length)
  const clientId = pick(clientIds, Math.floor(index / roleCount / identities.length))
  const role = roles[index % roleCount]
  return someone(username, clientId, role === undefined ? {} : { role }, method)
})

/** An actor with a role, as authentication names it. The same object each time. */
export function subjectOf(actor: number, role: number): Subject {
  return pick(subjects, actor * roleCount + role)
}

/** Topics that are published to. */
export const topics = ['a', 'b', 'a/a', 'a/b', 'b/a', 'b/b', 'a/b/a', 'b/a/b', 'a/a/a', '$x', '$x/a', 'a/$x', '$x/a/b'] as const

/** Filters, without a share. */
export const filters = [...topics, '#', '+', '+/+', '+/#', '+/a', 'a/+', 'a/#', 'b/#', 'a/+/a', '+/b/#', '$x/#', '$x/+', '+/a/+'] as const

/** What policies have besides filters: tokens. */
export const tokenPatterns = [
  '{principal.username}',
  '{principal.username}/#',
  '{principal.clientId}/#',
  '{principal.clientId}/+',
  'a/{principal.clientId}',
  '+/{principal.username}/#',
  '{principal.attributes.role}/#',
  '$x/{principal.attributes.role}',
  'b/{principal.clientId}/{principal.username}',
] as const

/** Client identifiers of Connect grants. */
export const clientIdPatterns = [
  'a',
  'b',
  '#',
  '*',
  '{principal.username}',
  '{principal.attributes.role}*',
  '*{principal.username}',
] as const

/** Names that principals of rules may hold. */
export const names = ['a', 'b', 'c'] as const

/** An entry by number. */
export function pick<T>(list: readonly T[], index: number): T {
  for (const one of list.slice(index, index + 1)) return one
  throw new Error('bug: no such entry')
}

/** Dice: whole numbers, entries, and chances in a hundred. */
export class Dice {
  readonly #random: Random & { integer(below: number): number }

  constructor(random: Random & { integer(below: number): number }) {
    this.#random = random
  }

  below(count: number): number {
    return this.#random.integer(count)
  }

  of<T>(list: readonly T[]): T {
    return pick(list, this.#random.integer(list.length))
  }

  chance(percent: number): boolean {
    return this.#random.integer(100) < percent
  }
}
