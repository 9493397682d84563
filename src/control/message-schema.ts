import { type Static, Type } from 'typebox'
import { type Clock, type DeviceId, type Instant, type Result, identityParts, instant, isoTime, ok, plus, refuse } from '#base'
import type { CloudMessage, QueuedMessage } from '#hub'
import { closed, count, orNull, text } from './hub-schema.ts'
import { textOrNull, time } from './schema.ts'

/* The shapes of messages for devices; see schema.ts for the rules. Their bounds are the hub's to check. */

const ack = Type.Enum(['none', 'positive', 'negative', 'full'])
const properties = Type.Record(Type.String(), textOrNull)
const optional = Type.Optional(text)

/** A message to be: its body as text or as base64, and until when it is worth something (an hour unless said). */
export const messageInput = Type.Object(
  {
    body: optional,
    bodyBase64: optional,
    properties: Type.Optional(properties),
    messageId: optional,
    correlationId: optional,
    userId: optional,
    contentType: optional,
    contentEncoding: optional,
    ack: Type.Optional(ack),
    expiresAt: Type.Optional(time),
    expirySeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 172_800 })),
  },
  { ...closed, title: 'MessageInput' },
)

/** A message as it waits; its body stays with the hub. `deliveryCount`: how often it was handed out in vain. */
export const queuedMessage = Type.Object(
  {
    sequenceNumber: count,
    messageId: orNull(text),
    correlationId: orNull(text),
    userId: orNull(text),
    contentType: orNull(text),
    contentEncoding: orNull(text),
    ack,
    properties,
    bytes: count,
    enqueuedAt: time,
    expiresAt: orNull(time),
    deliveryCount: count,
    isLocked: Type.Boolean(),
  },
  { ...closed, title: 'QueuedMessage' },
)

/** Reads a message. Refuses `control/malformed` for two bodies, base64 that is none, and two ends. */
export function messageOf(input: Static<typeof messageInput>, identity: DeviceId, clock: Clock): Result<CloudMessage> {
  const body = bodyOf(input)
  if (!body.ok) return body
  const expiresAt = expiryOf(input, clock)
  if (!expiresAt.ok) return expiresAt
  const { device, module } = identityParts(identity)
  return ok({
    messageId: input.messageId,
    correlationId: input.correlationId,
    userId: input.userId,
    contentType: input.contentType,
    contentEncoding: input.contentEncoding ?? (input.contentType === 'application/json' ? 'utf-8' : undefined),
    to: `/devices/${device}${module === undefined ? '' : `/modules/${module}`}/messages/devicebound`,
    ack: input.ack ?? 'none',
    expiresAt: expiresAt.value,
    properties: input.properties ?? {},
    body: body.value,
  })
}

function bodyOf({ body, bodyBase64 }: Static<typeof messageInput>): Result<Buffer> {
  if (bodyBase64 === undefined) return ok(Buffer.from(body ?? '', 'utf8'))
  if (body !== undefined) return refuse('control/malformed', 'A message has either body or bodyBase64.')
  const bytes = Buffer.from(bodyBase64, 'base64')
  if (bytes.toString('base64').replace(/=+$/, '') !== bodyBase64.replace(/=+$/, ''))
    return refuse('control/malformed', 'bodyBase64 is not base64.')
  return ok(bytes)
}

function expiryOf({ expiresAt, expirySeconds }: Static<typeof messageInput>, clock: Clock): Result<Instant | undefined> {
  if (expiresAt !== undefined && expirySeconds !== undefined)
    return refuse('control/malformed', 'A message has either expiresAt or expirySeconds.')
  if (expirySeconds !== undefined) return ok(plus(clock.now(), expirySeconds * 1_000))
  if (expiresAt === undefined) return ok(undefined)
  const at = Date.parse(expiresAt)
  return Number.isFinite(at) ? ok(instant(at)) : refuse('control/malformed', 'expiresAt is no time such as 2027-01-31T00:00:00Z.')
}

/** A waiting message as the API shows it. */
export function queuedMessageView(one: QueuedMessage): Static<typeof queuedMessage> {
  return {
    sequenceNumber: one.sequenceNumber,
    messageId: one.messageId ?? null,
    correlationId: one.correlationId ?? null,
    userId: one.userId ?? null,
    contentType: one.contentType ?? null,
    contentEncoding: one.contentEncoding ?? null,
    ack: one.ack,
    properties: { ...one.properties },
    bytes: one.bytes,
    enqueuedAt: isoTime(one.enqueuedAt),
    expiresAt: one.expiresAt === undefined ? null : isoTime(one.expiresAt),
    deliveryCount: one.deliveryCount,
    isLocked: one.isLocked,
  }
}
