import { type Static, type TSchema, Type } from 'typebox'
import { defaultAdmissionLimits as admission, defaultListenerLimits as listener, defaultLoadBounds as load } from '#gateway'
import { limits as bounds } from '#base'
import { pkiSchema } from './pki-settings.ts'
import { provisioningSchema } from './provisioning-settings.ts'
import { filesSchema } from './files-settings.ts'
import { eventsSchema, routesSchema } from './routes-settings.ts'
import { throttlesSchema } from './service-throttles.ts'

/*
 * Every setting of the file, once: its type, bounds, unit, default and meaning. What is read, refused, printed by `config check` and written
 * in docs/settings.md comes from here. Names of edge.md 1.2 (`advanced.clients`) are spelled as there.
 */

const closed = { additionalProperties: false } as const
const kib = 1024
const mib = 1024 * kib
// A message is one record of the journal; this leaves room for its envelope.
const largestPacketBytes = 640 * kib
const largest = 0xffff_ffff

type Number = { readonly min: number; readonly max: number; readonly unit: string; readonly default?: number }

const whole = ({ min, max, ...rest }: Number, description: string) =>
  Type.Optional(Type.Integer({ minimum: min, maximum: max, ...rest, description }))
const fraction = ({ min, max, ...rest }: Number, description: string) =>
  Type.Optional(Type.Number({ minimum: min, maximum: max, ...rest, description }))
const text = (description: string, standard?: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 4_096, description, ...(standard === undefined ? {} : { default: standard }) }))
const group = <T extends Record<string, TSchema>>(members: T, description: string) =>
  Type.Optional(Type.Object(members, { ...closed, description }))

const seconds = 'seconds'
const bytes = 'bytes'
const messages = 'messages'

