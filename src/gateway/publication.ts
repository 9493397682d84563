import { type Instant, type Subject, plus } from '#base'
import type { Message } from '#broker'
import { telemetryFlags, telemetrySize, writeTelemetry } from '#journal'
import type { PublishPacket } from '#wire/mqtt'
import type { Desk } from './desk.ts'
import { propertyBytes } from './property-bytes.ts'
import type { TopicVerdict } from './topic-verdict.ts'

/** What a PUBLISH and a will have in common. */
export type Publication = Pick<PublishPacket, 'payload' | 'qos' | 'retain' | 'dup' | 'properties'>

/** Who publishes, as all publications of one connection share it. `stamp` is what the journal keeps of it. */
export type Publisher = {
  readonly subject: Subject
  readonly connection: string
  readonly stamp: Buffer
  readonly mqttVersion: 4 | 5
  /** Longest that a message of this publisher lives; undefined: as long as it says. */
  readonly messageExpirySeconds: number | undefined
}

const nothing = Buffer.alloc(0)

/** Whether a publication is to be retained: telemetry topics never are. */
export function isKept(verdict: TopicVerdict, publication: Publication): boolean {
  return publication.retain && !verdict.telemetry
}

/**
 * HOT PATH. Writes an allowed publication to the journal and keeps it if it is retained. Returns the message if subscribers wait for it
 * (they get it when it is durable; at QoS 0 now), undefined if nobody does, and false if the journal has no room: then nothing was done.
 * `packetId` is that of a QoS 2 message to a stored session, 0 for every other; `keeps` says that there is room to retain it.
 */
export function takePublication(
  desk: Desk,
  publisher: Publisher,
  verdict: TopicVerdict,
  publication: Publication,
  packetId: number,
  keeps: boolean,
): Message | undefined | false {
  const { journal, broker, clock } = desk.ports
  const { stamp, mqttVersion } = publisher
  const { payload, qos, retain } = publication
  const properties = publication.properties === undefined ? nothing : propertyBytes(publication.properties)
  const at = journal.reserve(telemetrySize(stamp, verdict.bytes, properties, payload, packetId))
  if (at < 0) return false
  const flags = telemetryFlags(qos, retain, publication.dup, mqttVersion)
  const now = clock.now()
  writeTelemetry(journal.buffer, at, flags, now, stamp, verdict.bytes, properties, payload, packetId)
  if (!keeps && broker.route(verdict.topic).length === 0) return undefined
  const message: Message = {
    topic: verdict.topic,
    payload,
    qos,
    retain,
    properties: publication.properties,
    publisher: publisher.subject,
    from: publisher.connection,
    offset: journal.end - 1,
    expiresAt: expiryOf(publication, publisher.messageExpirySeconds, now),
  }
  if (keeps) broker.retained.set(message)
  return message
}

function expiryOf({ properties }: Publication, longest: number | undefined, now: Instant): Instant | undefined {
  const asked = properties?.messageExpiryInterval
  if (asked === undefined && longest === undefined) return undefined
  return plus(now, Math.min(asked ?? Number.MAX_SAFE_INTEGER, longest ?? Number.MAX_SAFE_INTEGER) * 1000)
}
