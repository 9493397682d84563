import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'
import { parseArgs } from 'node:util'
import { pathToFileURL } from 'node:url'
import { SeededRandom } from './seeded-random.ts'
import { root } from './sources.ts'

/*
 * Fuzzing, two ways. The suite replays a corpus and a few thousand seeded mutations of it: the same bytes every time, in a second.
 * `node test/fuzz.ts wire/mqtt --seconds 60` searches: V8 reports which blocks of our sources an input reached, and an input that
 * reached something new is kept in the folder's corpus, from which further inputs are bred.
 */

/** What is fuzzed: may return whatever it likes, and fails by throwing (or by never returning). */
export type Target = (bytes: Buffer) => void

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
export function replay(target: Target, corpus: readonly Buffer[], count: number, seed: number): void {
  for (const input of corpus) attempt(target, input, seed)
  const random = new SeededRandom(seed)
  const pick = () => corpus[random.integer(corpus.length)] ?? Buffer.alloc(0)
  for (let n = 0; n < count; n++) attempt(target, mutate(pick(), pick(), random), seed)
}

function attempt(target: Target, input: Buffer, seed: number): void {
  try {
    target(input)
  } catch (error) {
    throw new FuzzFailure(input, seed, error)
  }
}

/**
 * V8's own counters of which source ran, of files whose address has `part` in it. V8 reports nested ranges and leaves out those that ran
 * as often as what is around them, so the ranges of two runs cannot be compared; painted onto the source's characters, they can.
 */
class Coverage {
  readonly #session = new Session()
  readonly #part: string
  /** For every script and character: bit 1 reached once, bit 2 twice or more, bit 3 four times or more, and so on. */
  readonly #seen = new Map<string, Uint8Array>()

  constructor(part: string) {
    this.#part = part
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** How many characters of source have been reached. */
  get reached(): number {
    let sum = 0
    for (const seen of this.#seen.values()) for (const bits of seen) if (bits > 0) sum += 1
    return sum
  }

  /** Whether anything since the last call reached source that none reached before. Remembers nothing. */
  glimpsedNew(): boolean {
    return this.#compare((seen, ran) => ran.some((bits, at) => bits > 0 && seen[at] === 0))
  }

  /** Whether anything since the last call reached source for the first time, or more often by a power of two. Remembers it. */
  foundNew(): boolean {
    return this.#compare((seen, ran) => {
      let news = false
      for (let at = 0; at < ran.length; at++) {
        const bits = ran[at] ?? 0
        const before = seen[at] ?? 0
        if ((bits & ~before) === 0) continue
        news = true
        seen[at] = before | bits
      }
      return news
    })
  }

  #compare(isNew: (seen: Uint8Array, ran: Uint8Array) => boolean): boolean {
    let news = false
    this.#session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error !== null) throw error
      for (const { scriptId, url, functions } of coverage.result) {
        if (!url.includes(this.#part)) continue
        const ran = paint(functions)
        let seen = this.#seen.get(scriptId)
        if (seen === undefined || seen.length < ran.length) {
          const longer = new Uint8Array(ran.length)
          longer.set(seen ?? [])
          this.#seen.set(scriptId, longer)
          seen = longer
        }
        if (isNew(seen, ran)) news = true
      }
    })
    return news
  }
}

/** How often each character ran, as a bit. Outer ranges come before the inner ones that correct them. */
function paint(functions: readonly Profiler.FunctionCoverage[]): Uint8Array {
  const end = Math.max(0, ...functions.map(({ ranges }) => ranges[0]?.endOffset ?? 0))
  const ran = new Uint8Array(end)
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) {
      ran.fill(count === 0 ? 0 : 1 << Math.min(7, 31 - Math.clz32(count)), startOffset, endOffset)
    }
  }
  return ran
}

const batchSize = 64

/** What a search came to. */
export type Search = { readonly runs: number; readonly reached: number; readonly kept: number }

/**
 * Breeds inputs from `corpus` for `seconds`, keeping those that reach new code in files whose address has `part` in it.
 * `keep` is called with each input that is kept. Throws {@link FuzzFailure}.
 */
export function search(
  target: Target,
  corpus: readonly Buffer[],
  part: string,
  seconds: number,
  seed: number,
  keep: (input: Buffer) => void,
): Search {
  const coverage = new Coverage(part)
  const random = new SeededRandom(seed)
  const pool = [...corpus]
  for (const input of pool) attempt(target, input, seed)
  coverage.foundNew()
  const pick = () => pool[random.integer(pool.length)] ?? Buffer.alloc(0)
  const end = performance.now() + seconds * 1000
  let runs = 0
  let kept = 0
  const consider = (input: Buffer) => {
    attempt(target, input, seed)
    if (!coverage.foundNew()) return
    pool.push(input)
    keep(input)
    kept += 1
  }
  while (performance.now() < end) {
    const batch = Array.from({ length: batchSize }, () => {
      // Newer inputs are picked more often: they are where the frontier is.
      const parent = random.integer(3) === 0 ? (pool[pool.length - 1 - random.integer(Math.min(pool.length, 8) || 1)] ?? pick()) : pick()
      return mutate(parent, pick(), random)
    })
    // Asking V8 what was reached costs as much as some fifty runs, so it is asked once for many, and for each only when there is news.
    for (const input of batch) attempt(target, input, seed)
    runs += batch.length
    if (coverage.glimpsedNew() || random.integer(16) === 0) for (const input of batch) consider(input)
  }
  return { runs, reached: coverage.reached, kept }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' }, save: { type: 'boolean', default: false } },
  })
  const room = positionals[0]
  if (room === undefined) {
    console.error(
      'Usage: node test/fuzz.ts ROOM [--seconds 60] [--seed N] [--save]\n  ROOM is a folder of src with a *.fuzz.ts, such as wire/mqtt.',
    )
    console.error('  --save keeps the inputs that reached new code in the corpus.')
    process.exit(2)
  }
  const seed = Number(values.seed ?? Date.now() % 0x7fffffff)
  const folder = `${root}src/${room}`
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.fuzz.ts'))) {
    const loaded: unknown = await import(pathToFileURL(`${folder}/${file}`).href)
    if (!hasTarget(loaded)) throw new Error(`${file} exports no function target`)
    const corpusFolder = `${folder}/corpus`
    console.log(`${room}/${file}: ${values.seconds} s, seed ${seed}`)
    let saved = 0
    const keep = (input: Buffer) => {
      if (!values.save) return
      mkdirSync(corpusFolder, { recursive: true })
      writeFileSync(`${corpusFolder}/found-${seed}-${String(saved++).padStart(4, '0')}`, input)
    }
    const { runs, reached, kept } = search(loaded.target, readCorpus(corpusFolder), `/src/${room}/`, Number(values.seconds), seed, keep)
    console.log(`${runs} runs, ${reached} characters of source reached, ${kept} inputs reached something new`)
  }
}

function hasTarget(loaded: unknown): loaded is { readonly target: Target } {
  return typeof loaded === 'object' && loaded !== null && 'target' in loaded && typeof loaded.target === 'function'
}

if (import.meta.main) await main()