/** What one peer may ask for. Stands under `limits`, and under `listeners.NAME.limits` for that listener alone. */
export const limitsSchema = Type.Object(
  {
    maxSessionExpirySeconds: whole(
      { min: 1, max: largest, unit: seconds, default: listener.sessionExpirySeconds },
      'Longest that a session outlives its connection. A client that asks for more gets this, and MQTT 5 is told.',
    ),
    maxMessageExpirySeconds: whole(
      { min: 1, max: largest, unit: seconds },
      'Longest that a message waits or is retained. Without it as long as its publisher says.',
    ),
    maxPacketSizeBytes: whole(
      { min: 1, max: largestPacketBytes, unit: bytes, default: listener.maxPacketBytes },
      'Largest packet, header included; MQTT 5 is told. A larger one ends the connection.',
    ),
    connectPacketBytes: whole(
      { min: 128, max: 128 * kib, unit: bytes, default: listener.reader.mqttConnectBytes },
      'Largest CONNECT, and so the most that a peer without identity can make us hold.',
    ),
    maxReceiveMaximum: whole(
      { min: 1, max: 65_535, unit: messages, default: listener.maxReceiveMaximum },
      'Most unacknowledged QoS 1 and 2 messages under way to one client, whatever Receive Maximum it asks for.',
    ),
    inflight: whole({ min: 1, max: 65_535, unit: messages, default: listener.inflight }, 'The same for MQTT 3.1.1, which cannot ask.'),
    receiveMaximum: whole(
      { min: 1, max: 65_535, unit: messages, default: listener.receiveMaximum },
      'Unacknowledged QoS 1 and 2 messages that we take from one client at a time; MQTT 5 is told. A client beyond it is slowed down.',
    ),
    maxKeepAliveSeconds: whole(
      { min: 0, max: 65_535, unit: seconds, default: listener.keepAliveSeconds },
      'Longest keep alive. A client that asks for more, or for none, gets this, and MQTT 5 is told. 0 means 65,535.',
    ),
    subscriberQueueLimit: group(
      {
        length: whole(
          { min: 1, max: 2 ** 63, unit: messages, default: listener.queueMessages },
          'QoS 1 and 2 messages that wait for one session without being in flight.',
        ),
        strategy: Type.Optional(
          Type.Enum(['None', 'DropOldest'], {
            default: listener.queueStrategy,
            description: 'What gives way when the queue is full: the new message (`None`) or the oldest (`DropOldest`). Either is counted.',
          }),
        ),
      },
      'The queue of one session.',
    ),
    queueBytes: whole(
      { min: kib, max: 64 * 1024 * mib, unit: bytes, default: listener.queueBytes },
      'The same queue in bytes. The first bound that is reached counts.',
    ),
    unsentBytes: whole(
      { min: 4 * kib, max: 1024 * mib, unit: bytes, default: listener.unsentBytes },
      'Bytes written for one client that it has not taken: beyond them QoS 0 is dropped, beyond four times them the connection ends.',
    ),
    subscriptionsPerSession: whole(
      { min: 1, max: 1_000_000, unit: 'filters', default: listener.subscriptionsPerSession },
      'Filters that one session may hold. One more gets 0x97 (3.1.1: 0x80).',
    ),
    topicLevels: whole(
      { min: 1, max: listener.reader.topicLevels, unit: 'levels', default: listener.reader.topicLevels },
      'Levels of a topic name or filter. More is malformed.',
    ),
    topicBytes: whole(
      { min: 1, max: 65_535, unit: bytes, default: listener.reader.topicBytes },
      'Bytes of a topic name or filter. More is malformed.',
    ),
    filtersPerPacket: whole(
      { min: 1, max: 65_535, unit: 'filters', default: listener.reader.filtersPerPacket },
      'Filters in one SUBSCRIBE or UNSUBSCRIBE.',
    ),
    userProperties: whole(
      { min: 0, max: 65_535, unit: 'properties', default: listener.reader.userProperties },
      'User properties in one packet (MQTT 5).',
    ),
    userPropertyBytes: whole(
      { min: 0, max: largestPacketBytes, unit: bytes, default: listener.reader.userPropertyBytes },
      'Their names and values together.',
    ),
    topicAliasMaximum: whole(
      { min: 0, max: 65_535, unit: 'aliases', default: listener.topicAliasMaximum },
      'Topic aliases that a client may use towards us; MQTT 5 is told.',
    ),
    topicAliasesSent: whole(
      { min: 0, max: 65_535, unit: 'aliases', default: listener.topicAliasesSent },
      'Topic aliases that we use towards one client, however many it allows.',
    ),
    connectionsPerIdentity: whole(
      { min: 1, max: 1_000_000, unit: 'connections', default: listener.connectionsPerIdentity },
      'Live connections of one identity. One more gets 0x97 (3.1.1: code 3).',
    ),
    sessionsPerIdentity: whole(
      { min: 1, max: 1_000_000, unit: 'sessions', default: listener.sessionsPerIdentity },
      'Sessions of one identity, live or waiting for their client. One more gets 0x97 (3.1.1: code 3).',
    ),
    publishesPerSecondPerIdentity: whole(
      { min: 1, max: 10_000_000, unit: 'messages a second' },
      'Messages of one identity. A client beyond it is slowed down, never dropped; by HTTPS it is told to come again (429). Without it there is no bound.',
    ),
    handshakeSeconds: whole(
      { min: 1, max: 600, unit: seconds, default: listener.handshakeMs / 1000 },
      'From the accepted socket to a complete TLS handshake.',
    ),
    connectSeconds: whole({ min: 1, max: 600, unit: seconds, default: listener.connectMs / 1000 }, 'From there to a CONNECT.'),
  },
  { ...closed, description: 'What one peer may ask for, on every listener for devices.' },
)

const rateOf = (rate: { readonly perSecond: number; readonly burst: number } | undefined) => rate ?? { perSecond: 0, burst: 10_000 }

const level = (strained: Number, overloaded: Number, what: string) =>
  group(
    {
      strained: fraction(strained, `${what}: from here on no new connections.`),
      overloaded: fraction(overloaded, `${what}: from here on QoS 0 is dropped as well.`),
    },
    `${what}.`,
  )

