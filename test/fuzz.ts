import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { pathToFileURL } from 'node:url'
import { SeededRandom } from './seeded-random.ts'
import { files, root } from './sources.ts'

/*
 * Fuzzing, two ways. The suite replays a corpus and a few thousand seeded mutations of it: the same bytes every time, in a second.
 * `node test/fuzz.ts wire/mqtt --seconds 60` searches: V8 reports which blocks of our sources an input reached, and an input that
 * reached something new is kept in the folder's corpus, from which further inputs are bred. A search that stands still on one input is
 * ended by a watchdog, which prints the input; one whose memory grows fails.
 */

/** What is fuzzed: fails by throwing, by rejecting, or by never coming back. */
export type Target = (bytes: Buffer) => void | Promise<void>

/** A failure with what is needed to see it again. */
export class FuzzFailure extends Error {
  constructor(input: Buffer, seed: number, cause: unknown) {
    super(`fuzzing failed (seed ${seed}) on ${input.toString('hex')}`, { cause })
    this.name = 'FuzzFailure'
  }
}

/** The files of a corpus folder, in order. An empty list when there is no such folder. */
export function readCorpus(folder: string): readonly Buffer[] {
  try {
    return readdirSync(folder)
      .toSorted()
      .map((name) => readFileSync(`${folder}/${name}`))
  } catch {
    return []
  }
}

// Values at the edges of lengths, flags and characters.
const interesting = [0x00, 0x01, 0x02, 0x0f, 0x10, 0x20, 0x23, 0x24, 0x2b, 0x2f, 0x30, 0x7f, 0x80, 0x81, 0xc0, 0xed, 0xf0, 0xff]

/** One input made of another: one to four small damages, sometimes with a piece of a second input. At most `maxBytes` long. */
export function mutate(input: Buffer, other: Buffer, random: SeededRandom, maxBytes = 4096): Buffer {
  let bytes = Buffer.from(input)
  for (let count = 1 + random.integer(4); count > 0; count--) {
    const at = random.integer(bytes.length + 1)
    const length = 1 + random.integer(8)
    switch (random.integer(8)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(8))
        break
      case 1:
        if (at < bytes.length) bytes[at] = interesting[random.integer(interesting.length)] ?? 0
        break
      case 2:
        if (at < bytes.length) bytes[at] = ((bytes[at] ?? 0) + random.integer(9) - 4) & 0xff
        break
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), random.bytes(length), bytes.subarray(at)])
        break
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
        break
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)])
        break
      case 6:
        bytes = bytes.subarray(0, at)
        break
      default: {
        const from = random.integer(other.length + 1)
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + random.integer(32)), bytes.subarray(at)])
      }
    }
  }
  return Buffer.from(bytes.subarray(0, maxBytes))
}

/** Runs the target on every corpus file and on `count` mutations of them. Throws {@link FuzzFailure}. For the suite. */
export function replay(target: (bytes: Buffer) => void, corpus: readonly Buffer[], count: number, seed: number): void {
  for (const input of inputs(corpus, count, seed)) {
    try {
      target(input)
    } catch (error) {
      throw new FuzzFailure(input, seed, error)
    }
  }
}

/** The same for a target that takes its time. Rejects with {@link FuzzFailure}. */
export async function replayAsync(target: Target, corpus: readonly Buffer[], count: number, seed: number): Promise<void> {
  for (const input of inputs(corpus, count, seed)) await attempt(target, input, seed)
}

function* inputs(corpus: readonly Buffer[], count: number, seed: number): Iterable<Buffer> {
  yield* corpus
  const random = new SeededRandom(seed)
  const pick = () => corpus[random.integer(corpus.length)] ?? Buffer.alloc(0)
  for (let n = 0; n < count; n++) yield mutate(pick(), pick(), random)
}

/** One run. Rejects with {@link FuzzFailure}. */
export async function attempt(target: Target, input: Buffer, seed: number): Promise<void> {
  try {
    const running = target(input)
    // Most targets are done by now, and a search makes tens of thousands of runs a second.
    if (running !== undefined) await running
  } catch (error) {
    throw new FuzzFailure(input, seed, error)
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' }, save: { type: 'boolean', default: false } },
  })
  const room = positionals[0]
  const found = files('src', /\.fuzz\.ts$/).filter(({ path }) => room === 'all' || dirname(path) === `src/${room}`)
  if (room === undefined || found.length === 0) {
    console.error(
      'Usage: node test/fuzz.ts ROOM [--seconds 60] [--seed N] [--save]\n  ROOM is a folder of src with a *.fuzz.ts, such as wire/mqtt, or all.',
    )
    console.error('  --seconds is for each target; --save keeps the inputs that reached new code in the corpus.')
    process.exit(2)
  }
  const seed = Number(values.seed ?? Date.now() % 0x7fffffff)
  for (const { path } of found) await searchFile(path, Number(values.seconds), seed, values.save)
}

/** A target's corpus: `corpus/` beside it, or `corpus-x/` beside `x.fuzz.ts` where the folder has several targets. */
export function corpusOf(path: string): string {
  const folder = `${root}${dirname(path)}`
  const several = readdirSync(folder).filter((name) => name.endsWith('.fuzz.ts')).length > 1
  return `${folder}/corpus${several ? `-${basename(path, '.fuzz.ts')}` : ''}`
}

async function searchFile(path: string, seconds: number, seed: number, save: boolean): Promise<void> {
  const { search } = await import('./fuzz-search.ts')
  const loaded: unknown = await import(pathToFileURL(`${root}${path}`).href)
  if (!hasTarget(loaded)) throw new Error(`${path} exports no function target`)
  const corpusFolder = corpusOf(path)
  console.log(`${path}: ${seconds} s, seed ${seed}`)
  let saved = 0
  const keep = (input: Buffer) => {
    if (!save) return
    mkdirSync(corpusFolder, { recursive: true })
    writeFileSync(`${corpusFolder}/found-${seed}-${String(saved++).padStart(4, '0')}`, input)
  }
  const made: unknown = 'seeds' in loaded && typeof loaded.seeds === 'function' ? await loaded.seeds() : []
  const given = Array.isArray(made) ? made.filter((one): one is Buffer => Buffer.isBuffer(one)) : []
  const corpus = [...readCorpus(corpusFolder), ...given]
  const { runs, reached, kept, earlyMiB, lateMiB } = await search(loaded.target, corpus, `/${dirname(path)}/`, { seconds }, seed, keep)
  if ('close' in loaded && typeof loaded.close === 'function') await loaded.close()
  console.log(`  ${runs} runs, ${reached} characters of source reached, ${kept} inputs reached something new`)
  console.log(`  memory ${earlyMiB.toFixed(1)} MiB after a quarter of the time, ${lateMiB.toFixed(1)} MiB at the end`)
}

function hasTarget(loaded: unknown): loaded is { readonly target: Target } {
  return typeof loaded === 'object' && loaded !== null && 'target' in loaded && typeof loaded.target === 'function'
}

// Not awaited: what it imports imports this file, which must be through by then.
// What a target left open must not keep a search that is over.
if (import.meta.main) void main().then(() => process.exit())
