import { Fault, type Grant, type Result } from '#base'
import type { AuditedSecret } from './secret-ports.ts'

type Commit = (grant: Grant, what: readonly AuditedSecret[]) => Promise<Result<void, 'conflict'>>
type Waiting = { readonly what: AuditedSecret; readonly resolve: () => void; readonly reject: (reason: unknown) => void }

/** Entries in one commit at most. */
const maxBatch = 256

/**
 * Writes an audit entry for every read before the value leaves. While one commit of an actor is under way the next of its reads gather, so a
 * program that reads a thousand secrets at once waits for a few flushes.
 */
export class ReadAudit {
  readonly #commit: Commit
  readonly #waiting = new Map<string, Waiting[]>()

  constructor(commit: Commit) {
    this.#commit = commit
  }

  /** Resolves when the entry is durable. Throws the Fault `audit/not-written` and the store's. */
  note(grant: Grant, what: AuditedSecret): Promise<void> {
    const { kind, id, via } = grant.actor
    const actor = `${kind} ${via} ${id}`
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting = this.#waiting.get(actor)
    if (waiting === undefined) {
      const list = [{ what, resolve, reject }]
      this.#waiting.set(actor, list)
      void this.#run(actor, grant, list)
    } else waiting.push({ what, resolve, reject })
    return promise
  }

  async #run(actor: string, grant: Grant, list: Waiting[]): Promise<void> {
    // One turn, so that reads that were asked for together are together.
    await Promise.resolve()
    while (list.length > 0) {
      const batch = list.splice(0, maxBatch)
      try {
        const done = await this.#commit(
          grant,
          batch.map((one) => one.what),
        )
        if (!done.ok) throw new Fault('audit/not-written', 'The audit log could not be written.')
        for (const one of batch) one.resolve()
      } catch (error) {
        for (const one of batch) one.reject(error)
      }
    }
    this.#waiting.delete(actor)
  }
}
