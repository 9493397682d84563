import { type Result, refuse } from '#base'
import { type HttpCall, headerOf } from './http-call.ts'

/** Bytes of request bodies that may be held at a time, of all peers together. Guards that what is taken is given back. */
export class BodyBudget {
  readonly #most: number
  #held = 0

  constructor(most: number) {
    this.#most = most
  }

  get held(): number {
    return this.#held
  }

  /** Takes so many bytes. False: there are not as many left. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#most) return false
    this.#held += bytes
    return true
  }

  /** Gives bytes back. */
  give(bytes: number): void {
    this.#held -= bytes
  }
}

/**
 * Reads a body of at most `most` bytes and does `work` with it; until that is done its bytes count against the budget. Refuses
 * `gateway/body-too-large` as soon as that is known, `gateway/busy` when the budget is spent, and `gateway/body-cut` when the peer leaves in the middle.
 */
export async function withBody<T>(
  { headers, body }: Pick<HttpCall, 'headers' | 'body'>,
  most: number,
  budget: BodyBudget,
  work: (bytes: Buffer) => Promise<Result<T>>,
): Promise<Result<T>> {
  const tooLarge = () => refuse('gateway/body-too-large', `A body may have at most ${most} bytes here.`)
  if (Number(headerOf(headers, 'content-length') ?? 0) > most) return tooLarge()
  const parts: Uint8Array[] = []
  let taken = 0
  try {
    try {
      for await (const part of body) {
        if (taken + part.length > most) return tooLarge()
        if (!budget.take(part.length)) return refuse('gateway/busy', 'The hub has too much to do. Try again later.')
        taken += part.length
        parts.push(part)
      }
    } catch (error) {
      return refuse('gateway/body-cut', 'The body did not come whole.', error instanceof Error ? error.message : undefined)
    }
    return await work(Buffer.concat(parts))
  } finally {
    budget.give(taken)
  }
}
