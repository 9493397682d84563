import { plainJson } from '../line.ts'
import { type Told, as, by, id, messages, seconds, times, unlessNone } from './fact-words.ts'
import { toldOfAcme } from './fact-text-acme.ts'
import { toldOfCampaigns } from './fact-text-campaigns.ts'
import { toldOfAttestation } from './fact-text-attestation.ts'
import { toldOfEst } from './fact-text-est.ts'
import { toldOfFactory } from './fact-text-factory.ts'
import { toldOfKeys } from './fact-text-keys.ts'
import { toldOfManagement } from './fact-text-management.ts'
import { toldOfProvisioning } from './fact-text-provisioning.ts'
import { toldOfSecrets } from './fact-text-secrets.ts'
import { toldOfRevocation } from './fact-text-revocation.ts'

/** A fact as the event stream gives it: its members by name. */
export type Members = ReadonlyMap<string, unknown>

/** What a person wants to read of each kind, after time, kind and device. A kind that is not here shows all of its members. */
const told: ReadonlyMap<string, Told> = new Map<string, Told>([
  ...toldOfManagement,
  ...toldOfAttestation,
  ...toldOfEst,
  ...toldOfCampaigns,
  ...toldOfAcme,
  ...toldOfFactory,
  ...toldOfKeys,
  ...toldOfProvisioning,
  ...toldOfSecrets,
  ...toldOfRevocation,
  [
    'connected',
    (of) => [
      `${of('transport')} MQTT ${of('mqttVersion') === '5' ? '5' : '3.1.1'}`,
      of('tls.version'),
      `from ${of('address')}`,
      as('client', of('clientId'), of('device')),
    ],
  ],
  ['connection-settled', (of) => [of('state'), `${of('held')} changes meanwhile`]],
  ['disconnected', (of) => [of('reason'), `after ${seconds(of('durationMs'))}`, as('client', of('clientId'), of('device'))]],
  [
    'denied',
    (of) => [
      `${of('action')} ${of('topic')}`,
      of('rule') === '' ? 'no rule allows it' : `rule ${of('rule')}`,
      times(of('count')),
      id(of('decision')),
    ],
  ],
  [
    'refused',
    (of) => [
      of('message'),
      `(${of('code')})`,
      `from ${of('address')}`,
      of('listener') === '' ? '' : `on ${of('listener')}`,
      of('certificate.subject'),
      times(of('count')),
    ],
  ],
  ['device-created', (of) => [by(of('actor'))]],
  ['device-changed', (of) => [of('changes'), by(of('actor'))]],
  ['device-deleted', (of) => [by(of('actor'))]],
  ['certificate-issued', (of) => [`serial ${of('serial')}`, by(of('actor'))]],
  ['revoked', (of) => [of('reason'), by(of('actor'))]],
  [
    'session-closed',
    (of) => [`closed ${of('closed')} of ${of('sessions')} in ${Math.round(Number(of('durationMs')))} ms`, of('reason'), by(of('actor'))],
  ],
  ['finding', (of) => [of('check'), of('status'), of('message')]],
  [
    'reconnected',
    (of) => [
      of('why') === 'renewed' ? 'with a newer key' : of('why') === 'silent' ? 'after silence' : 'from the same place',
      `from ${of('address')}`,
      `was ${of('former.address')}`,
      of('keyChanged') === 'true' && of('why') !== 'renewed' ? 'with another key' : '',
      of('takeovers') === '1' ? '' : `${of('takeovers')} takeovers lately`,
      as('client', of('clientId'), of('device')),
      times(of('count')),
    ],
  ],
  [
    'clone-suspected',
    (of) => [
      of('certain') === 'true' ? 'the same key in two places, again and again' : 'the same key in two places',
      `from ${of('address')}`,
      `and ${of('former.address')}`,
      as('client', of('clientId'), of('device')),
      times(of('count')),
    ],
  ],
  [
    'theft-suspected',
    (of) => [
      `client ${of('clientId')} of ${of('former.device')}`,
      of('why') === 'older-key' ? 'with an older key' : 'with another key',
      `from ${of('address')}`,
      of('former.address') === '' ? '' : `held from ${of('former.address')}`,
      of('refused') === 'true' ? 'refused' : '',
      times(of('count')),
    ],
  ],
  ['overloaded', (of) => [of('level'), of('reasons')]],
  [
    'recovered',
    (of) => [
      `after ${seconds(of('durationMs'))}`,
      `${of('refusedConnections')} connections refused`,
      `${of('droppedMessages')} messages dropped`,
    ],
  ],
  ['subscribed', (of) => [of('filters'), as('client', of('clientId'), of('device'))]],
  ['unsubscribed', (of) => [of('filters'), as('client', of('clientId'), of('device'))]],
  ['messages-dropped', (of) => [messages(of('count')), of('reason'), as('client', of('clientId'), of('device'))]],
  [
    'policy-changed',
    (of) => [
      `${of('action') === 'remove' ? 'removed' : 'applied'} ${of('names')}`,
      `version ${of('version')}`,
      unlessNone(of('effect.sessionsClosed'), 'sessions closed'),
      unlessNone(of('effect.subscriptionsRemoved'), 'subscriptions removed'),
      unlessNone(of('effect.messagesDropped'), 'messages dropped'),
      unlessNone(of('effect.retainedHidden'), 'retained hidden'),
      by(of('actor')),
    ],
  ],
  ['journal-damage', (of) => [`${of('first')} to ${of('last')}`, of('reason'), of('segment')]],
  ['hub-started', (of) => [of('version'), of('listeners')]],
])

/** The rest of a fact for a person: short, and only what tells something. */
export function shortText(fact: Members): string {
  const say = told.get(textOf(fact.get('kind')))
  if (say === undefined) return longText(fact)
  return say((name) => memberText(fact, name))
    .filter((part) => part !== '')
    .join('  ')
}

function memberText(fact: Members, path: string): string {
  const [name = '', inner] = path.split('.')
  const value = fact.get(name)
  if (inner === undefined) return Array.isArray(value) ? value.map(textOf).join(', ') : textOf(value)
  return typeof value === 'object' && value !== null ? textOf(new Map<string, unknown>(Object.entries(value)).get(inner)) : ''
}

const common = new Set(['offset', 'time', 'kind', 'device', 'topic', 'properties', 'system', 'body', 'bodyBase64'])

/** The rest of a fact, all of it: the body and properties of telemetry, every other member of the rest as name=value. */
export function longText(fact: Members): string {
  const payload = bodyText(fact)
  const properties = fact.get('properties')
  const named =
    typeof properties === 'object' && properties !== null
      ? Object.entries(properties).map(([name, value]) => `${name}=${textOf(value)}`)
      : []
  if (fact.get('kind') === 'telemetry') return [payload, ...named].filter((part) => part !== '').join('  ')
  const others = [...fact].filter(([name, value]) => !common.has(name) && value !== null && value !== undefined)
  return [...others.map(([name, value]) => `${name}=${textOf(value)}`), payload].filter((part) => part !== '').join('  ')
}

function bodyText(fact: Members): string {
  const [body, base64] = [fact.get('body'), fact.get('bodyBase64')]
  if (typeof body === 'string') return body
  return typeof base64 === 'string' ? `${Math.floor((base64.replace(/=+$/, '').length * 3) / 4)} bytes` : ''
}

/** A member as text: nothing for what is not there, JSON for what is not text. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return ''
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : plainJson(value)
}
