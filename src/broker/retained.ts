import { matches } from '#wire/mqtt'
import { keep, type Message, messageBytes } from './message.ts'

/** Bounds of the retained store; over them a retained publication is refused with MQTT 5 reason 0x97. */
export type RetainedLimits = { readonly messages: number; readonly bytes: number }

/** The last retained message of each topic, bounded by count and bytes, each owned by the identity that published it. */
export class RetainedMessages {
  readonly #limits: RetainedLimits
  readonly #messages = new Map<string, Message>()
  readonly #changed = new Set<string>()
  #bytes = 0

  constructor(limits: RetainedLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#messages.size
  }

  /** Keeps the message, or forgets the topic when the payload is empty [MQTT-3.3.1-6]. False: no room, nothing was changed. */
  set(message: Message): boolean {
    const old = this.#messages.get(message.topic)
    const freed = old === undefined ? 0 : messageBytes(old)
    if (message.payload.length === 0) {
      if (old === undefined) return true
      this.#messages.delete(message.topic)
      this.#bytes -= freed
      this.#changed.add(message.topic)
      return true
    }
    const grown = this.#bytes - freed + messageBytes(message)
    if (grown > this.#limits.bytes || (old === undefined && this.#messages.size >= this.#limits.messages)) return false
    this.#messages.set(message.topic, keep(message))
    this.#bytes = grown
    this.#changed.add(message.topic)
    return true
  }

  /** Every retained message that `filter` matches. An exact filter costs one lookup. */
  matching(filter: string): readonly Message[] {
    if (!/[+#]/.test(filter)) {
      const one = this.#messages.get(filter)
      return one === undefined ? [] : [one]
    }
    return [...this.#messages.values()].filter((message) => matches(filter, message.topic))
  }

  /** Topics that changed since the last call, with what is retained now (undefined: nothing). For whoever keeps them on disk. */
  takeChanges(): readonly (readonly [topic: string, message: Message | undefined])[] {
    const changes = [...this.#changed].map((topic) => [topic, this.#messages.get(topic)] as const)
    this.#changed.clear()
    return changes
  }
}
