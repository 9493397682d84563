import { bytes, duration } from './format.ts'
import type { Fact } from '../api/types.ts'

/** How a kind of fact is coloured: what went well, what was stopped, what merely happened. */
export function toneOf(kind: string): 'ok' | 'bad' | 'warn' | 'quiet' | 'accent' {
  if (kind === 'telemetry') return 'accent'
  if (kind === 'connected') return 'ok'
  if (/denied|refused|revoked|suspected/.test(kind)) return 'bad'
  if (/disabled|deleted|lost|dropped|overloaded/.test(kind)) return 'warn'
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

/** What is said of the kinds an operator meets every day, part by part; the others list their fields. */
const sentences: Readonly<Record<string, (fact: Fact) => readonly string[]>> = {
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
  'device-changed': (fact) => [[fact['changes']].flat().join(', '), by(fact)],
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
  overloaded: (fact) => [word(fact, 'level'), [fact['reasons']].flat().join(', ')],
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
export const actions = ['publish', 'subscribe', 'connect'] as const

/** What a device tried. */
export type Attempt = { readonly action: (typeof actions)[number]; readonly topic: string }

/** What a denial denied; undefined for any other fact. */
export function deniedAttempt(fact: Fact): Attempt | undefined {
  if (fact.kind !== 'denied') return undefined
  // Receiving rests on the right to subscribe.
  const tried = fact['action'] === 'receive' ? 'subscribe' : fact['action']
  return { action: actions.find((each) => each === tried) ?? 'publish', topic: text(fact['topic']) ?? '' }
}

/** JSON with two spaces if it is JSON, else the text as it is. */
export function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), undefined, 2)
  } catch {
    return body
  }
}
