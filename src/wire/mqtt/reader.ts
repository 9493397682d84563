import { decodeBody } from './codec.ts'
import { connectVersion } from './connect.ts'
import { type DecodeContext, type ReaderLimits, readerLimits } from './decode-context.ts'
import { type FirstByteVerdicts, bodyBytes, firstByteVerdicts, packetTypes } from './fixed-header.ts'
import { type Malformed, malformed, tooLarge } from './malformed.ts'
import type { MqttPacket, ProtocolVersion } from './packet.ts'
import { decodePublish } from './publish.ts'
import { TopicCache } from './topic-cache.ts'

/*
 * Bytes in, packets out; how TCP cut the bytes makes no difference. A packet that lies whole in a chunk is decoded in place. One that
 * does not is copied, once, into a buffer of its own that grows with what has come and never beyond what the packet said it needs:
 * a peer that promises much and sends little costs little. The first byte and the length are judged before anything is kept.
 *
 * The caller pulls: push a chunk, then call next() until it gives `undefined`. It may stop in between (after CONNECT, until the client
 * is authenticated) and go on later; what it has not pulled is not judged, so limits raised meanwhile count for it.
 */

const nothing = Buffer.alloc(0)
const maxHeaderBytes = 5

/** Who we are, and so whose packets the reader takes. A client knows the version that it asked for; a server learns it from CONNECT. */
export type ReaderRole = { readonly role: 'server' } | { readonly role: 'client'; readonly version: ProtocolVersion }

/** What {@link FrameReader.next} gives: a packet, the reason why the connection must close, or `undefined` when it needs more bytes. */
export type Next = MqttPacket | Malformed | undefined

/** Cuts one connection's bytes into packets. Holds at most one incomplete packet and the chunk that has not been pulled yet. */
export class FrameReader {
  #context: DecodeContext
  #verdicts: FirstByteVerdicts
  #version: ProtocolVersion | undefined
  #maxPacketBytes: number
  #chunk: Buffer = nothing
  #at = 0
  #headerBytes = 0
  /** The incomplete packet: its first `#have` bytes, of `#need`, which is 0 as long as its length is not known. */
  #partial: Buffer = nothing
  #have = 0
  #need = 0
  #over: Malformed | undefined = undefined

  /** A reader for one new connection. Takes packets up to `limits.mqttConnectBytes` until {@link FrameReader.allow} says more. */
  constructor(role: ReaderRole, limits: ReaderLimits = readerLimits) {
    const sender = role.role === 'server' ? 'client' : 'server'
    this.#version = role.role === 'client' ? role.version : undefined
    const version = this.#version ?? 4
    this.#context = { version, sender, limits, topics: new TopicCache(limits.topicLevels, limits.topicBytes) }
    this.#verdicts = firstByteVerdicts(sender, 'opening', version)
    this.#maxPacketBytes = limits.mqttConnectBytes
  }

  /**
   * The version of the connection: from CONNECT on, also when that CONNECT was refused, so that the refusal can be put in its words.
   * `undefined` as long as no CONNECT has said one.
   */
  get version(): ProtocolVersion | undefined {
    return this.#version
  }

  /** Bytes that the reader holds: the incomplete packet and what has been pushed and not pulled. */
  get heldBytes(): number {
    return this.#have + this.#chunk.length - this.#at
  }

  /** Sets the largest packet, header included, for packets that have not been pulled yet. For use once the peer is authenticated. */
  allow(maxPacketBytes: number): void {
    this.#maxPacketBytes = maxPacketBytes
  }