const brokerSchema = Type.Object(
  {
    totalQueueBytes: whole(
      { min: mib, max: 1024 * 1024 * mib, unit: bytes, default: 256 * mib },
      'Bytes that wait in all queues together. A message that finds no room is dropped and counted.',
    ),
    retained: group(
      {
        messages: whole({ min: 0, max: 100_000_000, unit: messages, default: 100_000 }, 'Retained messages. One more gets 0x97.'),
        bytes: whole({ min: 0, max: 1024 * 1024 * mib, unit: bytes, default: 64 * mib }, 'Their topics and payloads together.'),
      },
      'What may be retained.',
    ),
    strangers: whole(
      { min: 16, max: 1_000_000, unit: 'sockets', default: admission.strangers },
      'Sockets whose peers have not proven who they are. One more is closed before TLS.',
    ),
    strangersPerAddress: whole(
      { min: 1, max: 1_000_000, unit: 'sockets', default: admission.strangersPerAddress },
      'The same of one address. Of IPv6 a whole /64 counts as one address.',
    ),
    connectionsPerAddress: whole(
      { min: 1, max: 10_000_000, unit: 'sockets', default: admission.connectionsPerAddress },
      'Sockets of one address, proven or not. One more gets 0x97 (3.1.1: code 3). Ten thousand devices behind one gateway fit.',
    ),
    connectsPerSecond: whole(
      { min: 0, max: 1_000_000, unit: 'a second', default: rateOf(admission.connects).perSecond },
      'New connections in all, on average. Beyond it they get 0x9F (3.1.1: code 3), beyond a hundred such answers a second they are closed before TLS. 0: no bound; a bound lets strangers from many addresses keep everybody out, so set it only where a proxy in front tells them apart.',
    ),
    connectBurst: whole(
      { min: 1, max: 10_000_000, unit: 'connections', default: rateOf(admission.connects).burst },
      'So many at once before the average counts.',
    ),
    connectsPerSecondPerAddress: whole(
      { min: 0, max: 1_000_000, unit: 'a second', default: rateOf(admission.connectsPerAddress).perSecond },
      'The same of one address. 0: no bound.',
    ),
    connectBurstPerAddress: whole(
      { min: 1, max: 10_000_000, unit: 'connections', default: rateOf(admission.connectsPerAddress).burst },
      'So many at once: ten thousand devices behind one gateway may all come back together.',
    ),
    deniedConnects: whole(
      { min: 0, max: 1_000_000, unit: 'a minute', default: admission.deniedConnects },
      'CONNECTs of one address that may be denied in a minute before each further answer takes longer.',
    ),
    deniedDelaySeconds: whole(
      { min: 0, max: 30, unit: seconds, default: admission.deniedDelayMs / 1000 },
      'The longest that such an answer takes. 0: no delay.',
    ),
    overload: group(
      {
        memoryBytes: whole(
          { min: 64 * mib, max: 1024 * 1024 * mib, unit: bytes },
          'What the process may use. Without it all that the machine, or its container, has.',
        ),
        memoryShare: level(
          { min: 0.05, max: 1, unit: 'share', default: load.memoryShare.strained },
          { min: 0.05, max: 1, unit: 'share', default: load.memoryShare.overloaded },
          'Share of that memory, or of the heap, that is in use',
        ),
        loopDelayMs: level(
          { min: 1, max: 600_000, unit: 'milliseconds', default: load.loopDelayMs.strained },
          { min: 1, max: 600_000, unit: 'milliseconds', default: load.loopDelayMs.overloaded },
          'By how much work comes late',
        ),
        journalPendingBytes: level(
          { min: kib, max: 2 * bounds.journalPendingBytes, unit: bytes, default: load.journalPendingBytes.strained },
          { min: kib, max: 2 * bounds.journalPendingBytes, unit: bytes, default: load.journalPendingBytes.overloaded },
          'Bytes that wait for the disk',
        ),
        unsentBytes: level(
          { min: kib, max: 1024 * 1024 * mib, unit: bytes, default: load.unsentBytes.strained },
          { min: kib, max: 1024 * 1024 * mib, unit: bytes, default: load.unsentBytes.overloaded },
          'Bytes written for all clients together that they have not taken',
        ),
      },
      'When load is shed. QoS 1 and 2 are held back, never dropped for it, and the console is always served.',
    ),
  },
  { ...closed, description: 'The hub as a whole.' },
)

const authenticationSchema = Type.Object(
  {
    documents: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 4_096 }), {
        maxItems: 64,
        description:
          'Files with BrokerAuthentication, ConfigMap, Secret and ServiceAccount documents, from the directory of this file on. Without them registered devices alone connect.',
      }),
    ),
    serviceAccounts: group(
      {
        issuer: text('The `iss` of their tokens, to the letter.'),
        keys: text('Its public keys, a JWKS: a file, or an https URL that is read again as needed.'),
        ca: text('A file with the authorities (PEM) of that URL, or of `review`; without it those of the system.'),
        review: text('In place of issuer and keys: the https URL of a Kubernetes API, up to the host, that reviews tokens.'),
        reviewToken: text('A file with the bearer token that the hub shows there. It is read for each review.'),
      },
      'Whose tokens method ServiceAccountToken takes.',
    ),
    sas: group(
      {
        allowedUntil: text(
          'Until when devices may have shared keys, for a migration: `2027-01-31T00:00:00Z`. Without it, and afterwards, no shared access signature is taken.',
        ),
      },
      'Shared access signatures of devices.',
    ),
  },
  { ...closed, description: 'Who may connect besides registered devices with certificates (docs/authentication.md).' },
)

const required = (description: string) => Type.String({ minLength: 1, maxLength: 4_096, description })

