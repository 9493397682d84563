import type { BoundPolicy } from '#access'
import { ownText } from '#base'
import { parseTelemetryTopic } from '#wire/azure'

/** What was decided about a topic that this connection publishes to; asked once, then a lookup. */
export type TopicVerdict = {
  readonly topic: string
  /** The topic's UTF-8 bytes, as the journal wants them. */
  readonly bytes: Buffer
  /** The rule that allows it; undefined: denied. */
  readonly rule: string | undefined
  /** A device-to-cloud topic of IoT Hub: never retained. */
  readonly telemetry: boolean
}

// A device uses a handful of topics. One that makes up new ones costs a decision each, and no memory beyond this.
const maxVerdicts = 64

/** The verdicts of one connection. Must be thrown away when the policy changes. */
export class TopicVerdicts {
  readonly #policy: BoundPolicy
  readonly #known = new Map<string, TopicVerdict>()
  #last: TopicVerdict | undefined

  constructor(policy: BoundPolicy) {
    this.#policy = policy
  }

  /** Decides about publishing to `topic`. */
  publish(topic: string): TopicVerdict {
    if (this.#last?.topic === topic) return this.#last
    const verdict = this.#known.get(topic) ?? this.#decide(topic)
    this.#last = verdict
    return verdict
  }

  /** The rule that allows subscribing to `filter`, or undefined. */
  subscribe(filter: string): string | undefined {
    return this.#policy.subscribe(filter)
  }

  #decide(topic: string): TopicVerdict {
    const verdict = {
      topic,
      bytes: ownText(topic),
      rule: this.#policy.publish(topic),
      telemetry: parseTelemetryTopic(topic) !== undefined,
    }
    if (this.#known.size >= maxVerdicts) this.#known.clear()
    this.#known.set(topic, verdict)
    return verdict
  }
}
