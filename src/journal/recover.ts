import { join } from 'node:path'
import { Fault } from '#base'
import { type SegmentKey, blockBytes, openBlock } from './block.ts'
import { Catalog, type Segment, mark } from './catalog.ts'
import type { Disk } from './disk.ts'
import type { JournalRecord, Offset } from './journal.ts'
import { type KeyWrap, openSegmentKey, parseSegmentHeader, parseSegmentName, segmentHeaderBytes } from './segment.ts'
import { type FoundBlock, Window, findBlock } from './walk.ts'

/*
 * Theory of operation.
 * A flush starts only after the one before it is durable. So of all that a dead process has left, only the last flush is in doubt: it may be torn,
 * and even if it reads well it may stand in the page cache alone (or have failed to sync, which the kernel tells only once). It is therefore read, and
 * written again as the first flush of a new segment; offsets stay the same, and the old copy lies beyond the `end` of its segment. Nothing is ever
 * appended to a file of an earlier run, so no nonce is used twice and nobody has to trust a half-written file.
 * A segment that holds nothing but such a first flush, and no more than its predecessor has, proves nothing: the predecessor is asked again.
 */

/** What a journal directory holds. `rewrite`: records of the last flush, to be appended again from `next` on. `superseded`: files to remove once that is durable. */
export type Recovered = {
  readonly catalog: Catalog
  readonly next: Offset
  readonly rewrite: readonly Buffer[]
  readonly superseded: readonly Segment[]
  readonly nextNumber: number
}

/** Reads `directory`. Changes nothing. Throws the Fault `journal/wrong-key` when the vault does not open the last segment. */
export async function recover(directory: string, disk: Disk, wrap: KeyWrap): Promise<Recovered> {
  const catalog = new Catalog(directory)
  const superseded: Segment[] = []
  const found = await readHeaders(catalog, disk, superseded)
  const nextNumber = Math.max(0, ...found.map((segment) => segment.number), ...superseded.map((segment) => segment.number)) + 1
  const all = withoutGhosts(found, superseded)
  let tail: Tail | undefined
  for (let last = all.at(-1); last !== undefined;) {
    tail ??= await readTail(catalog, last, disk, wrap)
    const before = all.at(-2)
    if (before === undefined || tail.lastFlush > 1) break
    const earlier = await readTail(catalog, before, disk, wrap)
    if (earlier.end < tail.end || (earlier.end === tail.end && earlier.hit && !tail.hit && tail.lastFlush === 1)) break
    superseded.push(last)
    all.pop()
    tail = earlier
    last = before
  }
  const next = tail?.next ?? 0
  let end = next
  for (const segment of all.toReversed()) {
    segment.end = end
    if (segment.first < end) catalog.segments.unshift(segment)
    else superseded.push(segment) // all it has is written again
    end = Math.min(end, segment.first)
  }
  catalog.beginAt(next)
  if (tail?.cut !== undefined) catalog.report(tail.cut)
  return { catalog, next, rewrite: tail?.rewrite ?? [], superseded, nextNumber }
}

/** A segment that begins behind a later one was superseded when that one was made; it has come back because its removal did not survive a crash. */
function withoutGhosts(found: readonly Segment[], superseded: Segment[]): Segment[] {
  const all: Segment[] = []
  let limit = Infinity
  for (const segment of found.toReversed()) {
    if (segment.first > limit) superseded.push(segment)
    else all.unshift(segment)
    limit = Math.min(limit, segment.first)
  }
  return all
}

