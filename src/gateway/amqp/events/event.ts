import { type DeviceId, identityParts } from '#base'
import { type Fact, type Offset } from '#journal'
import { type Value, encodeMessage, long, number, string } from '#wire/amqp'
import { parseTelemetryTopic } from '#wire/azure'

/** A fact in the form in which IoT Hub gives it to readers: properties by their long names, and a body. */
export type EventForm = {
  readonly system: Readonly<Record<string, string | null>>
  readonly properties: Readonly<Record<string, string | null>>
  readonly body: Buffer
}

/** One event of a partition, encoded. */
export type StoredEvent = { readonly offset: Offset; readonly time: number; readonly payload: Buffer }

/** Whether the built-in endpoint shows a fact when nobody says otherwise: telemetry of devices and modules, by any protocol. */
export function isTelemetry(fact: Fact): boolean {
  return fact.kind === 'telemetry' && parseTelemetryTopic(fact.topic) !== undefined
}

/**
 * The partition of a device: FNV-1a of its id, modulo `count`. A module's is its device's. It must never change: readers keep a position for each
 * partition, and order is kept within one.
 */
export function partitionOf(identity: DeviceId, count: number): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(identityParts(identity).device)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash % count
}

/** Encodes an event (azure-wire 8.5). Times that IoT Hub gives as times are times here too. */
export function encodeEvent(offset: Offset, time: number, { system, properties, body }: EventForm): StoredEvent {
  const text = (name: string): string | undefined => system[name] ?? undefined
  const annotations = new Map<string, Value>([
    ['x-opt-sequence-number', long(offset)],
    ['x-opt-offset', string(String(offset))],
    ['x-opt-enqueued-time', number('timestamp', time)],
  ])
  for (const [name, value] of Object.entries(system)) {
    const known = annotationNames.get(name)
    if (known === undefined || value === null) continue
    annotations.set(known, known === 'iothub-enqueuedtime' ? number('timestamp', Date.parse(value)) : string(value))
  }
  const id = (value: string | undefined) => (value === undefined ? undefined : string(value))
  const application = new Map<string, Value>()
  for (const [name, value] of Object.entries(properties)) application.set(name, value === null ? { type: 'null' } : string(value))
  const user = text('user-id')
  const payload = encodeMessage({
    annotations,
    properties: {
      messageId: id(text('message-id')),
      correlationId: id(text('correlation-id')),
      userId: user === undefined ? undefined : Buffer.from(user),
      contentType: text('content-type'),
      contentEncoding: text('content-encoding'),
      to: text('to'),
    },
    application,
    data: [body],
  })
  return { offset, time, payload }
}

const annotationNames: ReadonlyMap<string, string> = new Map([
  ['iothub-connection-device-id', 'iothub-connection-device-id'],
  ['iothub-connection-module-id', 'iothub-connection-module-id'],
  ['iothub-connection-auth-method', 'iothub-connection-auth-method'],
  ['iothub-connection-auth-generation-id', 'iothub-connection-auth-generation-id'],
  ['iothub-enqueuedtime', 'iothub-enqueuedtime'],
  ['iothub-message-source', 'iothub-message-source'],
  ['iothub-interface-id', 'iothub-interface-id'],
  ['message-schema', 'dt-dataschema'],
  ['dt-subject', 'dt-subject'],
])

/** What a partition holds, for readers who ask. `last` is undefined for one that holds nothing. */
export type PartitionState = {
  readonly begin: Offset
  readonly last: { readonly offset: Offset; readonly time: number } | undefined
}

/** The section that tells a reader how far behind it is, to stand before a message (azure-wire 8.5). */
export function runtimeMetric({ last }: PartitionState, now: number): Buffer {
  return encodeMessage({
    deliveryAnnotations: new Map<string, Value>([
      ['last_enqueued_sequence_number', long(last?.offset ?? -1)],
      ['last_enqueued_offset', string(String(last?.offset ?? -1))],
      ['last_enqueued_time_utc', number('timestamp', last?.time ?? 0)],
      ['runtime_info_retrieval_time_utc', number('timestamp', now)],
    ]),
  })
}
