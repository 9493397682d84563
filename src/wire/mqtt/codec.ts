import { never } from '#base'
import { decodeAcknowledge, encodeAcknowledge } from './acknowledge.ts'
import { decodeConnack, decodeConnect, encodeConnack, encodeConnect } from './connect.ts'
import type { DecodeContext } from './decode-context.ts'
import { decodeAuth, decodeDisconnect, encodeAuth, encodeDisconnect } from './disconnect.ts'
import { packetTypes as t } from './fixed-header.ts'
import { type Malformed, malformed } from './malformed.ts'
import type { MqttPacket, ProtocolVersion } from './packet.ts'
import { decodePublish, encodePublish } from './publish.ts'
import {
  decodeSuback,
  decodeSubscribe,
  decodeUnsuback,
  decodeUnsubscribe,
  encodeSuback,
  encodeSubscribe,
  encodeUnsuback,
  encodeUnsubscribe,
} from './subscribe.ts'

/** Decodes the body in `bytes[start, end)` of a packet with this first byte, whose flags and direction have been judged already. */
export function decodeBody(first: number, bytes: Buffer, start: number, end: number, context: DecodeContext): MqttPacket | Malformed {
  switch (first >> 4) {
    case t.connect:
      return decodeConnect(bytes, start, end, context)
    case t.connack:
      return decodeConnack(bytes, start, end, context)
    case t.publish:
      return decodePublish(bytes, first & 0x0f, start, end, context)
    case t.puback:
      return decodeAcknowledge('puback', bytes, start, end, context)
    case t.pubrec:
      return decodeAcknowledge('pubrec', bytes, start, end, context)
    case t.pubrel:
      return decodeAcknowledge('pubrel', bytes, start, end, context)
    case t.pubcomp:
      return decodeAcknowledge('pubcomp', bytes, start, end, context)
    case t.subscribe:
      return decodeSubscribe(bytes, start, end, context)
    case t.suback:
      return decodeSuback(bytes, start, end, context)
    case t.unsubscribe:
      return decodeUnsubscribe(bytes, start, end, context)
    case t.unsuback:
      return decodeUnsuback(bytes, start, end, context)
    case t.pingreq:
      return { type: 'pingreq' }
    case t.pingresp:
      return { type: 'pingresp' }
    case t.disconnect:
      return decodeDisconnect(bytes, start, end, context)
    case t.auth:
      return decodeAuth(bytes, start, end, context)
    default:
      return malformed('MQTT-2.1.2', 'There is no such type of packet.')
  }
}

const pingreq = Buffer.of(0xc0, 0)
const pingresp = Buffer.of(0xd0, 0)

/**
 * The bytes of any packet in `version` (CONNECT says its own). Fields that 3.1.1 does not have are left out. What cannot be written
 * at all (a string too long, a missing packet identifier, AUTH in 3.1.1) is our bug and throws. PINGREQ and PINGRESP share their
 * bytes: do not write to them.
 */
export function encode(packet: MqttPacket, version: ProtocolVersion): Buffer {
  switch (packet.type) {
    case 'connect':
      return encodeConnect(packet)
    case 'connack':
      return encodeConnack(packet, version)
    case 'publish':
      return encodePublish(packet, version)
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return encodeAcknowledge(packet, version)
    case 'subscribe':
      return encodeSubscribe(packet, version)
    case 'suback':
      return encodeSuback(packet, version)
    case 'unsubscribe':
      return encodeUnsubscribe(packet, version)
    case 'unsuback':
      return encodeUnsuback(packet, version)
    case 'pingreq':
      return pingreq
    case 'pingresp':
      return pingresp
    case 'disconnect':
      return encodeDisconnect(packet, version)
    case 'auth':
      if (version === 4) throw new Error('bug: AUTH does not exist in MQTT 3.1.1')
      return encodeAuth(packet)
    default:
      return never(packet)
  }
}
