import { type Journal, type JournalConfig, type JournalRecord, openJournal } from '#journal'
import { FakeClock } from './fake-clock.ts'
import { keyWrap } from './key-wrap.ts'
import type { MemoryDisk } from './memory-disk.ts'
import { SeededRandom } from './seeded-random.ts'

export const directory = '/data/journal'

/** A journal on a disk in memory: small segments, a clock that stands still. */
export async function openOn(
  disk: MemoryDisk,
  options: Partial<JournalConfig> & { readonly clock?: FakeClock; readonly seed?: number; readonly vault?: string } = {},
): Promise<Journal> {
  const { clock = new FakeClock(), seed = 1, vault = 'vault', ...config } = options
  const random = new SeededRandom(seed)
  const ports = { disk, clock, random, ...keyWrap(vault, random) }
  const defaults = { directory, segmentBytes: 64 * 1024, retentionBytes: Infinity, retentionMs: Infinity }
  return openJournal({ ...defaults, ...config }, ports, new AbortController().signal)
}

/** Every record that the journal gives, read in small steps. */
export async function readAll(journal: Journal, from: number = journal.start): Promise<readonly JournalRecord[]> {
  const out: JournalRecord[] = []
  for (let at = from; at < journal.durableEnd;) {
    const { records, next } = await journal.read(at, { records: 7, bytes: 10_000 })
    if (next <= at) throw new Error(`read stands still at ${at}`)
    out.push(...records)
    at = next
  }
  return out
}

/** A record as text: `4 word`, `4 word?` when not authentic, `4 !` when damaged. */
export function show(record: JournalRecord): string {
  return 'damaged' in record ? `${record.offset} !` : `${record.offset} ${record.bytes.toString('latin1')}${record.authentic ? '' : '?'}`
}

/** Appends words, one record each. */
export function say(journal: Journal, ...words: readonly string[]): void {
  for (const word of words) journal.append(Buffer.from(word, 'latin1'))
}

/** Lets everything that waits for the end of a turn happen, `turns` times. */
export async function turns(count = 1): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => void setImmediate(resolve))
}
