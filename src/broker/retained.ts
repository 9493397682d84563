import type { Instant } from '#base'
import { matches } from '#wire/mqtt'
import { type Message, isExpired, keep, messageBytes, sizeOf } from './message.ts'

/** Bounds of the retained store; over them a retained publication is refused with MQTT 5 reason 0x97. */
export type RetainedLimits = { readonly messages: number; readonly bytes: number }

/** The last retained message of each topic, bounded by count and bytes, each owned by the identity that published it. */
export class RetainedMessages {
  readonly #limits: RetainedLimits
  readonly #now: () => Instant
  readonly #messages = new Map<string, Message>()
  readonly #changed = new Set<string>()
  #bytes = 0

  constructor(limits: RetainedLimits, now: () => Instant) {
    this.#limits = limits
    this.#now = now
  }

  get size(): number {
    return this.#messages.size
  }

  /** Whether a message of so many payload bytes may be retained for this topic. Nothing is changed but what has expired. */
  hasRoom(topic: string, payloadBytes: number): boolean {
    if (payloadBytes === 0 || this.#fits(topic, payloadBytes)) return true
    this.#forgetExpired()
    return this.#fits(topic, payloadBytes)
  }

  /** Keeps the message, or forgets the topic when the payload is empty [MQTT-3.3.1-6]. False: no room, nothing was changed. */
  set(message: Message): boolean {
    if (message.payload.length === 0) {
      this.#forget(message.topic)
      return true
    }
    if (!this.hasRoom(message.topic, message.payload.length)) return false
    this.#bytes += messageBytes(message) - this.#bytesOf(message.topic)
    this.#messages.set(message.topic, keep(message))
    this.#changed.add(message.topic)
    return true
  }

  /** Every retained message that `filter` matches and whose time is not over [MQTT-3.3.2-5]. An exact filter costs one lookup. */
  matching(filter: string): readonly Message[] {
    const one = /[+#]/.test(filter) ? undefined : this.#messages.get(filter)
    const found = /[+#]/.test(filter)
      ? [...this.#messages.values()].filter((message) => matches(filter, message.topic))
      : one === undefined
        ? []
        : [one]
    const now = this.#now()
    return found.filter((message) => {
      if (!isExpired(message, now)) return true
      this.#forget(message.topic)
      return false
    })
  }

  /** Everything that is retained, expired or not. */
  all(): Iterable<Message> {
    return this.#messages.values()
  }

  /** Topics that changed since the last call, with what is retained now (undefined: nothing). For whoever keeps them on disk. */
  takeChanges(): readonly (readonly [topic: string, message: Message | undefined])[] {
    const changes = [...this.#changed].map((topic) => [topic, this.#messages.get(topic)] as const)
    this.#changed.clear()
    return changes
  }

  #fits(topic: string, payloadBytes: number): boolean {
    const isNew = !this.#messages.has(topic)
    const grown = this.#bytes - this.#bytesOf(topic) + sizeOf(topic, payloadBytes)
    return grown <= this.#limits.bytes && !(isNew && this.#messages.size >= this.#limits.messages)
  }

  #bytesOf(topic: string): number {
    const old = this.#messages.get(topic)
    return old === undefined ? 0 : messageBytes(old)
  }

  #forget(topic: string): void {
    this.#bytes -= this.#bytesOf(topic)
    if (this.#messages.delete(topic)) this.#changed.add(topic)
  }

  #forgetExpired(): void {
    const now = this.#now()
    for (const message of this.#messages.values()) if (isExpired(message, now)) this.#forget(message.topic)
  }
}
