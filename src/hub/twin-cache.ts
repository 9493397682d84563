import type { DeviceId } from '#base'
import { weightOf } from './twin-rules.ts'
import type { Twin } from './twin.ts'

type Entry = { readonly twin: Twin; readonly bytes: number }

/** The twins used last, bounded by an estimate of their bytes. */
export class TwinCache {
  readonly #entries = new Map<DeviceId, Entry>()
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The estimate for all that is held. */
  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#entries.size
  }

  /** The twin of an identity in this generation; using it keeps it. */
  find(identity: DeviceId, generationId: string): Twin | undefined {
    const entry = this.#entries.get(identity)
    if (entry === undefined) return undefined
    if (entry.twin.generationId !== generationId) {
      this.drop(identity)
      return undefined
    }
    this.#entries.delete(identity)
    this.#entries.set(identity, entry)
    return entry.twin
  }

  /** Takes a twin as the newest, in the place of its former state; the oldest leave when it gets too much. */
  put(twin: Twin, bytes: number = twinBytes(twin)): void {
    this.drop(twin.identity)
    this.#entries.set(twin.identity, { twin, bytes })
    this.#bytes += bytes
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes || oldest === twin.identity) break
      this.drop(oldest)
    }
  }

  drop(identity: DeviceId): void {
    const entry = this.#entries.get(identity)
    if (entry === undefined) return
    this.#entries.delete(identity)
    this.#bytes -= entry.bytes
  }
}

/** What a twin takes in memory, roughly: measured, a property with its metadata takes some 300 bytes and weighs some 20. */
export function twinBytes({ tags, desired, reported }: Twin): number {
  return 2_000 + 4 * weightOf(tags) + 12 * (weightOf(desired.properties) + weightOf(reported.properties))
}
