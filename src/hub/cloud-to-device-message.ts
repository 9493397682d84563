import { type Instant, type Result, ok, refuse } from '#base'
import type { CloudMessage, FeedbackWanted } from './cloud-to-device.ts'

/** What bounds messages for devices (azure-wire 5.9, 10). */
export type CloudToDeviceSettings = {
  readonly messagesPerIdentity: number
  /** Body, system values, and names and values of properties together. */
  readonly messageBytes: number
  readonly defaultTtlMs: number
  readonly maxTtlMs: number
  /** How often a message is handed out before it is given up. */
  readonly maxDeliveryCount: number
  readonly lockMs: number
}

/** As IoT Hub has them. */
export const cloudToDeviceDefaults: CloudToDeviceSettings = {
  messagesPerIdentity: 50,
  messageBytes: 64 * 1024,
  defaultTtlMs: 60 * 60 * 1000,
  maxTtlMs: 2 * 24 * 60 * 60 * 1000,
  maxDeliveryCount: 10,
  lockMs: 60_000,
}

/** Everything of a message but its body, and the generation of the device that it was meant for. */
export type MessageHead = Omit<CloudMessage, 'body' | 'expiresAt'> & { readonly generation: string }

const maxIdLength = 128
const maxTextLength = 1024
const maxNameLength = 128

/**
 * Bounds a message before it is kept. Refuses `hub/message-too-large`, `hub/message-expiry` (past, or beyond the longest life) and `hub/message-malformed`: a
 * system value that is too long or has control characters, a property whose name is not printable ASCII or belongs to the hub.
 */
export function checkMessage(message: CloudMessage, settings: CloudToDeviceSettings, now: Instant): Result<void> {
  if (sizeOf(message) > settings.messageBytes)
    return refuse('hub/message-too-large', `A message to a device has at most ${settings.messageBytes} bytes with its properties.`)
  const { expiresAt } = message
  if (expiresAt !== undefined && (expiresAt <= now || expiresAt > now + settings.maxTtlMs))
    return refuse('hub/message-expiry', `A message expires in the future, at most ${settings.maxTtlMs / 3_600_000} hours ahead.`)
  for (const [name, text, length] of [
    ['message id', message.messageId, maxIdLength],
    ['correlation id', message.correlationId, maxIdLength],
    ['user id', message.userId, maxIdLength],
    ['content type', message.contentType, maxTextLength],
    ['content encoding', message.contentEncoding, maxTextLength],
    ['address', message.to, maxTextLength],
  ] as const)
    if (text !== undefined && (text.length > length || !isPlain(text)))
      return refuse('hub/message-malformed', `The ${name} of a message has at most ${length} characters and no control characters.`)
  for (const [name, value] of Object.entries(message.properties)) {
    if (name.length > maxNameLength || !/^[\x21-\x7e][\x20-\x7e]*$/.test(name) || /^(?:\$\.|iothub-)/i.test(name))
      return refuse(
        'hub/message-malformed',
        `The name of a property is 1 to ${maxNameLength} printable ASCII characters and does not begin with $. or iothub-.`,
      )
    if (value !== null && !isPlain(value)) return refuse('hub/message-malformed', 'A property has no control characters in its value.')
  }
  return ok(undefined)
}

/** Bytes that count against the limit. */
export function sizeOf({ messageId, correlationId, userId, contentType, contentEncoding, to, properties, body }: CloudMessage): number {
  let bytes = body.length
  for (const text of [messageId, correlationId, userId, contentType, contentEncoding, to]) bytes += Buffer.byteLength(text ?? '')
  for (const [name, value] of Object.entries(properties)) bytes += Buffer.byteLength(name) + Buffer.byteLength(value ?? '')
  return bytes
}

/** The head of a message as its row keeps it. Properties are pairs, so that no name can mean something to JSON. */
export function encodeHead(message: CloudMessage, generation: string): string {
  const { messageId, correlationId, userId, contentType, contentEncoding, to, ack, properties } = message
  return JSON.stringify([
    1,
    generation,
    ack,
    [messageId, correlationId, userId, contentType, contentEncoding, to].map((text) => text ?? null),
    Object.entries(properties),
  ])
}

/** Reads what {@link encodeHead} wrote. Throws for anything else: rows are ours. */
export function decodeHead(text: string): MessageHead {
  const parts: unknown = JSON.parse(text)
  const [version, generation, ack, system, pairs] = listOf(parts)
  if (version !== 1 || typeof generation !== 'string') throw damaged()
  const [messageId, correlationId, userId, contentType, contentEncoding, to] = listOf(system).map(textOrNone)
  const properties = listOf(pairs).map((pair): readonly [string, string | null] => {
    const [name, value] = listOf(pair)
    if (typeof name !== 'string') throw damaged()
    return [name, textOrNone(value) ?? null]
  })
  return {
    generation,
    ack: ackOf(ack),
    messageId,
    correlationId,
    userId,
    contentType,
    contentEncoding,
    to,
    properties: Object.fromEntries(properties),
  }
}

const acks: readonly FeedbackWanted[] = ['none', 'positive', 'negative', 'full']

function ackOf(value: unknown): FeedbackWanted {
  const ack = acks.find((each) => each === value)
  if (ack === undefined) throw damaged()
  return ack
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw damaged()
  return value
}

function textOrNone(value: unknown): string | undefined {
  if (value === null) return undefined
  if (typeof value !== 'string') throw damaged()
  return value
}

function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code === 0x7f) return false
  }
  return text.isWellFormed()
}

function damaged(): Error {
  return new Error('bug: a row of a queue is not as we write it')
}
