import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { FuzzFailure, type Target, attempt, mutate } from './fuzz.ts'
import { Coverage } from './fuzz-coverage.ts'
import { SeededRandom } from './seeded-random.ts'

const batchSize = 64
/** One input may take this long: far beyond any honest one, also while the machine is busy. */
const patienceMs = 20_000
/** What a search may hold at its end beyond what it held after a quarter of its time, the kept inputs not counted. */
const growthBytes = 6 * 1024 * 1024
const sharedBytes = 64 * 1024

/** What a search came to. */
export type Search = {
  readonly runs: number
  readonly reached: number
  readonly kept: number
  /** Memory after a collection, a quarter into the search and at its end. */
  readonly earlyMiB: number
  readonly lateMiB: number
}

/** How long to search. By runs it is the same on a busy machine. */
export type Length = { readonly seconds: number } | { readonly runs: number }

/**
 * Breeds inputs from `corpus` for so `long`, keeping those that reach new code in files whose address has `part` in it.
 * `keep` is called with each input that is kept. Rejects with {@link FuzzFailure}, and with an error when memory grew; an input that does
 * not come to an end is printed, and ends the process.
 */
export async function search(
  target: Target,
  corpus: readonly Buffer[],
  part: string,
  long: Length,
  seed: number,
  keep: (input: Buffer) => void,
): Promise<Search> {
  using watchdog = new Watchdog(seed)
  using coverage = new Coverage(part)
  const random = new SeededRandom(seed)
  const pool = corpus.length > 0 ? corpus.map(own) : [Buffer.alloc(0)]
  const run = async (input: Buffer): Promise<void> => {
    watchdog.watch(input)
    await attempt(target, input, seed)
  }
  for (const input of pool) await run(input)
  coverage.foundNew()
  const pick = () => pool[random.integer(pool.length)] ?? Buffer.alloc(0)
  const began = performance.now()
  let runs = 0
  const done = (): number => ('runs' in long ? runs / long.runs : (performance.now() - began) / (long.seconds * 1000))
  let kept = 0
  let early: number | undefined
  const consider = async (input: Buffer): Promise<void> => {
    await run(input)
    if (!coverage.foundNew()) return
    pool.push(own(input))
    keep(input)
    kept += 1
  }
  while (done() < 1) {
    const batch = Array.from({ length: batchSize }, () => {
      // Newer inputs are picked more often: they are where the frontier is.
      const parent = random.integer(3) === 0 ? (pool[pool.length - 1 - random.integer(Math.min(pool.length, 8) || 1)] ?? pick()) : pick()
      return mutate(parent, pick(), random)
    })
    // Asking V8 what was reached costs as much as some fifty runs, so it is asked once for many, and for each only when there is news.
    for (const input of batch) await run(input)
    runs += batch.length
    if (coverage.glimpsedNew() || random.integer(16) === 0) for (const input of batch) await consider(input)
    // Targets that wait for promises alone never let the loop turn, and what waits for a turn would heap up.
    await setImmediate()
    if (early === undefined && done() > 0.25) early = await heldBytes(pool)
  }
  const late = await heldBytes(pool)
  if (early !== undefined && late - early > growthBytes)
    throw new Error(`memory grew by ${Math.round((late - early) / 1024)} KiB in ${runs} runs (seed ${seed})`)
  const mib = (bytes: number): number => bytes / 1024 / 1024
  return { runs, reached: coverage.reached, kept, earlyMiB: mib(early ?? late), lateMiB: mib(late) }
}

/** A copy with memory of its own: a small buffer shares a slab of 64 KiB, and would hold all of it. */
function own(input: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(input.length)
  input.copy(copy)
  return copy
}

const quietBytes = 32 * 1024
const maxRounds = 10
let collect: (() => void) | undefined

/**
 * Bytes held when nothing more can be collected, without the pool. One collection does not show it: buffers are freed beside it, and tens
 * of megabytes of them may still count when it returns.
 */
async function heldBytes(pool: readonly Buffer[]): Promise<number> {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc')
  }
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < maxRounds; round++) {
    await setImmediate()
    collect?.()
    const { heapUsed, external, arrayBuffers } = process.memoryUsage()
    const held = heapUsed + Math.max(external, arrayBuffers)
    const isQuiet = held > least - quietBytes
    least = Math.min(least, held)
    if (isQuiet && round > 1) break
  }
  return least - pool.reduce((sum, input) => sum + input.length, 0)
}

/** Another thread that sees when one input takes for ever, prints it and ends the process: this thread could not. */
class Watchdog implements Disposable {
  readonly #shared = new SharedArrayBuffer(8 + sharedBytes)
  readonly #header = new Int32Array(this.#shared, 0, 2)
  readonly #bytes = Buffer.from(this.#shared, 8)
  readonly #worker: Worker

  readonly #seed: number

  constructor(seed: number) {
    this.#seed = seed
    // Thrown where nobody waits, such as in a microtask or a socket's event: it belongs to the input that runs.
    process.on('uncaughtException', this.#uncaught)
    this.#worker = new Worker(new URL('fuzz-watchdog.ts', import.meta.url), { workerData: { shared: this.#shared, seed, patienceMs } })
    this.#worker.unref()
  }

  watch(input: Buffer): void {
    input.copy(this.#bytes, 0, 0, sharedBytes)
    this.#header[1] = input.length
    Atomics.add(this.#header, 0, 1)
  }

  readonly #uncaught = (error: unknown): void => {
    const input = Buffer.from(this.#bytes.subarray(0, Math.min(this.#header[1] ?? 0, sharedBytes)))
    console.error(new FuzzFailure(input, this.#seed, error))
    process.exit(1)
  };

  [Symbol.dispose](): void {
    process.off('uncaughtException', this.#uncaught)
    void this.#worker.terminate()
  }
}
