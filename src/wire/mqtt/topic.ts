import { type Brand, type Result, limits, ok, refuse } from '#base'

/** A checked topic name: what is published to. No wildcard, no control character, not empty, not too deep. */
export type TopicName = Brand<string, 'TopicName'>

/** A checked topic filter: what is subscribed to. */
export type TopicFilter = {
  /** As the client sent it, with any `$share/group/`: the identity of the subscription [MQTT-3.10.4-1]. */
  readonly text: string
  /** What topic names are matched with: without `$share/group/`. */
  readonly filter: TopicFilterText
  /** The share name, when the subscription is shared. */
  readonly group: string | undefined
}

/** A checked filter as {@link matches} takes it. */
export type TopicFilterText = Brand<string, 'TopicFilterText'>

/** What is wrong with a topic, with the clause. For the decoder, which has more to add than a `Refusal` can say. */
export type TopicFault = { readonly code: string; readonly clause: string; readonly message: string }

const maxTopicBytes = 0xffff
const slash = 0x2f
const hash = 0x23
const plus = 0x2b
const dollar = 0x24

/** What is wrong with `text` as a topic name, or `undefined`. One pass, no allocation. */
export function topicNameFault(text: string, maxLevels: number): TopicFault | undefined {
  const fault = plainFault(text, maxLevels)
  if (fault !== undefined) return fault
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === hash || unit === plus) {
      return { code: 'wire/topic-has-wildcard', clause: 'MQTT-3.3.2-2', message: 'A topic name must not contain # or +.' }
    }
  }
  return undefined
}

/** What is wrong with `text` as a topic filter without `$share/`, or `undefined`. */
function plainFilterFault(text: string, maxLevels: number): TopicFault | undefined {
  const fault = plainFault(text, maxLevels)
  if (fault !== undefined) return fault
  const last = text.length - 1
  for (let i = 0; i <= last; i++) {
    const unit = text.charCodeAt(i)
    if (unit !== hash && unit !== plus) continue
    if (i > 0 && text.charCodeAt(i - 1) !== slash) return wildcardNotALevel(unit)
    if (unit === hash && i < last) {
      return { code: 'wire/filter-hash-not-last', clause: 'MQTT-4.7.1-1', message: 'In a topic filter # must be the last character.' }
    }
    if (unit === plus && i < last && text.charCodeAt(i + 1) !== slash) return wildcardNotALevel(unit)
  }
  return undefined
}

function wildcardNotALevel(unit: number): TopicFault {
  const clause = unit === hash ? 'MQTT-4.7.1-1' : 'MQTT-4.7.1-2'
  return { code: 'wire/filter-wildcard-not-a-level', clause, message: 'In a topic filter # and + must fill a whole level.' }
}

/** The rules that names and filters share. */
function plainFault(text: string, maxLevels: number): TopicFault | undefined {
  if (text === '') return { code: 'wire/topic-empty', clause: 'MQTT-4.7.3-1', message: 'A topic must have at least one character.' }
  let levels = 1
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === slash) levels++
    else if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)) {
      const clause = unit === 0 ? 'MQTT-4.7.3-2' : 'MQTT-1.5.4'
      return { code: 'wire/topic-has-control-character', clause, message: 'A topic must not contain control characters.' }
    }
  }
  if (levels > maxLevels) {
    return { code: 'wire/topic-too-deep', clause: 'MQTT-4.7.3', message: `A topic may have at most ${maxLevels} levels.` }
  }
  return undefined
}

/** What is wrong with the length of a topic, or `undefined`. */
export function topicLengthFault(text: string, maxBytes: number): TopicFault | undefined {
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return undefined
  return { code: 'wire/topic-too-long', clause: 'MQTT-4.7.3-3', message: `A topic may have at most ${maxBytes} bytes.` }
}

