import { constants } from 'node:fs'
import { lstat, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { Random } from '#base'
import type { Observations, Sighting } from '../evidence.ts'
import { type Needle, needlesOf } from './needle.ts'

const chunkBytes = 1024 * 1024

/** Bounds of one search. Files that changed since `since` come first and all others as far as the bounds reach. */
export type SearchBounds = { readonly bytes: number; readonly files: number; readonly since: number }

/**
 * Searches the raw bytes of every file below `directory` for the needles, newest files first, up to the bounds. `complete` says that every
 * file that changed since the canary was written was searched to its end. Follows no links.
 */
export async function searchFiles(
  directory: string,
  needles: readonly Needle[],
  bounds: SearchBounds,
  signal: AbortSignal,
): Promise<Observations['canary']> {
  const files: FoundFile[] = []
  let complete = true
  await walk(directory, files)
  files.sort((a, b) => b.changed - a.changed)
  const found: { file: string; encoding: string }[] = []
  let searched = 0
  let opened = 0
  for (const file of files) {
    const must = file.changed >= bounds.since
    if (signal.aborted || opened >= bounds.files || searched >= bounds.bytes) {
      complete &&= !must
      continue
    }
    opened++
    const result = await searchFile(file.path, needles, bounds.bytes - searched, signal)
    searched += result.bytes
    if (must && !result.whole) complete = false
    for (const encoding of result.encodings) found.push({ file: relative(directory, file.path), encoding })
  }
  const bytes = files.reduce((sum, file) => sum + file.size, 0)
  return { files: files.length, bytes, searchedBytes: searched, complete, found }
}

type FoundFile = { readonly path: string; readonly size: number; readonly changed: number }

// Not readdir's own recursion: that one follows links to directories.
async function walk(directory: string, files: FoundFile[]): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await walk(path, files)
    if (!entry.isFile()) continue
    const info = await lstat(path).catch(() => undefined)
    // A file that was there a moment ago and is not any more was a temporary one.
    if (info !== undefined) files.push({ path, size: info.size, changed: info.mtimeMs })
  }
}

async function searchFile(
  path: string,
  needles: readonly Needle[],
  limit: number,
  signal: AbortSignal,
): Promise<{ bytes: number; whole: boolean; encodings: string[] }> {
  // O_NOFOLLOW: a link that somebody put there must not send us reading elsewhere.
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch(() => undefined)
  if (file === undefined) return { bytes: 0, whole: false, encodings: [] }
  const overlap = Math.max(...needles.map((needle) => needle.bytes.length)) - 1
  const buffer = Buffer.allocUnsafe(chunkBytes + overlap)
  const encodings = new Set<string>()
  let kept = 0
  let bytes = 0
  try {
    for (;;) {
      if (bytes >= limit || signal.aborted) return { bytes, whole: false, encodings: [...encodings] }
      const { bytesRead } = await file.read(buffer, kept, chunkBytes, bytes)
      if (bytesRead === 0) return { bytes, whole: true, encodings: [...encodings] }
      bytes += bytesRead
      const view = buffer.subarray(0, kept + bytesRead)
      for (const needle of needles) if (view.includes(needle.bytes)) encodings.add(needle.encoding)
      // The end of this chunk goes before the next: a needle may lie across the cut.
      kept = Math.min(overlap, view.length)
      buffer.copyWithin(0, view.length - kept, view.length)
    }
  } finally {
    await file.close()
  }
}

/** Plants a random text in a file of its own and searches for it: false when the search does not find what is there. */
export async function searchFinds(random: Random, signal: AbortSignal): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'thingwall-canary-'))
  try {
    const text = random.bytes(16).toString('hex')
    // Across the first cut, so that the overlap is proven too.
    const before = Buffer.alloc(chunkBytes - 8, 0x2e)
    await writeFile(join(directory, 'planted'), Buffer.concat([before, Buffer.from(text), Buffer.alloc(64, 0x2e)]), { mode: 0o600 })
    const { found, complete } = await searchFiles(directory, needlesOf(text), { bytes: 4 * chunkBytes, files: 4, since: 0 }, signal)
    return complete && found.length === 1 && found[0]?.encoding === 'utf-8'
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Writes a canary through the hub and searches the data directory for it. */
export async function collectCanary(
  port: { readonly dataDirectory: string; write(): Promise<string> },
  now: number,
  random: Random,
  signal: AbortSignal,
): Promise<Sighting> {
  const subject = { kind: 'hub', id: 'hub' } as const
  if (!(await searchFinds(random, signal))) return { method: 'canary', subject, problem: 'probe-broken: a planted text was not found' }
  const canary = await port.write()
  if (canary.length < 16) return { method: 'canary', subject, problem: 'probe-broken: the canary is too short to be told from chance' }
  // Two seconds of grace: file systems keep coarser times than clocks do.
  const observed = await searchFiles(
    port.dataDirectory,
    needlesOf(canary),
    { bytes: 768 * chunkBytes, files: 20_000, since: now - 2_000 },
    signal,
  )
  if (observed.files === 0) return { method: 'canary', subject, problem: 'probe-broken: the data directory holds no file' }
  return { method: 'canary', subject, observed }
}
