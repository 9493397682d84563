import type { Session, StoredSubscription } from '#broker'
import { type ProtocolVersion, type SubackPacket, type SubscribePacket, type UnsubscribePacket, encode, reasonCodes } from '#wire/mqtt'
import type { Desk } from './desk.ts'
import type { Inbound } from './inbound.ts'
import { encodeExplained, subscribeReason } from './reason-string.ts'
import { tellDenied } from './records.ts'

/** What the client reads: its version, whether it wants to be told why, and packets of how many bytes. */
export type Reads = { readonly version: ProtocolVersion; readonly explains: boolean; readonly maxPacketBytes: number }

/** What came of a SUBSCRIBE or UNSUBSCRIBE. */
export type Outcome = {
  /** The packet that answers. */
  readonly answer: Buffer
  /** The offset that must be durable before the answer leaves; -1: at once. */
  readonly recorded: number
  /** To be done once the answer has left, or cannot any more. */
  after(): void
}

/** Judges each filter by itself, and adds those that are allowed. Retained messages follow SUBACK. */
export function subscribe(desk: Desk, inbound: Inbound, session: Session, packet: SubscribePacket, reads: Reads): Outcome {
  const identifier = packet.properties?.subscriptionIdentifiers?.[0]
  const allowed: StoredSubscription[] = []
  const isAllowed = packet.subscriptions.map((asked) => {
    if (inbound.verdicts.subscribe(asked.filter) === undefined) {
      tellDenied(desk, session, 'subscribe', asked.filter)
      return false
    }
    allowed.push({ ...asked, identifier })
    return true
  })
  const { broker } = desk.ports
  const { granted, retained, recorded } = broker.subscribe(session, allowed)
  let next = 0
  const codes = isAllowed.map((yes) => {
    if (!yes) return reasonCodes['not-authorized']
    const got = granted[next++] ?? 'too-many'
    return got === 'too-many' ? reasonCodes['quota-exceeded'] : got
  })
  const suback: SubackPacket = { type: 'suback', packetId: packet.packetId, reasonCodes: codes }
  const why = reads.explains ? subscribeReason(codes) : undefined
  const answer = reads.version === 4 ? encode(suback, 4) : encodeExplained(suback, why, reads.maxPacketBytes)
  const after = () => {
    broker.sendRetained(session, retained)
    inbound.refresh()
  }
  return { answer, recorded, after }
}

/** Removes subscriptions. A filter that was not subscribed is said so in MQTT 5 (0x11). */
export function unsubscribe(desk: Desk, inbound: Inbound, session: Session, packet: UnsubscribePacket, version: ProtocolVersion): Outcome {
  const { known, recorded } = desk.ports.broker.unsubscribe(session, packet.filters)
  const codes = known.map((was) => (was ? reasonCodes.success : reasonCodes['no-subscription-existed']))
  const answer = encode({ type: 'unsuback', packetId: packet.packetId, reasonCodes: codes }, version)
  return { answer, recorded, after: () => inbound.refresh() }
}