/** A topic from outside the codec (API, configuration) has not yet been measured or found well-formed. */
function outsideFault(text: string): TopicFault | undefined {
  if (!text.isWellFormed()) {
    return { code: 'wire/topic-not-well-formed', clause: 'MQTT-1.5.4-1', message: 'A topic must be well-formed Unicode.' }
  }
  return topicLengthFault(text, maxTopicBytes)
}

/** The parts of `$share/group/filter`, or what is wrong with them; a filter that is not shared comes back whole. */
function splitShare(text: string): { readonly group: string | undefined; readonly filter: string } | TopicFault {
  if (!text.startsWith('$share/') && text !== '$share') return { group: undefined, filter: text }
  const end = text.indexOf('/', 7)
  const group = end === -1 ? text.slice(7) : text.slice(7, end)
  if (group === '') {
    return { code: 'wire/filter-share-name-empty', clause: 'MQTT-4.8.2-1', message: 'A shared subscription needs a share name.' }
  }
  if (group.includes('+') || group.includes('#')) {
    return { code: 'wire/filter-share-name-has-wildcard', clause: 'MQTT-4.8.2-2', message: 'A share name must not contain # or +.' }
  }
  if (end === -1 || end === text.length - 1) {
    return { code: 'wire/filter-share-without-filter', clause: 'MQTT-4.8.2-2', message: 'A shared subscription needs a topic filter.' }
  }
  return { group, filter: text.slice(end + 1) }
}

/** What is wrong with `text` as a topic filter, with or without `$share/`, or `undefined`. */
export function topicFilterFault(text: string, maxLevels: number): TopicFault | undefined {
  const share = splitShare(text)
  if ('code' in share) return share
  return (share.group === undefined ? undefined : plainFault(share.group, 1)) ?? plainFilterFault(share.filter, maxLevels)
}

/** The only place where a string becomes a {@link TopicName}. Refuses what MQTT 5 section 4.7 refuses, and more levels than `maxLevels`. */
export function parseTopicName(text: string, maxLevels: number = limits.topicLevels): Result<TopicName> {
  const fault = outsideFault(text) ?? topicNameFault(text, maxLevels)
  return fault === undefined ? ok(text as TopicName) : refuse(fault.code, fault.message, fault.clause)
}

/**
 * The only place where a string becomes a {@link TopicFilter}. Understands `$share/group/filter` (MQTT 5 section 4.8.2) and refuses
 * what sections 4.7 and 4.8 refuse, and more levels than `maxLevels`.
 */
export function parseTopicFilter(text: string, maxLevels: number = limits.topicLevels): Result<TopicFilter> {
  const fault = outsideFault(text) ?? topicFilterFault(text, maxLevels)
  if (fault !== undefined) return refuse(fault.code, fault.message, fault.clause)
  const share = splitShare(text)
  if ('code' in share) return refuse(share.code, share.message, share.clause)
  return ok({ text, filter: share.filter as TopicFilterText, group: share.group })
}

/** The levels of a name or filter, in order; `a//b` has three, the middle one empty. */
export function topicLevels(topic: string): readonly string[] {
  return topic.split('/')
}

/**
 * Whether a checked filter matches a checked topic name, character by character, with no normalization [MQTT-4.7.3-4].
 * A filter that begins with a wildcard never matches a name that begins with `$` [MQTT-4.7.2-1]. One pass, no allocation, no recursion.
 */
export function matches(filter: string, topic: string): boolean {
  const first = filter.charCodeAt(0)
  if (topic.charCodeAt(0) === dollar && (first === hash || first === plus)) return false
  let t = 0
  for (let f = 0; f < filter.length; f++) {
    const unit = filter.charCodeAt(f)
    if (unit === hash) return true
    if (unit === plus) {
      while (t < topic.length && topic.charCodeAt(t) !== slash) t++
    } else if (t < topic.length && topic.charCodeAt(t) === unit) t++
    // `a/#` also matches its parent `a` (section 4.7.1.2).
    else return t === topic.length && unit === slash && f + 2 === filter.length && filter.charCodeAt(f + 1) === hash
  }
  return t === topic.length
}
