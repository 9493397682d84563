import type { Instant } from '#base'
import { acmeFactShapes } from './acme-facts.ts'
import { egressFactShapes } from './egress-facts.ts'
import { campaignFactShapes } from './campaign-facts.ts'
import { estFactShapes } from './est-facts.ts'
import { keyFactShapes } from './key-facts.ts'
import { factoryFactShapes } from './factory-facts.ts'
import { jobFactShapes } from './job-facts.ts'
import { messageFactShapes } from './message-facts.ts'
import { moduleFactShapes, registration } from './module-facts.ts'
import { provisioningFactShapes } from './provisioning-facts.ts'
import { revocationFactShapes } from './revocation-facts.ts'
import { secretFactShapes } from './secret-facts.ts'
import { serviceFactShapes } from './service-facts.ts'
import { type Shaped, flag, list, nullable, number, object, oneOf, text, texts } from './shape.ts'
import { configurationFactShapes } from './configuration-facts.ts'
import { transferFactShapes } from './transfer-facts.ts'
import { twinFactShapes } from './twin-facts.ts'

/** How a message was authenticated, and how it came: what every telemetry record of one connection shares. */
export type Stamp = {
  /** The identity: a device, or `{device}/{module}`. */
  readonly device: string
  /** IoT Hub's `connectionAuthMethod`, JSON text, as authenticated at connect. */
  readonly auth: string
  /** Generation id of the device: differs when a device was deleted and made again under its old name. */
  readonly generation: string
  readonly connection: string
  /** `mqtts`, `wss`, `https`, `amqps` or `amqp-ws`. */
  readonly transport: string
}

/** A message that a device published. `body` and `properties` are slices of the record. */
export type TelemetryFact = Stamp & {
  readonly kind: 'telemetry'
  readonly time: Instant
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  readonly dup: boolean
  /** MQTT protocol level: 4 is version 3.1.1, 5 is version 5. */
  readonly mqttVersion: number
  /** MQTT 5 properties as received, without their length prefix; empty in 3.1.1. */
  readonly properties: Buffer
  readonly body: Buffer
  /** Packet identifier of a QoS 2 message to a stored session: message and identifier are durable together. Absent otherwise. */
  readonly packetId?: number
}

const transport = oneOf('mqtts', 'wss', 'https', 'amqps', 'amqp-ws')
const session = { device: text, clientId: text, connection: text }
const deviceAct = { device: text, actor: text }
/** Who held a session, or its client identifier, before; null where there was no connection or no certificate. */
const former = object({ device: text, connection: nullable(text), address: nullable(text), thumbprint: nullable(text) }, {})
const meeting = { ...session, address: text, thumbprint: nullable(text), former }
const load = {
  /** Milliseconds that work waited for its turn, bytes that wait for the disk, bytes that clients have not taken, and the share of memory that is in use. */
  loopDelayMs: number,
  journalPendingBytes: number,
  unsentBytes: number,
  memoryShare: number,
}

