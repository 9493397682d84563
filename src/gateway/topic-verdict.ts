import type { BoundPolicy } from '#access'
import { ownText } from '#base'
import { operationPrefix, parseTelemetryTopic } from '#wire/azure'

/** What was decided about a topic that this connection publishes to; asked once, then a lookup. */
export type TopicVerdict = {
  readonly topic: string
  /** The topic's UTF-8 bytes, as the journal wants them. */
  readonly bytes: Buffer
  /** The rule that allows a message there; undefined: it is denied, or the topic is one of IoT Hub's operations. */
  readonly rule: string | undefined
  /** A device-to-cloud topic of IoT Hub: never retained. */
  readonly telemetry: boolean
}

const nothing = Buffer.alloc(0)

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

  /** Decides about publishing to `topic`. No message goes to a topic of IoT Hub's operations: those are for {@link operate}. */
  publish(topic: string): TopicVerdict {
    if (this.#last?.topic === topic) return this.#last
    // Each request has a topic of its own, which nobody publishes to again.
    if (topic.startsWith(operationPrefix)) return { topic, bytes: nothing, rule: undefined, telemetry: false }
    const verdict = this.#known.get(topic) ?? this.#decide(topic)
    this.#last = verdict
    return verdict
  }

  /** Whether the policy allows an operation of IoT Hub by this topic. */
  operate(topic: string): boolean {
    return topic.startsWith(operationPrefix) && this.#policy.publish(topic) !== undefined
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
