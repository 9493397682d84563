import type { Clock } from '#base'
import type { Job } from './job.ts'

/** At most so often a listener hears of one job. */
const periodMs = 1_000

/** Who is told of jobs as they move. */
export class JobWatch {
  readonly #clock: Clock
  readonly #listeners = new Set<{ readonly id: string | undefined; readonly listener: (job: Job) => void }>()
  readonly #told = new Map<string, { readonly at: number; readonly revision: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Adds a listener for one job or for all. Returns how to take it away. */
  add(id: string | undefined, listener: (job: Job) => void): () => void {
    const entry = { id, listener }
    this.#listeners.add(entry)
    return () => void this.#listeners.delete(entry)
  }

  /** Tells of a job that runs, if it has moved and was not told of just now; and always when it has ended. */
  offer(run: { readonly id: string; readonly job: Job; readonly hasEnded: boolean; readonly revision: number }): void {
    const told = this.#told.get(run.id)
    const now = this.#clock.monotonic()
    if (run.hasEnded) this.#told.delete(run.id)
    else if (told !== undefined && (told.revision === run.revision || now - told.at < periodMs)) return
    else this.#told.set(run.id, { at: now, revision: run.revision })
    this.tell(run.job)
  }

  /** Tells of a job at once. */
  tell(job: Job): void {
    for (const { id, listener } of this.#listeners) if (id === undefined || id === job.id) listener(job)
  }
}
