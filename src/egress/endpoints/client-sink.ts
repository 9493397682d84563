import type { Clock } from '#base'
import type { Delivered, EndpointSink } from '../endpoint.ts'
import type { RoutedEvent } from '../event.ts'

/** How one kind of endpoint uses the client that it was given. */
export type ClientWays<Client> = {
  /** Connects. Throws when it cannot, having left nothing open. */
  connect(signal: AbortSignal): Promise<Client>
  /** Whether the client can still be used; otherwise another one is made before the next batch. */
  isUsable(client: Client): boolean
  /** Delivers a batch. Throwing is `retry`, with a new client. */
  deliver(client: Client, batch: readonly RoutedEvent[], signal: AbortSignal): Promise<Delivered>
  /** Closes in good order. What it throws is of no interest. */
  close(client: Client): Promise<unknown>
  /** Ends a client whose peer does not let it close. */
  destroy(client: Client): void
}

const maxReasonLength = 300
const closingMs = 3_000

/**
 * An endpoint behind a client that connects when there is something to deliver, is thrown away after any failure, and closed with the sink. Failures are `retry`:
 * only what a kind knows to be the event's own fault is poison.
 */
export class ClientSink<Client> implements EndpointSink {
  readonly #ways: ClientWays<Client>
  readonly #clock: Clock
  #client: Client | undefined
  #closing: Promise<void> = Promise.resolve()

  constructor(ways: ClientWays<Client>, clock: Clock) {
    this.#ways = ways
    this.#clock = clock
  }

  async deliver(batch: readonly RoutedEvent[], signal: AbortSignal): Promise<Delivered> {
    try {
      if (this.#client !== undefined && !this.#ways.isUsable(this.#client)) await this.#drop()
      this.#client ??= await this.#connect(signal)
      return await unlessAborted(this.#ways.deliver(this.#client, batch, signal), signal)
    } catch (error) {
      await this.#drop()
      return { kind: 'retry', reason: reasonOf(error) }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drop()
    await this.#closing
  }

  async #connect(signal: AbortSignal): Promise<Client> {
    const connecting = this.#ways.connect(signal)
    try {
      return await unlessAborted(connecting, signal)
    } catch (error) {
      // One that connects after all, when nobody waits for it any more, is closed.
      this.#closing = connecting.then(
        (late) => this.#close(late),
        () => undefined,
      )
      throw error
    }
  }

  async #drop(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    if (client !== undefined) await this.#close(client)
  }

  async #close(client: Client): Promise<void> {
    const late = Promise.withResolvers<void>()
    const cancel = this.#clock.after(closingMs, () => late.resolve())
    try {
      await Promise.race([this.#ways.close(client), late.promise])
    } catch {
      // It was no use any more.
    } finally {
      cancel()
      this.#ways.destroy(client)
    }
  }
}

/** The outcome of work that cannot be told to stop, or the signal's reason as soon as it is aborted; what comes of the work later is ignored. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('given up'))
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', abort)
    work.catch(() => undefined)
    promise.catch(() => undefined)
  }
}

/**
 * Finds the first event that is not taken, where a batch is taken whole or not at all. `take` gives the reason when some event of its part is at fault, undefined
 * when the part was taken; it throws when nobody's event is. All events before the one that is found were taken.
 */
export async function findPoison(
  batch: readonly RoutedEvent[],
  take: (part: readonly RoutedEvent[]) => Promise<string | undefined>,
): Promise<Delivered> {
  let reason = await take(batch)
  if (reason === undefined) return { kind: 'ok' }
  let from = 0
  let to = batch.length
  while (to - from > 1) {
    const middle = (from + to) >> 1
    const refused = await take(batch.slice(from, middle))
    if (refused === undefined) from = middle
    else {
      to = middle
      reason = refused
    }
  }
  // The second half was at fault only as a whole with the first: what is left is one event, which may be good alone.
  const alone = await take(batch.slice(from, to))
  if (alone === undefined) return from + 1 === batch.length ? { kind: 'ok' } : { kind: 'retry', reason }
  return { kind: 'poison', index: from, reason: alone }
}

/** An error in few words for the endpoint's state. Messages of clients' packages name hosts and codes, never secrets. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  const text = error instanceof Error ? error.message || error.name : 'the endpoint failed'
  return text.replace(/\s+/g, ' ').slice(0, maxReasonLength)
}
