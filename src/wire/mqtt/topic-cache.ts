import { ownBytes } from '#base'
import { decodeUtf8 } from './cursor.ts'
import { type Malformed, badTopicName, malformed } from './malformed.ts'
import { topicNameFault } from './topic.ts'

type Slot = { readonly bytes: Buffer; readonly text: string }

// Power of two. A device publishes to a handful of topics; a full slot costs its topic three times and some 200 bytes.
const slotCount = 8
const maxCachedBytes = 256

/**
 * Turns the bytes of a topic name into a checked string. The last few topics are remembered by their bytes, so that a topic which
 * comes again costs one comparison, and is the very same string: a `Map` keyed by it has its hash already.
 */
export class TopicCache {
  readonly #maxLevels: number
  readonly #maxBytes: number
  readonly #slots: (Slot | undefined)[] = []
  /** What last missed each slot. A topic is remembered when it comes a second time, so topics that never repeat cost no copy. */
  readonly #candidates: (string | undefined)[] = []

  /** `maxLevels` and `maxBytes` bound a topic. */
  constructor(maxLevels: number, maxBytes: number) {
    this.#maxLevels = maxLevels
    this.#maxBytes = maxBytes
  }

  /** The topic name in `bytes[start, end)`, or why it is none. The bytes must not be empty. */
  read(bytes: Buffer, start: number, end: number): string | Malformed {
    const length = end - start
    const index = (length ^ (bytes[end - 1] ?? 0) ^ ((bytes[start + (length >> 1)] ?? 0) << 1)) & (slotCount - 1)
    const slot = this.#slots[index]
    if (slot !== undefined && slot.bytes.length === length && same(slot.bytes, bytes, start)) return slot.text
    if (length > this.#maxBytes) return badTopicName('MQTT-4.7.3-3', `A topic may have at most ${this.#maxBytes} bytes.`)
    const text = decodeUtf8(bytes, start, end)
    if (text === undefined) return malformed('MQTT-1.5.4-1', 'A topic name is not well-formed UTF-8, or holds U+0000.')
    const fault = topicNameFault(text, this.#maxLevels)
    if (fault !== undefined) return badTopicName(fault.clause, fault.message)
    if (length <= maxCachedBytes) this.#remember(index, bytes, start, end, text)
    return text
  }

  #remember(index: number, bytes: Buffer, start: number, end: number, text: string): void {
    while (this.#slots.length <= index) {
      this.#slots.push(undefined)
      this.#candidates.push(undefined)
    }
    if (this.#candidates[index] === text) this.#slots[index] = { bytes: ownBytes(bytes.subarray(start, end)), text }
    this.#candidates[index] = text
  }
}

/** Whether all of `known` stands in `bytes` from `start`. Topics differ mostly at their end, so that is looked at first. */
function same(known: Buffer, bytes: Buffer, start: number): boolean {
  for (let i = known.length - 1; i >= 0; i--) if (known[i] !== bytes[start + i]) return false
  return true
}
