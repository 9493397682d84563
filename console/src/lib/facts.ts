import { bytes, duration, plural } from './format.ts'
import { hubSentences } from './hub-facts.ts'
import type { Fact } from '../api/types.ts'

/** How a kind of fact is coloured: what went well, what was stopped, what merely happened. */
export function toneOf(kind: string): 'ok' | 'bad' | 'warn' | 'quiet' | 'accent' {
  if (kind === 'telemetry') return 'accent'
  if (/^(?:policy|twin|routes|endpoint|configuration)-changed$|^method-called$/.test(kind)) return 'accent'
  if (/^(?:connected|recovered|c2d-completed|file-uploaded|egress-recovered)$/.test(kind)) return 'ok'
  if (/denied|refused|revoked|suspected|damage|egress-(?:failed|lost)/.test(kind)) return 'bad'
  if (/disabled|deleted|lost|dropped|overloaded|dead-lettered|purged|removed/.test(kind)) return 'warn'
  return 'quiet'
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** A field as text, however it was typed; objects as JSON. */
export function fieldText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The body of a telemetry fact as text, or how it is when it is not text. */
export function bodyText(fact: Fact): string | undefined {
  const body = fact['body']
  if (typeof body === 'string') return body
  const encoded = text(fact['bodyBase64'])
  return encoded === undefined ? undefined : `base64 ${encoded}`
}

const envelope = new Set(['offset', 'time', 'kind', 'device', 'topic', 'properties', 'system', 'body', 'bodyBase64'])

/** The fields that only this kind of fact has; an object's own fields by dotted name. */
export function ownFields(fact: Fact): readonly (readonly [string, string])[] {
  return Object.entries(fact).flatMap(([name, value]) => {
    if (envelope.has(name) || value === undefined || value === null) return []
    if (typeof value !== 'object' || Array.isArray(value)) return [[name, fieldText(value)] as const]
    return Object.entries(value).map(([key, inner]) => [`${name}.${key}`, fieldText(inner)] as const)
  })
}

/** The pairs of an object field such as `properties` or `system`. */
export function pairsOf(fact: Fact, name: 'properties' | 'system'): readonly (readonly [string, string])[] {
  const value = fact[name]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).map(([key, inner]) => [key, fieldText(inner)] as const)
}

/** A field of a fact as a word; missing ones are empty. */
function word(fact: Fact, name: string): string {
  const value = fact[name]
  return value === undefined || value === null ? '' : fieldText(value)
}

function size(fact: Fact, name: string): string {
  const value = fact[name]
  return typeof value === 'number' ? bytes(value) : ''
}

const by = (fact: Fact): string => `by ${word(fact, 'actor')}`

/** `14 times` for a fact that stands for several. */
function times(fact: Fact): string {
  const n = fact['count']
  return typeof n === 'number' && n > 1 ? `${n} times` : ''
}

/** Who held a session before, one word of it. */
function formerly(fact: Fact, name: string): string {
  const former = fact['former']
  const value: unknown = typeof former === 'object' && former !== null ? Reflect.get(former, name) : undefined
  return typeof value === 'string' ? value : ''
}

/** A list field as `a, b, c`, long ones cut. */
function listed(fact: Fact, name: string): string {
  const all = [fact[name] ?? []].flat().map(fieldText)
  return all.length <= 5 ? all.join(', ') : `${all.slice(0, 5).join(', ')} and ${all.length - 5} more`
}

/** Whose session it was, where that is not said by the device. */
const clientOf = (fact: Fact): string => (word(fact, 'clientId') === fact.device ? '' : `client ${word(fact, 'clientId')}`)

/** What a change of policy did to those who were there; nothing for nothing. */
function effectOf(fact: Fact): readonly string[] {
  const effect = fact['effect']
  const told = (name: string, one: string, done: string): string => {
    const n: unknown = typeof effect === 'object' && effect !== null ? Reflect.get(effect, name) : 0
    return typeof n === 'number' && n > 0 ? `${plural(n, one)} ${done}` : ''
  }
  return [
    told('sessionsClosed', 'session', 'closed'),
    told('subscriptionsRemoved', 'subscription', 'removed'),
    told('messagesDropped', 'message', 'dropped'),
    told('retainedHidden', 'retained message', 'hidden'),
  ]
}

