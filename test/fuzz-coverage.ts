import { type Profiler, Session } from 'node:inspector'

/**
 * V8's own counters of which source ran, of files whose address has `part` in it. V8 reports nested ranges and leaves out those that ran
 * as often as what is around them, so the ranges of two runs cannot be compared; painted onto the source's characters, they can.
 */
export class Coverage implements Disposable {
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

  /** Counting costs time and memory, and a second search would pay for the first. */
  [Symbol.dispose](): void {
    this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
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
