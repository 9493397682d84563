import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Clock, type Random, type Result, ok, plus, refuse } from '#base'
import { parseJson } from '#wire/json'

/** Where a query goes on: behind a row, by its keys; or with a group, by its place. `left`: what TOP still allows. */
export type Place = { readonly after: readonly string[]; readonly left?: number | undefined }

/** How long a continuation is good for (azure-wire 5.4). */
export const continuationLifeMs = 10 * 60_000

/** Longest continuation, in characters (azure-wire 5.4). */
export const maxContinuationLength = 1_024

/** Continuations of this process: signed, and good for one question of one caller for ten minutes. */
export class Continuations {
  readonly #key: Buffer
  readonly #clock: Clock

  constructor(ports: { readonly clock: Clock; readonly random: Random }) {
    this.#key = ports.random.bytes(32)
    this.#clock = ports.clock
  }

  /** Text of at most 1 KB. `question` is what must be the same next time: the text of the query, and who asks. */
  seal(place: Place, question: readonly string[]): string {
    const { after, left } = place
    const expires = plus(this.#clock.now(), continuationLifeMs)
    const body = Buffer.from(JSON.stringify([expires, left ?? null, ...after])).toString('base64url')
    return `${body}.${this.#mac(body, question).toString('base64url')}`
  }

  /** Refuses `hub/continuation-refused` for what we did not make, made for another question, or made too long ago. */
  open(text: string, question: readonly string[]): Result<Place> {
    const refused = refuse('hub/continuation-refused', 'This continuation is not one of this query, or is too old. Begin the query anew.')
    if (text.length > maxContinuationLength) return refused
    const [body = '', mac = '', ...rest] = text.split('.')
    const given = Buffer.from(mac, 'base64url')
    const wanted = this.#mac(body, question)
    if (rest.length > 0 || given.length !== wanted.length || !timingSafeEqual(given, wanted)) return refused
    const parsed = parseJson(Buffer.from(body, 'base64url').toString('utf8'))
    if (!parsed.ok || !Array.isArray(parsed.value)) return refused
    const [expires, left, ...after]: unknown[] = parsed.value
    if (typeof expires !== 'number' || this.#clock.now() > expires) return refused
    return ok({ after: after.map(String), left: typeof left === 'number' ? left : undefined })
  }

  #mac(body: string, question: readonly string[]): Buffer {
    const mac = createHmac('sha256', this.#key)
    // Lengths first, so that no two questions are the same bytes.
    for (const part of [body, ...question]) mac.update(`${Buffer.byteLength(part)}:${part}`)
    return mac.digest().subarray(0, 16)
  }
}
