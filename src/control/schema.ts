import { type Static, Type } from 'typebox'
import { maxDeviceIdLength } from '#base'

/*
 * The shapes of the API. A `title` makes a component of the OpenAPI document. Objects are closed: a request with an unknown member is refused,
 * and the tests check that no answer has one.
 */

const closed = { additionalProperties: false } as const

const text = Type.String()
const count = Type.Integer({ minimum: 0 })

/** A point in time, RFC 3339, UTC. */
export const time = Type.String({ format: 'date-time' })

/** Text or null. */
export const textOrNull = Type.Union([Type.String(), Type.Null()])

/** An RFC 9457 problem document. */
export const problem = Type.Object(
  {
    type: text,
    title: text,
    status: Type.Integer(),
    code: text,
    detail: text,
    errors: Type.Optional(
      Type.Array(Type.Object({ line: Type.Optional(count), path: Type.Optional(text), code: text, message: text }, closed)),
    ),
  },
  { ...closed, title: 'Problem' },
)

/** The path parameter of one device. */
export const devicePath = Type.Object({ id: Type.String({ minLength: 1, maxLength: maxDeviceIdLength }) }, closed)

/** How a device proves itself. */
export const authentication = Type.Union(
  [
    Type.Object({ type: Type.Literal('certificateAuthority') }, closed),
    Type.Object({ type: Type.Literal('sas') }, closed),
    Type.Object({ type: Type.Literal('selfSigned'), primaryThumbprint: textOrNull, secondaryThumbprint: textOrNull }, closed),
  ],
  { title: 'Authentication' },
)

const thumbprintText = Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()]))

/** How a device is to prove itself, as operators give it: thumbprints with or without colons. */
export const authenticationInput = Type.Object(
  {
    type: Type.Union([Type.Literal('certificateAuthority'), Type.Literal('selfSigned'), Type.Literal('sas')]),
    primaryThumbprint: thumbprintText,
    secondaryThumbprint: thumbprintText,
  },
  { ...closed, title: 'AuthenticationInput' },
)

/** Whether a device may connect. */
export const deviceStatus = Type.Union([Type.Literal('enabled'), Type.Literal('disabled')])

const deviceFields = {
  id: text,
  generationId: text,
  etag: text,
  status: deviceStatus,
  statusReason: textOrNull,
  authentication,
  createdAt: time,
  updatedAt: time,
}

/** A device of the registry. */
export const device = Type.Object(deviceFields, { ...closed, title: 'Device' })

/** A device as a list shows it. */
export const deviceRow = Type.Object(
  { ...deviceFields, connected: Type.Boolean(), certificate: Type.Union([Type.Object({ notAfter: time }, closed), Type.Null()]) },
  { ...closed, title: 'DeviceRow' },
)

/** A live connection. */
export const connection = Type.Object(
  {
    id: text,
    device: text,
    clientId: text,
    transport: text,
    mqttVersion: Type.Integer(),
    address: text,
    since: time,
    tls: Type.Object({ version: text, cipher: text, resumed: Type.Boolean() }, closed),
    auth: Type.Object({ type: text, scope: text, thumbprint: text }, closed),
    inMessages: count,
    outMessages: count,
    inBytes: count,
    outBytes: count,
    subscriptions: Type.Array(text),
  },
  { ...closed, title: 'Connection' },
)

/** A certificate of a device, as the inventory knows it. */
export const certificate = Type.Object(
  {
    serial: text,
    fingerprintSha256: text,
    subject: text,
    issuer: text,
    notBefore: time,
    notAfter: time,
    status: Type.Union([Type.Literal('valid'), Type.Literal('expired'), Type.Literal('revoked')]),
    revokedAt: Type.Optional(time),
    reason: Type.Optional(text),
  },
  { ...closed, title: 'Certificate' },
)

/** How many sessions were ended, of how many, and how fast. */
export const closeReceipt = Type.Object(
  { closed: count, of: count, elapsedMs: Type.Number(), transports: Type.Record(Type.String(), count) },
  { ...closed, title: 'CloseReceipt' },
)

/** A fact of the journal. Which other members there are depends on `kind`. */
export const fact = Type.Object({ offset: count, time, kind: text }, { additionalProperties: true, title: 'Fact' })

/** Where a device connects. */
export const endpoint = Type.Object(
  { host: text, mqttPort: count, httpsPort: count, connectionString: text },
  { ...closed, title: 'Endpoint' },
)

/** An open socket and why it is open. */
export const listener = Type.Object(
  { name: text, protocol: text, host: text, port: count, reason: text, tls: Type.Boolean() },
  { ...closed, title: 'Listener' },
)

/** One second of the hub. */
export const sample = Type.Object(
  {
    time,
    messagesIn: count,
    messagesOut: count,
    bytesIn: count,
    connections: count,
    denied: count,
    refused: count,
    pendingBytes: count,
    flushMs: Type.Number(),
  },
  { ...closed, title: 'Sample' },
)
/** See {@link sample}. */
export type Sample = Static<typeof sample>