/** The JSON facts: what each kind says besides `kind` and `time`. Add fields as optional; a required one makes old records unreadable. */
export const factShapes = {
  connected: object(
    {
      ...session,
      transport,
      mqttVersion: number,
      auth: object({ type: text, scope: text, thumbprint: nullable(text) }, {}),
      address: text,
      tls: object({ version: text, cipher: text, resumed: flag }, {}),
      /** Live connections of the hub, this one included. */
      connections: number,
    },
    /**
     * What a policy compares, where it is more than the device and the client id; the topic of the will; and whether back ends do not hear of it, because they
     * have heard of this device just before.
     */
    { username: text, attributes: texts, will: text, quiet: flag },
  ),
  disconnected: object({ ...session, reason: text, bytesIn: number, bytesOut: number, durationMs: number }, { quiet: flag }),
  /** What a device that came and went has come to, for back ends that did not hear of the changes on the way: so many. */
  'connection-settled': object({ device: text, connection: text, state: oneOf('connected', 'disconnected'), held: number }, {}),
  /** A live session was refused an action. `rule` is null when no rule spoke: the default denies. */
  denied: object(
    {
      device: text,
      clientId: text,
      action: oneOf('connect', 'publish', 'subscribe', 'receive'),
      topic: text,
      rule: nullable(text),
      code: text,
      decision: text,
    },
    /** What the decision was made of, besides, and the version of the policy. */
    { count: number, username: text, attributes: texts, policy: number },
  ),
  /** A connection refused before it had an identity; the certificate is what it claimed, not what we believe. */
  refused: object(
    { code: text, message: text, address: text, listener: text },
    { certificate: object({ subject: text, fingerprint: text, issuer: text }, {}), device: text, clientId: text, count: number },
  ),
  'device-created': object(deviceAct, registration),
  'device-changed': object({ ...deviceAct, changes: list(text) }, {}),
  'device-deleted': object(deviceAct, registration),
  /** Times in milliseconds since the epoch; thumbprint is SHA-256, hexadecimal. */
  'certificate-issued': object(
    { device: text, actor: text, serial: text, thumbprint: text, issuer: text, notBefore: number, notAfter: number },
    {},
  ),
  /** The right to connect was taken: of one certificate, or of the device as a whole (`thumbprint` null). */
  revoked: object({ ...deviceAct, reason: text, thumbprint: nullable(text) }, {}),
  /** The receipt of an order to end sessions: closed 3 of 3 in 41 ms. */
  'session-closed': object({ ...deviceAct, reason: text, sessions: number, closed: number, durationMs: number }, {}),
  /** Records that the journal could not give back whole, first and last offset. */
  'journal-damage': object({ segment: text, first: number, last: number, reason: text }, {}),
  finding: object({ check: text, severity: text, status: text, message: text }, { device: text, evidence: text }),
  /**
   * Filters that a SUBSCRIBE was granted. `options` are the options bytes of MQTT 5 section 3.8.3.1 with the granted QoS, one for each filter;
   * `identifiers` the Subscription Identifiers, 0 for none.
   */
  subscribed: object({ ...session, filters: list(text), options: list(number), identifiers: list(number) }, {}),
  unsubscribed: object({ ...session, filters: list(text) }, {}),
  /** Messages for a session that were given up since this was last said of it: a full queue, an expiry, a slow client, a policy. */
  'messages-dropped': object({ device: text, clientId: text, reason: text, count: number }, {}),
  /** A CONNECT took over a live session from where it was: the same device came back. `takeovers` counts those of the last minutes. */
  reconnected: object(
    { ...meeting, why: oneOf('same-place', 'silent', 'renewed'), keyChanged: flag, takeovers: number },
    { count: number },
  ),
  /** The same key was live in two places; `certain` when they take the session from each other again and again. */
  'clone-suspected': object({ ...meeting, certain: flag, takeovers: number }, { count: number }),
  /** A client identifier that somebody else holds was presented with another key; `refused` says whether the CONNECT was turned away. */
  'theft-suspected': object({ ...meeting, why: oneOf('other-identity', 'older-key', 'wrong-key'), refused: flag }, { count: number }),
  /** The hub sheds load: `strained` takes no new connections, `overloaded` drops QoS 0 as well. */
  overloaded: object(
    { level: oneOf('strained', 'overloaded'), from: oneOf('normal', 'strained', 'overloaded'), reasons: list(text), ...load },
    {},
  ),
  /** All is well again, and what it cost. */
  recovered: object({ durationMs: number, refusedConnections: number, droppedMessages: number, ...load }, {}),
  /** A policy was applied or taken out. `digest` is SHA-256 of the texts, hexadecimal; `effect` is what became of those who were there. */
  'policy-changed': object(
    {
      actor: text,
      action: oneOf('apply', 'remove'),
      names: list(text),
      version: number,
      digest: text,
      effect: object({ sessionsClosed: number, subscriptionsRemoved: number, messagesDropped: number, retainedHidden: number }, {}),
    },
    {},
  ),
  'hub-started': object({ version: text, listeners: list(text) }, {}),
  ...twinFactShapes,
  ...configurationFactShapes,
  ...moduleFactShapes,
  ...messageFactShapes,
  ...jobFactShapes,
  ...egressFactShapes,
  ...transferFactShapes,
  ...serviceFactShapes,
  ...secretFactShapes,
  ...revocationFactShapes,
  ...provisioningFactShapes,
  ...factoryFactShapes,
  ...estFactShapes,
  ...acmeFactShapes,
  ...campaignFactShapes,
  ...keyFactShapes,
} as const

type JsonFacts = { readonly [K in keyof typeof factShapes]: { readonly kind: K; readonly time: Instant } & Shaped<(typeof factShapes)[K]> }

/** A fact of one kind: `FactOf<'connected'>`. */
export type FactOf<K extends FactKind> = Extract<Fact, { readonly kind: K }>

/** Everything but telemetry. */
export type JsonFact = JsonFacts[keyof JsonFacts]

/** One thing that has happened: what every consumer of the journal reads. */
export type Fact = TelemetryFact | JsonFact

/** The words for what has happened. */
export type FactKind = Fact['kind']
