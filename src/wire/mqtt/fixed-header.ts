import { type Malformed, malformed, protocolError } from './malformed.ts'
import type { ProtocolVersion } from './packet.ts'

/** Control packet types of table 2-1. */
export const packetTypes = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const

const t = packetTypes
const fromClient: ReadonlySet<number> = new Set([
  t.connect,
  t.publish,
  t.puback,
  t.pubrec,
  t.pubrel,
  t.pubcomp,
  t.subscribe,
  t.unsubscribe,
  t.pingreq,
  t.disconnect,
  t.auth,
])
const fromServer: ReadonlySet<number> = new Set([
  t.connack,
  t.publish,
  t.puback,
  t.pubrec,
  t.pubrel,
  t.pubcomp,
  t.suback,
  t.unsuback,
  t.pingresp,
  t.disconnect,
  t.auth,
])

/** What may follow in a connection: its first packet, or anything after the handshake. */
export type Phase = 'opening' | 'open'

/** Why a packet that begins with `first` must not come now, or `undefined` when it may. Looks at no other byte. */
function judge(first: number, sender: 'client' | 'server', phase: Phase, version: ProtocolVersion): Malformed | undefined {
  const type = first >> 4
  const flags = first & 0x0f
  if (phase === 'opening') {
    const expected = type === (sender === 'client' ? t.connect : t.connack) || (sender === 'server' && version === 5 && type === t.auth)
    if (!expected) return sender === 'client' ? firstIsNotConnect : firstIsNotConnack
  } else {
    if (type === 0 || (type === t.auth && version === 4)) return forbiddenType
    if (type === t.connect && sender === 'client') return secondConnect
    if (type === t.connack && sender === 'server') return secondConnack
    if (!(sender === 'client' ? fromClient : fromServer).has(type)) return wrongDirection
    // A server of 3.1.1 closes the connection without a word.
    if (type === t.disconnect && version === 4 && sender === 'server') return wrongDirection
  }
  if (type === t.publish) {
    if ((flags & 0x06) === 0x06) return reservedQos
    return (flags & 0x0e) === 0x08 ? dupOfQos0 : undefined
  }
  const expected = type === t.pubrel || type === t.subscribe || type === t.unsubscribe ? 2 : 0
  return flags === expected ? undefined : reservedFlags
}

const firstIsNotConnect = protocolError('MQTT-3.1.0-1', 'The first packet of a client must be CONNECT.')
const firstIsNotConnack = protocolError('MQTT-3.2.0-1', 'The first packet of a server must be CONNACK, or AUTH.')
const secondConnect = protocolError('MQTT-3.1.0-2', 'A client must not send CONNECT twice.')
const secondConnack = protocolError('MQTT-3.2.0-2', 'A server must not send CONNACK twice.')
const wrongDirection = protocolError('MQTT-2.1.2', 'The peer must not send this type of packet.')
const forbiddenType = malformed('MQTT-2.1.2', 'There is no such type of packet.')
const reservedFlags = malformed('MQTT-2.1.3-1', 'The flags of the first byte must be those that the standard reserves.')
const reservedQos = malformed('MQTT-3.3.1-4', 'QoS must be 0, 1 or 2.')
const dupOfQos0 = malformed('MQTT-3.3.1-2', 'A QoS 0 message must not be marked as a duplicate.')

/** The verdict on every first byte in one state of a connection, by that byte: `undefined` lets it pass. */
export type FirstByteVerdicts = readonly (Malformed | undefined)[]

const tables = new Map<string, FirstByteVerdicts>()

/** The verdicts for what `sender` may send in `phase`. Made once for each state and shared by all connections. */
export function firstByteVerdicts(sender: 'client' | 'server', phase: Phase, version: ProtocolVersion): FirstByteVerdicts {
  const key = `${sender} ${phase} ${version}`
  let table = tables.get(key)
  if (table === undefined) {
    table = Array.from({ length: 256 }, (_, first) => judge(first, sender, phase, version))
    tables.set(key, table)
  }
  return table
}

/** The one length that the body of a type can have, or -1 where it varies. */
export function bodyBytes(type: number, version: ProtocolVersion): number {
  if (type === t.pingreq || type === t.pingresp) return 0
  if (version === 5) return -1
  switch (type) {
    case t.connack:
    case t.puback:
    case t.pubrec:
    case t.pubrel:
    case t.pubcomp:
    case t.unsuback:
      return 2
    case t.disconnect:
      return 0
    default:
      return -1
  }
}
