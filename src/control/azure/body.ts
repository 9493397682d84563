import type { IncomingMessage } from 'node:http'
import { type Result, ok, refuse } from '#base'

/** Bytes that may be held at a time. Guards that what is taken is given back. */
export class BodyBudget {
  readonly #most: number
  #held = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Takes bytes; false: there are not as many left. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#most) return false
    this.#held += bytes
    return true
  }

  give(bytes: number): void {
    this.#held -= bytes
  }

  get held(): number {
    return this.#held
  }
}

/** A body, or why there is none. Disposing of it gives its bytes back to the budget. */
export type ReadBody = Disposable & { readonly outcome: Result<Buffer> }

/**
 * Reads a body of at most `most` bytes. Refuses `control/body-too-large` as soon as that is known, `control/azure-busy` when the budget is spent,
 * and `control/azure-too-slow` when the peer leaves in the middle. How long a peer may take is for the listener to say.
 */
export async function readBody(request: IncomingMessage, most: number, budget: BodyBudget): Promise<ReadBody> {
  const parts: Buffer[] = []
  let taken = 0
  const outcome = (value: Result<Buffer>): ReadBody => ({
    outcome: value,
    [Symbol.dispose]() {
      budget.give(taken)
      taken = 0
    },
  })
  if (Number(request.headers['content-length'] ?? 0) > most) return outcome(tooLarge(most))
  try {
    for await (const part of request) {
      const bytes: unknown = part
      if (!Buffer.isBuffer(bytes)) throw new Error('bug: a body in text')
      if (taken + bytes.length > most) return outcome(tooLarge(most))
      if (!budget.take(bytes.length)) return outcome(refuse('control/azure-busy', 'The hub has too much to do. Try again later.'))
      taken += bytes.length
      parts.push(bytes)
    }
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('bug:')) throw error
    return outcome(refuse('control/azure-too-slow', 'The body did not come whole.'))
  }
  return outcome(ok(Buffer.concat(parts)))
}

function tooLarge(most: number): Result<never> {
  return refuse('control/body-too-large', `A body may have at most ${most} bytes here.`)
}
