import { type Clock, type Instant, instant } from '#base'
import type { Catalog, Segment } from './catalog.ts'
import { type Disk, isMissing, isWorld } from './disk.ts'
import type { Reader } from './reader.ts'
import { type Retention, countExpired } from './retention.ts'

/** How far the wall clock may run ahead of the time that has passed since the start before retention stops believing it. */
const maxLeapMs = 3_600_000

/** Removes the files that are not wanted any more: those that recovery has made superfluous, and those past keeping. Counts what it drops. */
export class Keeper {
  droppedRecords = 0
  droppedSegments = 0
  readonly #retention: Retention
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #catalog: Catalog
  readonly #reader: Reader
  readonly #openedAt: Instant
  readonly #openedMonotonic: number
  #superseded: readonly Segment[]
  #busy = false

  constructor(
    retention: Retention,
    ports: { readonly disk: Disk; readonly clock: Clock },
    recovered: { readonly catalog: Catalog; readonly superseded: readonly Segment[] },
    reader: Reader,
  ) {
    this.#retention = retention
    this.#disk = ports.disk
    this.#clock = ports.clock
    this.#catalog = recovered.catalog
    this.#superseded = recovered.superseded
    this.#reader = reader
    this.#openedAt = ports.clock.now()
    this.#openedMonotonic = ports.clock.monotonic()
  }

  /** True when a segment begun at `since` should end, so that its records can grow old enough to go. */
  isDueToRoll(since: number | undefined): boolean {
    return since !== undefined && since + this.#retention.ageMs / 8 < this.#today()
  }

  /** Removes what may go. A disk that refuses is asked again the next time. */
  async tidy(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      await this.#dropSuperseded()
      await this.#dropExpired()
    } catch (error) {
      if (!isWorld(error)) throw error
    } finally {
      this.#busy = false
    }
  }

  async #dropSuperseded(): Promise<void> {
    while (this.#superseded.length > 0) {
      const [segment, ...rest] = this.#superseded
      if (segment !== undefined) await this.#remove(segment)
      this.#superseded = rest
    }
  }

  async #dropExpired(): Promise<void> {
    const { segments } = this.#catalog
    for (const segment of segments.slice(0, countExpired(segments, this.#retention, this.#today()))) {
      await this.#remove(segment)
      segments.shift()
      this.droppedSegments++
      this.droppedRecords += segment.end - segment.first
      await this.#reader.forget(segment)
    }
  }

  /** Wall time, unless somebody has set the clock forward under us: a leap must not age every record past keeping. */
  #today(): Instant {
    const passed = this.#clock.monotonic() - this.#openedMonotonic
    return instant(Math.min(this.#clock.now(), this.#openedAt + passed + maxLeapMs))
  }

  /** Removes a file so that it stays removed: were a later one gone for good and this one to come back, there would be a gap between them. */
  async #remove(segment: Segment): Promise<void> {
    await this.#disk.unlink(this.#catalog.path(segment)).catch((error: unknown) => {
      if (!isMissing(error)) throw error // gone already: the attempt before this one failed at the directory
    })
    await this.#disk.syncDirectory(this.#catalog.directory)
  }
}
