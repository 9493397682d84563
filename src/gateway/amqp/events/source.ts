import { type DeviceId, parseDeviceId } from '#base'
import { type Fact, type Journal, type Offset, decodeRecord } from '#journal'
import { type EventForm, type PartitionState, type StoredEvent, encodeEvent, partitionOf } from './event.ts'

/*
 * Events as readers of all partitions and groups share them. The journal is cut into windows of a few offsets; what a window holds is decoded and
 * encoded once, by partition, and kept for a while. Readers at the end all find the same few windows there, so ten readers cost hardly more than
 * one; a reader of old events brings its own and they are soon forgotten. What is kept is bounded in windows and in bytes.
 */

/** What a fact looks like to readers; undefined: it is not shown. A promise where a twin has to be asked first. */
export type EventOf = (offset: Offset, fact: Fact) => EventForm | undefined | Promise<EventForm | undefined>

type Window = {
  readonly from: Offset
  next: Offset
  readonly partitions: StoredEvent[][]
  bytes: number
  filling: Promise<void> | undefined
}

const windowOffsets = 64
const maxWindows = 64
const maxBytes = 32 * 1024 * 1024
const page = { records: windowOffsets, bytes: 1024 * 1024 }
/** How far back the last event of a partition is looked for when the hub has just started. */
const lookBack = 20_000

/** See the theory of operation above. */
export class EventSource {
  readonly partitions: number
  readonly #journal: Pick<Journal, 'read' | 'start' | 'durableEnd'>
  readonly #eventOf: EventOf
  readonly #windows = new Map<number, Window>()
  readonly #last: ({ readonly offset: Offset; readonly time: number } | undefined)[]
  #bytes = 0
  #knownTo: Offset | undefined

  constructor(journal: Pick<Journal, 'read' | 'start' | 'durableEnd'>, partitions: number, eventOf: EventOf) {
    this.#journal = journal
    this.partitions = partitions
    this.#eventOf = eventOf
    this.#last = Array.from({ length: partitions }, () => undefined)
  }

  /** Windows and bytes that are kept now. */
  get kept(): { readonly windows: number; readonly bytes: number } {
    return { windows: this.#windows.size, bytes: this.#bytes }
  }

  /** Events of one partition from `from` on, of one window at most. `next` is where to go on; it is `from` when the end is reached. */
  async read(partition: number, from: Offset): Promise<{ readonly events: readonly StoredEvent[]; readonly next: Offset }> {
    const at = Math.max(from, this.#journal.start)
    if (at >= this.#journal.durableEnd) return { events: [], next: at }
    const window = await this.#windowAt(at)
    const events = (window.partitions[partition] ?? []).filter(({ offset }) => offset >= at)
    return { events, next: Math.max(at, window.next) }
  }

  /** What a partition holds, up to the end of now. */
  async state(partition: number): Promise<PartitionState> {
    let at = Math.max(this.#knownTo ?? this.#journal.durableEnd - lookBack, this.#journal.start)
    while (at < this.#journal.durableEnd) {
      const { next } = await this.read(partition, at)
      if (next <= at) break
      at = next
    }
    this.#knownTo = Math.max(this.#knownTo ?? 0, at)
    return this.known(partition)
  }

  /** The same as far as it is known without looking. */
  known(partition: number): PartitionState {
    return { begin: this.#journal.start, last: this.#last[partition] }
  }

  /** The window of an offset, filled as far as the journal goes. */
  async #windowAt(offset: Offset): Promise<Window> {
    const number = Math.floor(offset / windowOffsets)
    const window = this.#windows.get(number) ?? {
      from: number * windowOffsets,
      next: number * windowOffsets,
      partitions: Array.from({ length: this.partitions }, () => []),
      bytes: 0,
      filling: undefined,
    }
    this.#windows.delete(number)
    this.#windows.set(number, window)
    while (window.next <= offset) {
      const before = window.next
      window.filling ??= this.#fill(window).finally(() => (window.filling = undefined))
      await window.filling
      if (window.next <= before) break
    }
    this.#forget()
    return window
  }

  async #fill(window: Window): Promise<void> {
    const end = window.from + windowOffsets
    const at = Math.max(window.next, this.#journal.start)
    const { records, next } = await this.#journal.read(at, { ...page, records: end - at })
    for (const record of records) {
      if (!('bytes' in record) || record.offset >= end) continue
      const fact = decodeRecord(record.bytes)
      if (!fact.ok) continue
      const asked = this.#eventOf(record.offset, fact.value)
      this.#keep(window, record.offset, fact.value, asked instanceof Promise ? await asked : asked)
    }
    window.next = Math.max(window.next, Math.min(end, next))
  }

  #keep(window: Window, offset: Offset, fact: Fact, form: EventForm | undefined): void {
    const identity = form === undefined ? undefined : identityOf(fact)
    if (form === undefined || identity === undefined) return
    const partition = partitionOf(identity, this.partitions)
    const event = encodeEvent(offset, fact.time, form)
    window.partitions[partition]?.push(event)
    window.bytes += event.payload.length
    if (this.#windows.get(Math.floor(offset / windowOffsets)) === window) this.#bytes += event.payload.length
    if ((this.#last[partition]?.offset ?? -1) < offset) this.#last[partition] = { offset, time: fact.time }
  }

  #forget(): void {
    for (const [number, { bytes }] of this.#windows) {
      if (this.#windows.size <= maxWindows && this.#bytes <= maxBytes) return
      if (this.#windows.size <= 1) return
      this.#windows.delete(number)
      this.#bytes -= bytes
    }
  }
}

function identityOf(fact: Fact): DeviceId | undefined {
  if (!('device' in fact) || typeof fact.device !== 'string') return undefined
  const device = parseDeviceId(fact.device.split('/')[0] ?? '')
  return device.ok ? device.value : undefined
}