const servicesSchema = Type.Object(
  {
    issuers: Type.Optional(
      Type.Array(
        Type.Object(
          {
            issuer: required('The `iss` of its tokens, to the letter.'),
            jwksUri: text('Its public keys, a JWKS: an https URL that is read again as needed.'),
            jwksFile: text('The same in a file.'),
            ca: text('A file with the authorities (PEM) of that URL; without it those of the system.'),
            audience: text('What `aud` must hold in place of what clients of IoT Hub ask for.'),
            rolesClaim: text('The claim that names roles; without it roles, scp and groups.'),
          },
          closed,
        ),
        {
          maxItems: 16,
          description:
            'Whose bearer tokens back ends may show: `issuer` (its `iss`), `jwksUri` or `jwksFile` (its keys), `ca` (for that URL), `audience` (in place of `https://iothubs.azure.net`), `rolesClaim` (in place of `roles`, `scp` and `groups`).',
        },
      ),
    ),
    sharedAccessPolicies: group(
      {
        allowedUntil: text(
          'Until when shared access policies may be, for back ends that know nothing else: `2027-01-31T00:00:00Z`. Without it, and afterwards, no signature of a policy is taken.',
        ),
      },
      'Shared access policies.',
    ),
    throttles: throttlesSchema,
  },
  { ...closed, description: 'Back ends, besides services that are registered at the hub (docs/service-access.md).' },
)

const port = (standard: number | undefined, description: string) =>
  whole({ min: 0, max: 65_535, unit: 'port', ...(standard === undefined ? {} : { default: standard }) }, description)

/** The whole file. A flag or an environment variable of the same meaning wins over it. */
export const settingsSchema = Type.Object(
  {
    host: text('The address that the listeners for devices bind (`--host`).', '127.0.0.1'),
    names: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
        maxItems: 64,
        description: 'DNS names and addresses that clients use for this hub (`--name`).',
      }),
    ),
    listeners: group(
      {
        mqtt: group({ port: port(8883, 'Its port (`--mqtt-port`).'), limits: Type.Optional(limitsSchema) }, 'MQTT over TLS.'),
        https: group(
          {
            port: port(undefined, 'Its port (`--https-port`); without it 443, or 8443 where 443 may not be bound.'),
            limits: Type.Optional(limitsSchema),
          },
          'MQTT over WebSocket, and `/healthz`.',
        ),
        amqp: group({ port: port(5671, 'Its port (`--amqp-port`).') }, 'AMQP over TLS: devices, back ends and readers of events.'),
        console: group(
          { host: text('The address that it binds (`--console-host`).', '127.0.0.1'), port: port(9443, 'Its port (`--console-port`).') },
          'The console and its API.',
        ),
      },
      'Where the hub listens.',
    ),
    authentication: Type.Optional(authenticationSchema),
    services: Type.Optional(servicesSchema),
    limits: Type.Optional(limitsSchema),
    broker: Type.Optional(brokerSchema),
    routes: routesSchema,
    events: eventsSchema,
    files: filesSchema,
    jobs: group(
      {
        devicesPerSecond: whole(
          { min: 1, max: 100_000, unit: 'devices each second', default: 100 },
          'How many devices all jobs together begin with: what devices and the disk can take.',
        ),
      },
      'Jobs over many devices (docs/queries-and-jobs.md).',
    ),
    journal: group(
      {
        retentionBytes: whole(
          { min: mib, max: Number.MAX_SAFE_INTEGER, unit: bytes, default: 10 * 1024 * mib },
          'How much of it is kept (`--retention-bytes`).',
        ),
        retentionDays: fraction({ min: 0.001, max: 36_500, unit: 'days', default: 30 }, 'How long it is kept (`--retention-days`).'),
      },
      'The journal.',
    ),
    pki: pkiSchema,
    provisioning: provisioningSchema,
    keyFile: text('The root key (`--key-file`).'),
    passphraseFile: text('A file with the passphrase of the key file (`--passphrase-file`).'),
    workers: whole(
      { min: 0, max: 64, unit: 'threads' },
      'Threads that speak TLS with MQTT clients (`--workers`); without it by the number of cores.',
    ),
    logLevel: Type.Optional(
      Type.Enum(['debug', 'info', 'warn', 'error'], { default: 'info', description: 'How much the log says (`--log-level`).' }),
    ),
  },
  { ...closed, title: 'Settings', description: 'The settings file of a hub.' },
)

/** What stands in a settings file; everything may be left out. */
export type Settings = Static<typeof settingsSchema>

/** What stands under `authentication`. */
export type AuthenticationSettings = Static<typeof authenticationSchema>

/** What stands under `services`. */
export type ServicesSettings = Static<typeof servicesSchema>

/** What stands under one `limits`. */
export type LimitSettings = Static<typeof limitsSchema>
