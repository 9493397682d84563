import type { PlaintextProtocol } from '../evidence.ts'

/** The first words of each protocol, spoken without TLS, and how to know that somebody answered in it. */
export type PlaintextProbe = {
  readonly protocol: PlaintextProtocol
  readonly transport: 'tcp' | 'udp'
  readonly request: Buffer
  /** True when the bytes are an answer in the protocol, in the clear. */
  answers(reply: Buffer): boolean
}

const clientId = 'thingwall-probe'

/** CONNECT of MQTT 3.1.1 (section 3.1), clean session, keep alive 10 s, without a user name. */
const mqttConnect = Buffer.concat([
  Buffer.from([0x10, 12 + clientId.length, 0, 4]),
  Buffer.from('MQTT'),
  Buffer.from([4, 2, 0, 10, 0, clientId.length]),
  Buffer.from(clientId),
])

/** GET /.well-known/core, confirmable, message id 1 (RFC 7252 section 3, RFC 6690). */
const coapGet = Buffer.concat([
  Buffer.from([0x40, 0x01, 0x00, 0x01, 0xbb]),
  Buffer.from('.well-known'),
  Buffer.from([0x04]),
  Buffer.from('core'),
])

/** The probes, one a protocol of the field. A TLS listener must meet each with an alert or a close. */
export const plaintextProbes: readonly PlaintextProbe[] = [
  // Any CONNACK counts, even one that refuses: the server spoke MQTT in the clear.
  {
    protocol: 'mqtt',
    transport: 'tcp',
    request: mqttConnect,
    answers: (reply) => reply.length >= 2 && reply[0] === 0x20 && (reply[1] ?? 0) <= 127,
  },
  {
    protocol: 'http',
    transport: 'tcp',
    request: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    // A 4xx without content is what TLS front ends say to plaintext before closing; a success or a redirect is service.
    answers: (reply) => /^HTTP\/1\.[01] [23]\d\d/.test(reply.subarray(0, 16).toString('latin1')),
  },
  // AMQP 1.0 protocol header (OASIS AMQP 1.0 part 2, 2.2): a server answers with a header of its own, SASL or plain.
  {
    protocol: 'amqp',
    transport: 'tcp',
    request: Buffer.from('AMQP\x00\x01\x00\x00', 'latin1'),
    answers: (reply) => reply.subarray(0, 4).toString('latin1') === 'AMQP',
  },
  // Version 1 in the first two bits, and our message id in the acknowledgement or reset.
  {
    protocol: 'coap',
    transport: 'udp',
    request: coapGet,
    answers: (reply) => reply.length >= 4 && (reply[0] ?? 0) >> 6 === 1 && reply.readUInt16BE(2) === 1,
  },
]

/** True for a TLS alert record: the polite way to refuse plaintext. */
export function isTlsAlert(reply: Buffer): boolean {
  return reply.length >= 2 && reply[0] === 21 && reply[1] === 3
}