/** What is said of the kinds an operator meets every day, part by part; the others list their fields. */
const sentences: Readonly<Record<string, (fact: Fact) => readonly string[]>> = {
  ...hubSentences,
  connected: (fact) => {
    const tls = fact['tls']
    const version: unknown = typeof tls === 'object' && tls !== null ? Reflect.get(tls, 'version') : ''
    return [
      `over ${word(fact, 'transport')}`,
      `MQTT ${fact['mqttVersion'] === 5 ? '5' : '3.1.1'}`,
      String(version),
      `from ${word(fact, 'address')}`,
    ]
  },
  disconnected: (fact) => {
    const ms = fact['durationMs']
    const after = typeof ms === 'number' ? ` after ${duration(ms)}` : ''
    return [`${word(fact, 'reason')}${after}`, `${size(fact, 'bytesIn')} in`, `${size(fact, 'bytesOut')} out`]
  },
  denied: (fact) => [`${word(fact, 'action')} ${word(fact, 'topic')}`, word(fact, 'code'), times(fact)],
  refused: (fact) => [
    word(fact, 'message'),
    word(fact, 'code'),
    `at ${word(fact, 'listener')}`,
    `from ${word(fact, 'address')}`,
    times(fact),
  ],
  'session-closed': (fact) => [
    `closed ${word(fact, 'closed')} of ${word(fact, 'sessions')} in ${word(fact, 'durationMs')} ms`,
    word(fact, 'reason'),
    by(fact),
  ],
  'device-created': (fact) => [by(fact)],
  'device-deleted': (fact) => [by(fact)],
  'device-changed': (fact) => [listed(fact, 'changes'), by(fact)],
  subscribed: (fact) => [`to ${listed(fact, 'filters')}`, clientOf(fact)],
  unsubscribed: (fact) => [`from ${listed(fact, 'filters')}`, clientOf(fact)],
  'messages-dropped': (fact) => [plural(Number(fact['count']), 'message'), word(fact, 'reason'), clientOf(fact)],
  'policy-changed': (fact) => [
    `${word(fact, 'action') === 'remove' ? 'removed' : 'applied'} ${listed(fact, 'names')}`,
    `version ${word(fact, 'version')}`,
    ...effectOf(fact),
    by(fact),
  ],
  'journal-damage': (fact) => [`offsets ${word(fact, 'first')} to ${word(fact, 'last')}`, word(fact, 'reason'), word(fact, 'segment')],
  finding: (fact) => [word(fact, 'message'), `${word(fact, 'check')} ${word(fact, 'status')}`, word(fact, 'severity')],
  'hub-started': (fact) => [`version ${word(fact, 'version')}`, listed(fact, 'listeners')],
  'certificate-issued': (fact) => [`serial ${word(fact, 'serial').slice(0, 16)}`, by(fact)],
  revoked: (fact) => [word(fact, 'reason'), by(fact)],
  reconnected: (fact) => [
    word(fact, 'why') === 'renewed' ? 'with a newer key' : word(fact, 'why') === 'silent' ? 'after silence' : 'from the same place',
    `from ${word(fact, 'address')}`,
    `was ${formerly(fact, 'address')}`,
    times(fact),
  ],
  'clone-suspected': (fact) => [
    fact['certain'] === true ? 'the same key in two places, again and again' : 'the same key in two places',
    `from ${word(fact, 'address')}`,
    `and ${formerly(fact, 'address')}`,
    times(fact),
  ],
  'theft-suspected': (fact) => [
    `client ${word(fact, 'clientId')} of ${formerly(fact, 'device')}`,
    word(fact, 'why') === 'older-key' ? 'with an older key' : 'with another key',
    `from ${word(fact, 'address')}`,
    fact['refused'] === true ? 'refused' : '',
    times(fact),
  ],
  overloaded: (fact) => [word(fact, 'level'), listed(fact, 'reasons')],
  recovered: (fact) => [`${word(fact, 'refusedConnections')} connections refused`, `${word(fact, 'droppedMessages')} messages dropped`],
}

/** One line that says what the fact is about. */
export function summaryOf(fact: Fact): string {
  const body = bodyText(fact)
  if (body !== undefined) return body.length > 200 ? `${body.slice(0, 200)}…` : body
  const sentence = sentences[fact.kind]
  if (sentence !== undefined)
    return sentence(fact)
      .filter((part) => part !== '')
      .join(' · ')
      .slice(0, 240)
  const topic = text(fact['topic'])
  const words = ownFields(fact).map(([name, value]) => `${name} ${value}`)
  return [...(topic === undefined ? [] : [topic]), ...words].join(' · ').slice(0, 240)
}

/** What can be asked of the decision engine. */
export const actions = ['publish', 'subscribe', 'receive', 'connect'] as const

/** Something that can be asked for. */
export type Action = (typeof actions)[number]

/** The decision behind a denial and where it stands in the journal; undefined for any other fact. */
export function deniedDecision(fact: Fact): { readonly decision: string; readonly offset: number } | undefined {
  const decision = text(fact['decision'])
  return fact.kind !== 'denied' || decision === undefined ? undefined : { decision, offset: fact.offset }
}

/** Whether an identity is that of a registered device, which has a page; others carry the method in front. */
export function isDeviceId(identity: string): boolean {
  return !/^(?:x509|sat|custom):/.test(identity)
}

/** JSON with two spaces if it is JSON, else the text as it is. */
export function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), undefined, 2)
  } catch {
    return body
  }
}
