import type { Message } from '#broker'
import { type AcknowledgeType, type ProtocolVersion, acknowledgeBytes, writeAcknowledge, writePublishHead } from '#wire/mqtt'
import { acknowledgement } from './acknowledgements.ts'
import type { Desk } from './desk.ts'
import { encodeExplained, publishReason } from './reason-string.ts'
import { TopicAliases } from './topic-aliases.ts'
import type { Transport } from './transport.ts'

const types: readonly AcknowledgeType[] = ['puback', 'pubrec', 'pubrel', 'pubcomp']

/** What {@link Outbox.publish} did. */
export const gathered = { tooLarge: -1, more: 0, first: 1 } as const

/**
 * What goes out to one client. Deliveries of one turn leave in one write, and so do the acknowledgements of one flush: at one write a
 * packet the stream layer costs more than everything else.
 */
export class Outbox {
  version: ProtocolVersion = 4
  /** Packets larger than this are dropped: the client said that it cannot take them [MQTT-3.1.2-24]. */
  maxPacketBytes = Number.MAX_SAFE_INTEGER
  /** Whether acknowledgements may say why: Request Problem Information [MQTT-3.1.2-29]. */
  explains = true
  /** Bytes that may wait in the socket before QoS 0 is dropped. */
  unsentBytes = Number.MAX_SAFE_INTEGER
  aliases = new TopicAliases(0)
  messages = 0
  bytes = 0
  readonly #transport: Transport
  readonly #desk: Desk
  #packets: Buffer[] = []
  #acks: number[] = []
  #answers: number[] = []
  /** All gathered answers or-ed: 0 when each is a PUBACK that means success. */
  #mixed = 0

  constructor(transport: Transport, desk: Desk) {
    this.#transport = transport
    this.#desk = desk
  }

  get writable(): boolean {
    return this.#transport.bufferedBytes < this.unsentBytes
  }

  /** True when the client takes so little that waiting for it would cost too much memory. */
  get isHopeless(): boolean {
    return this.#transport.bufferedBytes > this.unsentBytes * 4
  }

  /**
   * Gathers a PUBLISH. The caller has {@link flush} called before the turn ends if this was the `first`. `tooLarge`: the client does not
   * take packets of this size, and nothing was gathered.
   */
  publish(message: Message, qos: 0 | 1 | 2, packetId: number, retain: boolean, dup: boolean, identifiers: readonly number[]): number {
    const { version } = this
    const alias = version === 4 ? 0 : this.aliases.choose(message.topic)
    const head = this.#desk.heads.of(message, qos, retain, version, identifiers, Math.abs(alias), alias <= 0)
    const size = head.bytes.length + message.payload.length
    if (size > this.maxPacketBytes) return gathered.tooLarge
    if (alias < 0) this.aliases.learn(message.topic, -alias)
    const packet = Buffer.allocUnsafe(size)
    packet.set(message.payload, writePublishHead(head, packet, 0, packetId, dup))
    this.messages++
    this.#desk.counters.messagesOut++
    return this.#packets.push(packet) === 1 ? gathered.first : gathered.more
  }

  /** Gathers an acknowledgement: an {@link acknowledgement} number with a reason code. True when it is the first. */
  acknowledge(packetId: number, answer: number): boolean {
    this.#answers.push(answer)
    this.#mixed |= answer
    return this.#acks.push(packetId) === 1
  }

  /** Writes the gathered deliveries, then the gathered acknowledgements. Returns how many PUBLISHes of the client were answered. */
  flush(): number {
    const first = this.#packets[0]
    if (first !== undefined) {
      const all = this.#packets.length === 1 ? first : Buffer.concat(this.#packets)
      this.#packets = []
      this.write(all)
    }
    return this.#acks.length === 0 ? 0 : this.#flushAcknowledgements()
  }

  /** Writes at once. */
  write(bytes: Buffer): void {
    this.bytes += bytes.length
    this.#desk.counters.bytesOut += bytes.length
    this.#transport.write(bytes)
  }

  #flushAcknowledgements(): number {
    const acks = this.#acks
    const answers = this.#answers
    this.#acks = []
    this.#answers = []
    if (this.#mixed === 0) {
      this.write(pubacks(acks))
      return acks.length
    }
    this.#mixed = 0
    // MQTT 3.1.1 has no way to say no here; the refusal is in the journal.
    const plain = this.version === 4 || answers.every((answer) => (answer & 0xff) === 0)
    this.write(plain ? successes(acks, answers) : this.#withReasons(acks, answers))
    let answered = 0
    for (const answer of answers) if (answer < acknowledgement.pubrel) answered++
    return answered
  }

  #withReasons(packetIds: readonly number[], answers: readonly number[]): Buffer {
    return Buffer.concat(
      packetIds.map((packetId, index) => {
        const answer = answers[index] ?? 0
        const reasonCode = answer & 0xff
        const why = this.explains && answer < acknowledgement.pubrel ? publishReason(reasonCode) : undefined
        return encodeExplained({ type: typeOf(answer), packetId, reasonCode }, why, this.maxPacketBytes)
      }),
    )
  }
}

function pubacks(packetIds: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(packetIds.length * acknowledgeBytes)
  let at = 0
  for (const packetId of packetIds) at = writeAcknowledge(bytes, at, 'puback', packetId)
  return bytes
}

function successes(packetIds: readonly number[], answers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(packetIds.length * acknowledgeBytes)
  let at = 0
  for (let i = 0; i < packetIds.length; i++) at = writeAcknowledge(bytes, at, typeOf(answers[i] ?? 0), packetIds[i] ?? 0)
  return bytes
}

function typeOf(answer: number): AcknowledgeType {
  return types[answer >> 8] ?? 'puback'
}
