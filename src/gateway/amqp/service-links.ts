import { type Caller, authorize } from '#access'
import { type DeviceId, type Grant, type Refusal, fail, instant, ok, type Result } from '#base'
import type { CloudMessage, FeedbackWanted, LockedContent, ServiceQueue } from '#hub'
import { type AmqpMessage, type Value, decodeMessage, encodeMessage, number } from '#wire/amqp'
import type { Desk } from '../desk.ts'
import { parseDestination } from './addresses.ts'
import { amqpError } from './amqp-error.ts'
import { bodyOf } from './device-message.ts'
import { onClosed } from './device-links.ts'
import type { AmqpHub, AmqpShared } from './door.ts'
import { paced } from './pace.ts'
import { pump } from './pump.ts'
import type { Delivery, ReceiverLink } from './receiver-link.ts'
import type { SenderLink } from './sender-link.ts'
import { idText, textOfSimple, uuidBytes } from './texts.ts'

/**
 * A back end sends messages to devices: accepted when stored (azure-wire 5.9). `caller` is asked for each message: another token may have come. Who sends
 * faster than `amqpLimits.sending` waits, however many links it has.
 */
export function serveSending(
  { desk, hub, sending }: Pick<AmqpShared, 'desk' | 'hub' | 'sending'>,
  caller: () => Caller | undefined,
  link: ReceiverLink,
): void {
  const { clock } = desk.ports
  const inTime = paced(clock, link, () => sending.take(caller()?.actor.id ?? '', clock.monotonic()))
  link.onMessage = (delivery) => {
    inTime(1)
      .then(() => send(hub, caller(), delivery))
      .then((refusal) => delivery.settle(refusal === undefined ? { kind: 'accepted' } : { kind: 'rejected', error: amqpError(refusal) }))
      .catch((error: unknown) => {
        desk.ports.trouble?.('a message to a device', error)
        delivery.settle({ kind: 'released' })
      })
  }
  link.accept()
}

async function send(hub: AmqpHub, caller: Caller | undefined, { payload }: Delivery): Promise<Refusal | undefined> {
  const decoded = decodeMessage(payload)
  if (!decoded.ok) return { code: 'gateway/amqp-malformed', message: decoded.error.message }
  const to = decoded.value.properties.to ?? ''
  const identity = parseDestination(to)
  if (identity === undefined)
    return { code: 'gateway/amqp-destination', message: 'A message goes to /devices/{id}/messages/devicebound; its property to says so.' }
  const message = cloudMessageOf(decoded.value)
  if (!message.ok) return message.error
  const grant = authorize(caller, 'c2d.send', resourceOf(identity))
  if (!grant.ok) return grant.error
  const sent = await hub.messages.send(grant.value, identity, message.value)
  return sent.ok ? undefined : sent.error
}

function resourceOf(identity: DeviceId): string {
  return `device:${identity}`
}

function cloudMessageOf(message: AmqpMessage): Result<CloudMessage> {
  const { properties: said } = message
  const properties = new Map<string, string | null>()
  for (const [name, value] of message.application) {
    const text = textOfSimple(value)
    if (!text.ok) return fail(text.error)
    properties.set(name, text.value)
  }
  const ack = ackOf([...properties].find(([name]) => name.toLowerCase() === 'iothub-ack')?.[1])
  if (ack === undefined) return fail({ code: 'gateway/amqp-ack', message: 'iothub-ack is none, positive, negative or full.' })
  for (const name of properties.keys()) if (name.toLowerCase() === 'iothub-ack') properties.delete(name)
  const expiry = said.absoluteExpiryTime
  return ok({
    messageId: idText(said.messageId),
    correlationId: idText(said.correlationId),
    userId: said.userId?.toString('utf8'),
    contentType: said.contentType,
    contentEncoding: said.contentEncoding,
    to: said.to,
    ack,
    // 0 is how some clients say nothing.
    expiresAt: expiry === undefined || expiry <= 0 ? undefined : instant(expiry),
    properties: Object.fromEntries(properties),
    body: bodyOf(message),
  })
}

const acks: ReadonlyMap<string, FeedbackWanted> = new Map([
  ['none', 'none'],
  ['positive', 'positive'],
  ['negative', 'negative'],
  ['full', 'full'],
])

function ackOf(text: string | null | undefined): FeedbackWanted | undefined {
  return text === undefined || text === null || text === '' ? 'none' : acks.get(text.toLowerCase())
}

/** A queue of the hub for back ends, as it stands on the wire: what it holds, and who reads it. */
export type ServedQueue<T, A extends 'c2d.feedback' | 'file.notifications'> = {
  readonly queue: ServiceQueue<T, A>
  readonly contentType: string
  readonly grant: Grant<A>
  readonly hubName: string
}

/** A back end receives feedback or notifications of files: one message for each content, and its fate is what the back end makes of it (azure-wire 5.10). */
export function serveQueue<T, A extends 'c2d.feedback' | 'file.notifications'>(
  desk: Desk,
  served: ServedQueue<T, A>,
  link: SenderLink,
): void {
  const { queue, grant } = served
  const trouble = (error: unknown) => desk.ports.trouble?.('a queue of back ends', error)
  const call = pump(
    link,
    async () => {
      const locked = await queue.receive(grant)
      if (locked === undefined) return undefined
      return {
        payload: encodeContent(locked, served),
        tag: uuidBytes(locked.lockToken),
        settle: (fate) => void queue.settle(grant, locked.lockToken, fate).catch(trouble),
        unlock: () => void queue.settle(grant, locked.lockToken, 'abandon').catch(trouble),
      }
    },
    trouble,
  )
  onClosed(link, queue.onReady(call))
  link.accept()
}

function encodeContent<T>(
  locked: LockedContent<T>,
  { contentType, hubName }: Pick<ServedQueue<T, never>, 'contentType' | 'hubName'>,
): Buffer {
  const lock = uuidBytes(locked.lockToken)
  return encodeMessage({
    annotations: new Map<string, Value>([
      ['iothub-enqueuedtime', number('timestamp', locked.enqueuedAt)],
      ['iothub-deliverycount', number('ubyte', Math.min(255, locked.deliveryCount))],
      ...(lock === undefined ? [] : [['x-opt-lock-token', { type: 'uuid', value: lock }] as const]),
    ]),
    properties: { userId: Buffer.from(hubName), contentType, contentEncoding: 'utf-8' },
    data: [Buffer.from(JSON.stringify(locked.content))],
  })
}