async function readHeaders(catalog: Catalog, disk: Disk, unfinished: Segment[]): Promise<Segment[]> {
  const names = (await disk.list(catalog.directory)).filter((name) => parseSegmentName(name) !== undefined).toSorted()
  const all: Segment[] = []
  for (const name of names) {
    const file = await disk.open(join(catalog.directory, name))
    try {
      const named = parseSegmentName(name)
      const parsed = parseSegmentHeader(await file.read(0, segmentHeaderBytes))
      const number = parsed?.header.number ?? named?.number ?? 0
      const first = parsed?.header.first ?? named?.first ?? 0
      const bytes = await file.size()
      const wrapped = parsed?.header.wrapped
      const segment: Segment = {
        name,
        number,
        first,
        end: first,
        bytes,
        lastTime: parsed?.header.created ?? 0,
        key: undefined,
        wrapped,
        marks: [],
      }
      // A header is durable before the first block is written: without one the file was never begun.
      if (parsed === undefined && bytes <= segmentHeaderBytes && name === names.at(-1)) unfinished.push(segment)
      else all.push(segment)
      if (parsed === undefined && bytes > segmentHeaderBytes) report(catalog, segment, 'both copies of the segment header are damaged')
      if (parsed?.damaged) report(catalog, segment, 'one copy of the segment header is damaged')
    } finally {
      await file.close()
    }
  }
  return all
}

/** The end of a segment. `next`: where to go on writing; `end`: behind its last block; `hit`: its last flush is damaged. */
type Tail = {
  readonly next: Offset
  readonly end: Offset
  readonly lastFlush: number
  readonly hit: boolean
  readonly rewrite: readonly Buffer[]
  readonly cut: { readonly segment: string; readonly first: Offset; readonly last: Offset; readonly reason: string } | undefined
}

async function readTail(catalog: Catalog, segment: Segment, disk: Disk, wrap: KeyWrap): Promise<Tail> {
  const key = unwrap(segment, wrap)
  const file = await disk.open(catalog.path(segment))
  try {
    const window = new Window(file, segment.bytes)
    const group: FoundBlock[] = []
    let position = segmentHeaderBytes
    let end = segment.first
    for (let found = await findBlock(window, position); found !== undefined; found = await findBlock(window, position)) {
      if (found.header.flush !== group[0]?.header.flush) group.length = 0
      group.push(found)
      mark(segment, found.header.first, found.position)
      position = found.position + blockBytes(found.header)
      end = found.header.first + found.header.count
      segment.lastTime = found.header.time
    }
    const cut =
      position < segment.bytes
        ? { segment: segment.name, first: end, last: end - 1, reason: `${segment.bytes - position} bytes of an unfinished write were cut` }
        : undefined
    const first = group[0]?.header
    if (first === undefined) return { next: end, end, lastFlush: 0, hit: false, rewrite: [], cut }
    const rewrite = key === undefined ? undefined : await readGroup(key, window, group)
    if (rewrite !== undefined) return { next: first.first, end, lastFlush: first.flush, hit: false, rewrite, cut }
    await file.sync() // what stays in an old file must be on disk before we vouch for it
    return { next: end, end, lastFlush: first.flush, hit: true, rewrite: [], cut }
  } finally {
    await file.close()
  }
}

function unwrap(segment: Segment, wrap: KeyWrap): SegmentKey | undefined {
  if (segment.wrapped === undefined) return undefined // the offsets are still readable, the records are not
  const key = openSegmentKey(segment.wrapped, wrap)
  if (!key.ok)
    throw new Fault(
      'journal/wrong-key',
      `The journal segment ${segment.name} was written under another key. Put back the key store that belongs to this data directory.`,
      key.error,
    )
  segment.key = key.value
  return key.value
}

/** The records of the last flush, or `undefined` when any of it was hit: then it stays where it is, to be salvaged by readers. */
async function readGroup(key: SegmentKey, window: Window, group: readonly FoundBlock[]): Promise<readonly Buffer[] | undefined> {
  const out: Buffer[] = []
  let expected = group[0]?.header.first
  for (const { position, header } of group) {
    const opened = openBlock(key, header, await window.bytes(position, blockBytes(header)))
    if (header.first !== expected || opened.damage !== undefined) return undefined
    expected = header.first + header.count
    for (const record of opened.records) out.push(bytesOf(record))
  }
  return out
}

function bytesOf(record: JournalRecord): Buffer {
  if ('damaged' in record) throw new Error('bug: a damaged record in an authentic block')
  return record.bytes
}

function report(catalog: Catalog, segment: Segment, reason: string): void {
  catalog.report({ segment: segment.name, first: segment.first, last: segment.first - 1, reason })
}
