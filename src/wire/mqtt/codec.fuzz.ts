import assert from 'node:assert/strict'
import { encode } from './codec.ts'
import type { Malformed } from './malformed.ts'
import type { MqttPacket, ProtocolVersion } from './packet.ts'
import { FrameReader } from './reader.ts'

/*
 * The first byte of an input chooses whose packets are read and how the rest is cut; the rest is the stream.
 *   bits 0-1   0, 1 the reader of a server that has seen CONNECT (level 4, 5), 2 one that has not, 3 the reader of a client
 *   bit 2      for a client: level 5 instead of 4; bit 3: for a client: CONNACK has come already
 *   bits 4-7   the size of the pieces of the second reading, 1..16
 */
function readerFor(choice: number): FrameReader {
  const role = choice & 3
  if (role === 3) {
    const version: ProtocolVersion = (choice & 4) === 0 ? 4 : 5
    const reader = new FrameReader({ role: 'client', version })
    return (choice & 8) === 0 ? reader : fed(reader, encode({ type: 'connack', sessionPresent: false, reasonCode: 0 }, version))
  }
  const reader = new FrameReader({ role: 'server' })
  if (role === 2) return reader
  const version: ProtocolVersion = role === 0 ? 4 : 5
  return fed(reader, encode({ type: 'connect', version, clientId: 'f', cleanStart: true, keepAliveSeconds: 1 }, version))
}

function fed(reader: FrameReader, bytes: Buffer): FrameReader {
  reader.push(bytes)
  reader.next()
  return reader
}

type Seen = { readonly packet: MqttPacket | Malformed; readonly version: ProtocolVersion | undefined }

function readAll(reader: FrameReader, bytes: Buffer, size: number, into: Seen[]): void {
  for (let at = 0; at < bytes.length; at += size) {
    reader.push(bytes.subarray(at, at + size))
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
      into.push({ packet, version: reader.version })
      if (packet.type === 'malformed') return
    }
  }
}

/**
 * Reads the input whole and in pieces, which must give the same packets and refusals; holds no more than came; and each packet that
 * was taken, encoded and read once more, must be itself.
 */
export function target(input: Buffer): void {
  const choice = input[0] ?? 0
  const bytes = input.subarray(1)
  const whole: Seen[] = []
  const one = readerFor(choice)
  readAll(one, bytes, Math.max(1, bytes.length), whole)
  assert.ok(one.heldBytes <= bytes.length)
  const pieces: Seen[] = []
  readAll(readerFor(choice), bytes, 1 + (choice >> 4), pieces)
  assert.deepEqual(pieces, whole)
  for (const { packet, version } of whole) {
    if (packet.type === 'malformed') {
      assert.ok(packet.reasonCode >= 0x80 && packet.clause !== '' && packet.message !== '')
      continue
    }
    const level = version ?? 5
    const again = packet.type === 'connect' || packet.type === 'connack' ? freshFor(choice, level) : readerFor(roleFor(choice, level))
    again.push(encode(packet, level))
    assert.deepEqual(again.next(), packet)
  }
}

/** A reader in the state that takes a first packet. */
function freshFor(choice: number, version: ProtocolVersion): FrameReader {
  return (choice & 3) === 3 ? new FrameReader({ role: 'client', version }) : new FrameReader({ role: 'server' })
}

/** The choice of a reader for later packets of the same sender in this version. */
function roleFor(choice: number, version: ProtocolVersion): number {
  if ((choice & 3) === 3) return 3 | 8 | (version === 5 ? 4 : 0)
  return version === 5 ? 1 : 0
}
