import type { Broker, Message } from '#broker'
import { type Clock, parseDeviceId } from '#base'
import { type Journal, type Offset, type TelemetryFact, decodeRecord, encodeTelemetry, isRetainedTelemetry } from '#journal'
import { parseTelemetryTopic } from '#wire/azure'
import { decodePropertyBytes } from '#wire/mqtt'
import { propertyBytes } from './property-bytes.ts'

/** Where the retained messages are kept: a copy of the state and the offset up to which it holds. Rows, in the program. */
export type RetainedStore = {
  load(): Promise<{ readonly records: readonly Buffer[]; readonly upTo: Offset }>
  /** Replaces the records of these topics (undefined: none) and the offset, together. */
  save(changes: readonly (readonly [topic: string, record: Buffer | undefined])[], upTo: Offset): Promise<void>
}

const saveMs = 5_000
const page = { records: 5_000, bytes: 1024 * 1024 }

/**
 * Brings the retained messages back after a start, and keeps their copy on disk. The journal has every one before it was acknowledged,
 * so the copy may lag: what is missing in it is read again from the journal. Returns how to save for the last time.
 */
export async function followRetained(ports: {
  readonly journal: Journal
  readonly broker: Broker
  readonly clock: Clock
  readonly store: RetainedStore
  trouble(error: unknown): void
}): Promise<() => Promise<void>> {
  const { journal, broker, clock, store } = ports
  const { records, upTo } = await store.load()
  for (const record of records) restore(broker, record)
  for (let at = Math.max(upTo, journal.start); at < journal.durableEnd;) {
    const { records: found, next } = await journal.read(at, page)
    for (const record of found) if ('bytes' in record && isRetainedTelemetry(record.bytes)) restore(broker, record.bytes)
    at = next
  }
  let saved = upTo
  const owed = new Map<string, Buffer | undefined>()
  const save = async () => {
    const end = journal.durableEnd
    if (end === saved) return
    // Kept until the copy has them: the offset must never pass a change that a failed save did not write.
    for (const [topic, message] of broker.retained.takeChanges())
      owed.set(topic, message === undefined ? undefined : recordOf(message, clock))
    const changes = [...owed]
    await store.save(changes, end)
    for (const [topic, record] of changes) if (owed.get(topic) === record) owed.delete(topic)
    saved = end
  }
  let saving = Promise.resolve()
  const next = () => (saving = saving.then(save).catch((error: unknown) => ports.trouble(error)))
  // At once, or a hub that is killed early again and again would read all of the journal each time.
  await next()
  const stop = clock.every(saveMs, () => void next())
  return async () => {
    stop()
    await next()
  }
}

function restore(broker: Broker, bytes: Buffer): void {
  const fact = decodeRecord(bytes)
  if (!fact.ok || fact.value.kind !== 'telemetry' || !fact.value.retain || parseTelemetryTopic(fact.value.topic) !== undefined) return
  const owner = parseDeviceId(fact.value.device)
  if (!owner.ok) return
  const { topic, body, qos, connection, properties } = fact.value
  broker.retained.set({
    topic,
    payload: body,
    qos: qos === 0 ? 0 : 1,
    retain: true,
    properties: decodePropertyBytes(properties),
    owner: owner.value,
    from: connection,
  })
}

function recordOf(message: Message, clock: Clock): Buffer {
  const fact: TelemetryFact = {
    kind: 'telemetry',
    time: clock.now(),
    device: message.owner,
    auth: '',
    generation: '',
    connection: message.from,
    transport: '',
    topic: message.topic,
    qos: message.qos,
    retain: true,
    dup: false,
    mqttVersion: 5,
    properties: message.properties === undefined ? Buffer.alloc(0) : propertyBytes(message.properties),
    body: message.payload,
  }
  return encodeTelemetry(fact)
}
