import { join } from 'node:path'
import type { Clock, Random } from '#base'
import { blockOverhead, sealBlock } from './block.ts'
import { type Catalog, type Segment, mark } from './catalog.ts'
import type { Disk, DiskFile } from './disk.ts'
import type { Offset } from './journal.ts'
import type { Batch } from './pending.ts'
import { writeChecks } from './salvage.ts'
import { type KeyWrap, encodeSegmentHeader, makeSegmentKey, segmentHeaderBytes, segmentName } from './segment.ts'

/** What the journal asks of the world. */
export type JournalPorts = KeyWrap & { readonly disk: Disk; readonly clock: Clock; readonly random: Random }

type Active = { readonly file: DiskFile; readonly segment: Segment; readonly created: number; blocks: number; flushes: number }

/**
 * Puts batches on disk, one flush at a time. After any failure the segment is never written again and nothing in it beyond the last good flush
 * counts: the caller tries the same batches once more, and they go to a new segment under a new key.
 */
export class Writer {
  readonly #catalog: Catalog
  readonly #ports: JournalPorts
  readonly #segmentBytes: number
  #number: number
  #active: Active | undefined

  constructor(catalog: Catalog, ports: JournalPorts, segmentBytes: number, nextNumber: number) {
    this.#catalog = catalog
    this.#ports = ports
    this.#segmentBytes = segmentBytes
    this.#number = nextNumber
  }

  /** One flush: resolves when all of `batches` is durable. Rejects with the disk's error; then nothing of it counts. */
  async write(batches: readonly Batch[]): Promise<void> {
    let size = 0
    for (const batch of batches) size += batch.used + blockOverhead
    const full = this.#active !== undefined && this.#active.blocks > 0 && this.#active.segment.bytes + size > this.#segmentBytes
    if (full) await this.roll()
    this.#active ??= await this.#create(batches[0]?.first ?? 0)
    const active = this.#active
    try {
      const buffers = this.#seal(active, batches)
      await active.file.write(buffers, active.segment.bytes)
      await active.file.sync()
    } catch (error) {
      await this.#abandon(active)
      throw error
    }
    this.#settle(active, batches)
  }

  /** Ends the active segment; the next flush begins another. */
  async roll(): Promise<void> {
    const active = this.#active
    this.#active = undefined
    await active?.file.close().catch(() => undefined) // all of it is durable: a failing close takes nothing away
  }

  /** When the active segment was begun, milliseconds since the epoch. */
  get activeSince(): number | undefined {
    return this.#active?.created
  }

  #seal(active: Active, batches: readonly Batch[]): readonly Buffer[] {
    active.flushes++
    const time = this.#ports.clock.now()
    const out: Buffer[] = []
    const key = active.segment.key
    if (key === undefined || key === null) throw new Error('bug: the active segment has no key')
    for (const { buffer, first, used, count } of batches) {
      const plain = buffer.subarray(0, used)
      writeChecks(plain, count, key.salt)
      out.push(...sealBlock(key, { first, count, bodyBytes: used, block: active.blocks++, flush: active.flushes, time }, plain))
    }
    return out
  }

  #settle(active: Active, batches: readonly Batch[]): void {
    const { segment } = active
    for (const { first, used, count } of batches) {
      mark(segment, first, segment.bytes)
      segment.bytes += used + blockOverhead
      segment.end = first + count
    }
    segment.lastTime = this.#ports.clock.now()
  }

  async #create(first: Offset): Promise<Active> {
    const { disk, clock, random } = this.#ports
    const number = this.#number++
    const name = segmentName(number, first)
    const path = join(this.#catalog.directory, name)
    const { key, wrapped } = makeSegmentKey(random, this.#ports)
    const created = clock.now()
    const file = await disk.create(path)
    try {
      await file.write([encodeSegmentHeader({ number, first, created, wrapped })], 0)
      await file.sync()
      // A file without a durable name is no file: not one record counts before this.
      await disk.syncDirectory(this.#catalog.directory)
    } catch (error) {
      await discard(file, disk, path)
      throw error
    }
    const segment: Segment = { name, number, first, end: first, bytes: segmentHeaderBytes, lastTime: created, key, wrapped, marks: [] }
    this.#catalog.segments.push(segment)
    return { file, segment, created, blocks: 0, flushes: 0 }
  }

  async #abandon(active: Active): Promise<void> {
    this.#active = undefined
    if (active.segment.end > active.segment.first) return active.file.close().catch(() => undefined)
    this.#catalog.segments.splice(this.#catalog.segments.indexOf(active.segment), 1)
    return discard(active.file, this.#ports.disk, this.#catalog.path(active.segment))
  }
}

/** Removes a file that holds nothing that counts. Should that fail too, it stays behind and recovery knows it for empty. */
async function discard(file: DiskFile, disk: Disk, path: string): Promise<void> {
  await file.close().catch(() => undefined)
  await disk.unlink(path).catch(() => undefined)
}