  /** Takes the next bytes of the connection. They belong to the reader and to the packets made of them, and must not be changed. */
  push(chunk: Buffer): void {
    if (this.#over !== undefined) return
    this.#chunk = this.#at < this.#chunk.length ? Buffer.concat([this.#chunk.subarray(this.#at), chunk]) : chunk
    this.#at = 0
  }

  /** The next packet. After a {@link Malformed} the reader is over, holds nothing and says the same again. */
  next(): Next {
    if (this.#over !== undefined) return this.#over
    if (this.#have > 0) return this.#resume()
    const chunk = this.#chunk
    const at = this.#at
    const end = chunk.length
    const size = at < end ? this.#measure(chunk, at, end) : 0
    if (size < 0) return this.#over
    if (size === 0 || at + size > end) return this.#keep(size)
    this.#at = at + size
    return this.#decode(chunk, at, at + size)
  }

  /** The size of the packet at `at`, header included; 0 when its header is not complete; -1 when it is refused. */
  #measure(bytes: Buffer, at: number, end: number): number {
    const first = bytes[at] ?? 0
    const refused = this.#verdicts[first]
    if (refused !== undefined) return this.#refuse(refused)
    let remaining = 0
    let scale = 1
    let to = at + 1
    for (;;) {
      if (to === end) return 0
      const byte = bytes[to] ?? 0
      to += 1
      remaining += (byte & 0x7f) * scale
      if (byte < 0x80) {
        // MQTT 3.1.1 is silent on padded lengths; they are refused there too.
        if (byte === 0 && scale > 1) return this.#refuse(malformed('MQTT-1.5.5-1', 'A packet length has more bytes than it needs.'))
        break
      }
      if (scale === 2_097_152) return this.#refuse(malformed('MQTT-1.5.5', 'A packet length has more than four bytes.'))
      scale *= 128
    }
    const size = to - at + remaining
    if (size > this.#maxPacketBytes) return this.#refuse(tooLarge(`A packet may have at most ${this.#maxPacketBytes} bytes now.`))
    if (first >= 0x40 || first < 0x30) {
      const expected = bodyBytes(first >> 4, this.#context.version)
      if (expected >= 0 && remaining !== expected)
        return this.#refuse(malformed('MQTT-2.1.4', 'The packet has not the length of its type.'))
    }
    this.#headerBytes = to - at
    return size
  }

  /** Decodes the packet in `bytes[at, end)`, which #measure has just measured. */
  #decode(bytes: Buffer, at: number, end: number): Next {
    const first = bytes[at] ?? 0
    const start = at + this.#headerBytes
    if (first >> 4 === packetTypes.publish) {
      const publish = decodePublish(bytes, first & 0x0f, start, end, this.#context)
      if (publish.type === 'malformed') this.#refuse(publish)
      return publish
    }
    if (first >> 4 === packetTypes.connect) this.#version = connectVersion(bytes, start, end)
    const packet = decodeBody(first, bytes, start, end, this.#context)
    if (packet.type === 'malformed') this.#refuse(packet)
    else if (packet.type === 'connect') this.#open(packet.version)
    else if (packet.type === 'connack') this.#open(this.#context.version)
    return packet
  }

  #open(version: ProtocolVersion): void {
    this.#context = { ...this.#context, version }
    this.#verdicts = firstByteVerdicts(this.#context.sender, 'open', version)
  }

  #refuse(why: Malformed): -1 {
    this.#over = why
    this.#chunk = nothing
    this.#partial = nothing
    this.#at = this.#have = this.#need = 0
    return -1
  }

  /** Copies the incomplete packet at the end of the chunk, and lets the chunk go. `size` is 0 when its header is incomplete too. */
  #keep(size: number): undefined {
    const rest = this.#chunk.length - this.#at
    if (rest > 0) {
      this.#need = size
      this.#gather(rest)
    }
    this.#chunk = nothing
    this.#at = 0
    return undefined
  }

  /** Goes on with the incomplete packet. */
  #resume(): Next {
    while (this.#need === 0) {
      if (this.#at === this.#chunk.length) return this.#keep(0)
      this.#gather(1)
      const size = this.#measure(this.#partial, 0, this.#have)
      if (size < 0) return this.#over
      this.#need = size
    }
    this.#gather(Math.min(this.#need - this.#have, this.#chunk.length - this.#at))
    if (this.#have < this.#need) return this.#keep(this.#need)
    const packet = this.#partial
    const size = this.#need
    this.#partial = nothing
    this.#have = this.#need = 0
    return this.#decode(packet, 0, size)
  }

  /** Moves `count` bytes from the chunk to the incomplete packet. */
  #gather(count: number): void {
    const have = this.#have + count
    if (have > this.#partial.length) {
      const wanted = Math.max(have, this.#partial.length * 2)
      // Slow, because a small buffer from the shared pool would keep all of the pool's memory alive while a slow peer dawdles.
      const larger = Buffer.allocUnsafeSlow(this.#need === 0 ? maxHeaderBytes : Math.min(wanted, this.#need))
      this.#partial.copy(larger, 0, 0, this.#have)
      this.#partial = larger
    }
    this.#chunk.copy(this.#partial, this.#have, this.#at, this.#at + count)
    this.#have = have
    this.#at += count
  }
}
