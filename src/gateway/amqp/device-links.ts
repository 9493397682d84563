import type { DeviceId } from '#base'
import type { LockedMessage } from '#hub'
import { type Value, encodeMessage, number, string } from '#wire/amqp'
import type { Desk } from '../desk.ts'
import { takeTelemetryBatch } from '../telemetry-intake.ts'
import { amqpError } from './amqp-error.ts'
import { readTelemetry } from './device-message.ts'
import type { AmqpHub, AmqpShared } from './door.ts'
import type { DeviceMember } from './device-member.ts'
import { paced } from './pace.ts'
import { pump } from './pump.ts'
import type { Delivery, ReceiverLink } from './receiver-link.ts'
import type { SenderLink } from './sender-link.ts'
import { uuidBytes } from './texts.ts'

/** A device sends telemetry: accepted when it is durable (azure-wire 4.4). Beyond `publishesPerSecond` its messages wait, and credit with them. */
export function serveTelemetry(
  { desk, resumed }: Pick<AmqpShared, 'desk' | 'resumed'>,
  member: DeviceMember,
  link: ReceiverLink,
  publishesPerSecond: number | undefined,
): void {
  const { clock } = desk.ports
  const inTime = paced(
    clock,
    link,
    () => desk.rates.of(member.identity, publishesPerSecond, clock.monotonic())?.take(clock.monotonic()) !== false,
  )
  const take = async (delivery: Delivery): Promise<void> => {
    const read = readTelemetry(delivery.format, delivery.payload)
    if (!read.ok) return delivery.settle({ kind: 'rejected', error: amqpError(read.error) })
    member.heard(read.value.length, delivery.payload.length)
    if (publishesPerSecond !== undefined) await inTime(read.value.length)
    // What has come already waits; the connection is not read meanwhile.
    if (desk.ports.journal.paused) await resumed()
    if (!link.isOpen) return
    const taken = await takeTelemetryBatch(desk, member.principal, member.id, member.kind, read.value)
    delivery.settle(taken.ok ? { kind: 'accepted' } : { kind: 'rejected', error: amqpError(taken.error) })
  }
  link.onMessage = (delivery) => {
    take(delivery).catch((error: unknown) => {
      desk.ports.trouble?.('telemetry by AMQP', error)
      delivery.settle({ kind: 'released' })
    })
  }
  link.accept()
}

/** A device receives messages: locked while it has them, and what it makes of them is their fate (azure-wire 4.4, 5.9). */
export function serveMessages(desk: Desk, hub: AmqpHub, member: DeviceMember, link: SenderLink): void {
  const identity = member.identity
  const trouble = (error: unknown) => desk.ports.trouble?.('messages to a device by AMQP', error)
  const call = pump(
    link,
    async () => {
      const message = await hub.messages.receive(identity)
      if (message === undefined) return undefined
      const payload = encodeCloudMessage(message)
      member.told(payload.length)
      return {
        payload,
        tag: uuidBytes(message.lockToken),
        settle: (fate) => void hub.messages.settle(identity, message.lockToken, fate).catch(trouble),
        // Or a message that kills its device would come for ever.
        unlock: (wasWritten) => hub.messages.unlock(identity, message.lockToken, wasWritten),
      }
    },
    trouble,
  )
  onClosed(link, hub.messages.onReady(identity, call))
  link.accept()
}

/** Adds to what happens when a link is gone. */
export function onClosed(link: SenderLink | ReceiverLink, work: () => void): void {
  const before = link.onClosed
  link.onClosed = () => {
    before()
    work()
  }
}

/** A message to a device, as IoT Hub sends it. */
export function encodeCloudMessage(message: LockedMessage): Buffer {
  const { messageId, correlationId, userId, to, contentType, contentEncoding, expiresAt, properties, ack } = message
  const application = new Map<string, Value>()
  for (const [name, value] of Object.entries(properties)) application.set(name, value === null ? { type: 'null' } : string(value))
  if (ack !== 'none') application.set('iothub-ack', string(ack))
  const lock = uuidBytes(message.lockToken)
  return encodeMessage({
    annotations: new Map<string, Value>([
      ['iothub-enqueuedtime', number('timestamp', message.enqueuedAt)],
      ['iothub-deliverycount', number('ubyte', Math.min(255, message.deliveryCount))],
      ['x-opt-sequence-number', { type: 'ulong', value: BigInt(message.sequenceNumber) }],
      ...(lock === undefined ? [] : [['x-opt-lock-token', { type: 'uuid', value: lock }] as const]),
    ]),
    properties: {
      messageId: messageId === undefined ? undefined : string(messageId),
      correlationId: correlationId === undefined ? undefined : string(correlationId),
      userId: userId === undefined ? undefined : Buffer.from(userId),
      to,
      contentType,
      contentEncoding,
      absoluteExpiryTime: expiresAt,
    },
    application,
    data: [message.body],
  })
}

/** Which topic a policy is asked about for each thing that a device may attach to: what it would subscribe to by MQTT. */
export function topicFor(purpose: 'messages' | 'methods' | 'twin' | 'inputs' | 'telemetry', identity: DeviceId): string | undefined {
  const [device = '', module] = identity.split('/')
  const base = module === undefined ? `devices/${device}` : `devices/${device}/modules/${module}`
  if (purpose === 'messages') return `${base}/messages/devicebound/#`
  if (purpose === 'inputs') return `${base}/inputs/#`
  if (purpose === 'methods') return '$iothub/methods/POST/#'
  // Telemetry is judged message by message.
  return purpose === 'twin' ? '$iothub/twin/res/#' : undefined
}
