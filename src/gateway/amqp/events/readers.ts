import { type Result, ok, refuse } from '#base'
import type { AmqpError } from '#wire/amqp'

/** A reader of one partition for one consumer group. */
export type Reader = { readonly epoch: number | undefined; close(error: AmqpError): void }

/** Readers of one group and partition without an epoch (azure-wire 8.1). */
export const maxReaders = 5

/**
 * Who reads what. A reader with an epoch has its partition for itself: it ends those with a lower or the same one and those without any, and is refused
 * below a higher one (azure-wire 8.4; that the same epoch steals is [R], kept in {@link steals}).
 */
export class Readers {
  readonly #places = new Map<string, Set<Reader>>()

  /** Lets a reader in. Refuses `gateway/events-stolen` and `gateway/events-too-many-readers`. Returns how it leaves. */
  enter(place: string, reader: Reader): Result<() => void> {
    const there = this.#places.get(place) ?? new Set<Reader>()
    for (const { epoch } of there) {
      if (epoch === undefined || steals(reader.epoch, epoch)) continue
      return refuse('gateway/events-stolen', `A reader with epoch ${epoch} has this partition.`)
    }
    if (reader.epoch !== undefined) {
      const error = { condition: 'amqp:link:stolen', description: `A reader with epoch ${reader.epoch} has taken this partition.` }
      for (const other of there) {
        there.delete(other)
        other.close(error)
      }
    } else if (there.size >= maxReaders)
      return refuse('gateway/events-too-many-readers', `A partition has at most ${maxReaders} readers of one consumer group.`)
    there.add(reader)
    this.#places.set(place, there)
    return ok(() => {
      there.delete(reader)
      if (there.size === 0 && this.#places.get(place) === there) this.#places.delete(place)
    })
  }
}

function steals(epoch: number | undefined, from: number): boolean {
  return epoch !== undefined && epoch >= from
}
