import { blockBytes, openBlock } from './block.ts'
import type { Catalog, Segment } from './catalog.ts'
import { mark } from './catalog.ts'
import type { Disk, DiskFile } from './disk.ts'
import { FileCache } from './file-cache.ts'
import type { JournalRecord, Offset } from './journal.ts'
import type { Batch } from './pending.ts'
import { frameBytes } from './salvage.ts'
import { type KeyWrap, openSegmentKey, segmentHeaderBytes } from './segment.ts'
import { Window, findBlock } from './walk.ts'

/** A run of records (or of offsets that were lost), in order. `next` is the offset behind it. */
type Run = { readonly first: Offset; readonly next: Offset; readonly records: readonly JournalRecord[] }

const maxRuns = 8
const maxHints = 64
const maxWindows = 4
const maxTailBytes = 4 * 1024 * 1024
/** Lost offsets reported in one run: a gap may be millions wide. */
const maxLost = 1_000

/**
 * Gives records back. Followers at the end are served from memory, the rest from the files; damage is reported to the catalog when it is met.
 */
export class Reader {
  readonly #catalog: Catalog
  readonly #wrap: KeyWrap
  readonly #files: FileCache
  readonly #runs = new Map<string, Run>()
  /** Where the block behind the last one read stands, by segment and offset: so that a consumer going forward never walks twice. */
  readonly #hints = new Map<string, number>()
  /** Chunks of files, by segment: consumers going forward read each byte once. */
  readonly #windows = new Map<number, Window>()
  #tail: Run[] = []
  #tailBytes = 0
  #followed = false

  constructor(catalog: Catalog, disk: Disk, wrap: KeyWrap) {
    this.#catalog = catalog
    this.#wrap = wrap
    this.#files = new FileCache(disk)
  }

  /** Takes a copy of what has just become durable, while anyone follows the end. */
  offer(batches: readonly Batch[]): void {
    if (!this.#followed) {
      this.#tail = []
      this.#tailBytes = 0
      return
    }
    this.#followed = false // asked again by each read
    for (const batch of batches) {
      this.#tail.push(runOf(batch))
      this.#tailBytes += batch.used
    }
    while (this.#tailBytes > maxTailBytes && this.#tail.length > 1) {
      const oldest = this.#tail.shift()
      for (const record of oldest?.records ?? []) if ('bytes' in record) this.#tailBytes -= record.bytes.length + frameBytes
    }
  }

