import type { Message } from '#broker'
import { limits } from '#base'
import { type ProtocolVersion, encode, pubackBytes, writePuback, writePublishHead } from '#wire/mqtt'
import type { Desk } from './desk.ts'
import type { Transport } from './transport.ts'

/**
 * What goes out to one client. Deliveries of one turn leave in one write, and so do the PUBACKs of one flush: at one write a packet
 * the stream layer costs more than everything else.
 */
export class Outbox {
  version: ProtocolVersion = 4
  /** Packets larger than this are dropped: the client said that it cannot take them [MQTT-3.1.2-24]. */
  maxPacketBytes = Number.MAX_SAFE_INTEGER
  messages = 0
  bytes = 0
  readonly #transport: Transport
  readonly #desk: Desk
  #packets: Buffer[] = []
  #acks: number[] = []
  #ackCodes: number[] = []

  constructor(transport: Transport, desk: Desk) {
    this.#transport = transport
    this.#desk = desk
  }

  get writable(): boolean {
    return this.#transport.bufferedBytes < limits.clientQueueBytes
  }

  /** True when the client takes so little that waiting for it would cost too much memory. */
  get isHopeless(): boolean {
    return this.#transport.bufferedBytes > limits.clientQueueBytes * 4
  }

  /** Gathers a PUBLISH. False: too large for this client. The caller has {@link flush} called before the turn ends if this was the `first`. */
  publish(message: Message, qos: 0 | 1, packetId: number, retain: boolean, dup: boolean): { readonly first: boolean } | undefined {
    const head = this.#desk.headOf(message, qos, retain, this.version)
    const size = head.bytes.length + message.payload.length
    if (size > this.maxPacketBytes) return undefined
    const packet = Buffer.allocUnsafe(size)
    packet.set(message.payload, writePublishHead(head, packet, 0, packetId, dup))
    this.messages++
    this.#desk.counters.messagesOut++
    return { first: this.#packets.push(packet) === 1 }
  }

  /** Writes the gathered deliveries. */
  flush(): void {
    const first = this.#packets[0]
    if (first === undefined) return
    const all = this.#packets.length === 1 ? first : Buffer.concat(this.#packets)
    this.#packets = []
    this.write(all)
  }

  /** Gathers a PUBACK; true when it is the first. */
  acknowledge(packetId: number, reasonCode: number): boolean {
    this.#ackCodes.push(reasonCode)
    return this.#acks.push(packetId) === 1
  }

  /** Takes the gathered PUBACKs, as bytes, and says how many they are. */
  takeAcknowledgements(): { readonly count: number; readonly bytes: Buffer } {
    const acks = this.#acks
    const codes = this.#ackCodes
    this.#acks = []
    this.#ackCodes = []
    // MQTT 3.1.1 has no way to say no here; the refusal is in the journal.
    const plain = this.version === 4 || codes.every((code) => code === 0)
    return { count: acks.length, bytes: plain ? successes(acks) : withReasons(acks, codes) }
  }

  /** Writes at once. */
  write(bytes: Buffer): void {
    this.bytes += bytes.length
    this.#desk.counters.bytesOut += bytes.length
    this.#transport.write(bytes)
  }
}

function successes(packetIds: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(packetIds.length * pubackBytes)
  let at = 0
  for (const packetId of packetIds) at = writePuback(bytes, at, packetId)
  return bytes
}

function withReasons(packetIds: readonly number[], codes: readonly number[]): Buffer {
  return Buffer.concat(packetIds.map((packetId, index) => encode({ type: 'puback', packetId, reasonCode: codes[index] ?? 0 }, 5)))
}