  /** See {@link Journal.read}; `end` is where durable records end. */
  async read(
    from: Offset,
    limit: { readonly records: number; readonly bytes: number },
    end: Offset,
  ): Promise<{ readonly records: readonly JournalRecord[]; readonly next: Offset }> {
    const out: JournalRecord[] = []
    let bytes = 0
    let at = Math.max(from, this.#catalog.start)
    while (at < end && out.length < Math.max(1, limit.records) && (out.length === 0 || bytes < limit.bytes)) {
      const run = this.#fromTail(at) ?? (await this.#fromFile(at, end))
      if (run === undefined) {
        at = Math.max(at, this.#catalog.start) // retention overtook us
        continue
      }
      for (let i = at - run.first; i < run.records.length; i++) {
        const record = run.records[i]
        if (record === undefined || record.offset >= end || out.length >= Math.max(1, limit.records)) break
        const size = 'bytes' in record ? record.bytes.length : 0
        if (out.length > 0 && bytes + size > limit.bytes) return { records: out, next: at }
        out.push(record)
        bytes += size
        at = record.offset + 1
      }
    }
    if (at >= end) this.#followed = true
    return { records: out, next: at }
  }

  /** Lets go of a segment that was dropped. */
  forget(segment: Segment): Promise<void> {
    return this.#files.forget(this.#catalog.path(segment))
  }

  close(): Promise<void> {
    return this.#files.close()
  }

  #fromTail(at: Offset): Run | undefined {
    if (at < (this.#tail[0]?.first ?? Infinity)) return undefined
    return this.#tail.findLast((run) => run.first <= at && at < run.next)
  }

  async #fromFile(at: Offset, end: Offset): Promise<Run | undefined> {
    const segment = this.#catalog.find(at)
    if (segment === undefined || at >= segment.end) return undefined
    for (const run of this.#runs.values()) if (run.first <= at && at < run.next) return run
    const path = this.#catalog.path(segment)
    try {
      return await this.#files.use(path, async (file) => {
        const window = this.#windowOf(segment, file)
        let position = this.#startOf(segment, at)
        for (;;) {
          const found = await findBlock(window, position)
          if (found === undefined || found.header.first > at)
            return this.#lost(segment, at, Math.min(found?.header.first ?? end, segment.end))
          position = found.position + blockBytes(found.header)
          const { first, count } = found.header
          mark(segment, first, found.position)
          if (first + count <= at) continue
          this.#remember(this.#hints, maxHints, `${segment.number}/${first + count}`, position)
          const key = this.#keyOf(segment)
          if (key === undefined) return this.#lost(segment, at, Math.min(first + count, segment.end), 'the key of its segment is lost')
          const opened = openBlock(key, found.header, await window.bytes(found.position, blockBytes(found.header)))
          this.#reportDamage(segment, first, opened)
          // What lies beyond the segment's end was written again in the next one.
          const next = Math.min(first + count, segment.end)
          const run = { first, next, records: opened.records.slice(0, next - first) }
          this.#remember(this.#runs, maxRuns, `${segment.number}/${first}`, run)
          return run
        }
      })
    } catch (error) {
      if (!this.#catalog.segments.includes(segment)) return undefined
      throw error
    }
  }

  #windowOf(segment: Segment, file: DiskFile): Window {
    const window = this.#windows.get(segment.number) ?? new Window(file, segment.bytes)
    window.file = file
    window.limit = segment.bytes
    this.#remember(this.#windows, maxWindows, segment.number, window)
    return window
  }

  #startOf(segment: Segment, at: Offset): number {
    const hint = this.#hints.get(`${segment.number}/${at}`)
    return hint ?? segment.marks.findLast((known) => known.first <= at)?.position ?? segmentHeaderBytes
  }

  #keyOf(segment: Segment) {
    if (segment.key === undefined) {
      const key = segment.wrapped === undefined ? undefined : openSegmentKey(segment.wrapped, this.#wrap)
      segment.key = key?.ok ? key.value : null
    }
    return segment.key ?? undefined
  }

  #lost(segment: Segment, first: Offset, next: Offset, reason = 'no block on disk has it'): Run {
    this.#catalog.report({ segment: segment.name, first, last: next - 1, reason })
    const records: JournalRecord[] = []
    for (let offset = first; offset < next && records.length < maxLost; offset++) records.push({ offset, damaged: reason })
    return { first, next: first + records.length, records }
  }

  #reportDamage(segment: Segment, first: Offset, opened: ReturnType<typeof openBlock>): void {
    if (opened.damage === undefined) return
    const hit = opened.records.filter((record) => 'damaged' in record).map((record) => record.offset)
    this.#catalog.report({ segment: segment.name, first: hit[0] ?? first, last: hit.at(-1) ?? first - 1, reason: opened.damage })
  }

  #remember<K, T>(cache: Map<K, T>, max: number, name: K, value: T): void {
    cache.delete(name)
    cache.set(name, value)
    if (cache.size > max) for (const oldest of cache.keys()) if (cache.delete(oldest)) break
  }
}

function runOf(batch: Batch): Run {
  const plain = Buffer.from(batch.buffer.subarray(0, batch.used))
  const records: JournalRecord[] = []
  for (let at = 0; at < plain.length;) {
    const end = at + frameBytes + plain.readUInt32LE(at)
    records.push({ offset: batch.first + records.length, bytes: plain.subarray(at + frameBytes, end), authentic: true })
    at = end
  }
  return { first: batch.first, next: batch.first + batch.count, records }
}
