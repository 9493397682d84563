import { type Actor, type Clock, Fault, type Result, fail } from '#base'
import type { Statement, Store } from '#store'
import { type AuditRecord, type Head, type What, headOf, nextRecord } from './entry.ts'

/*
 * Theory of operation.
 * A change and its entries are one commit, and each commit moves the head row from the value it was computed on: the chain cannot fork, not
 * even with two writers. Waiting for each commit before computing the next would cost one disk flush an entry; so everything that waits is
 * computed as one chain and given to the store at once, in order, where it shares a flush. When one of them conflicts, those after it were
 * built on a head that never came to be; the store refuses them for that, and they are computed anew.
 */

/** Commits that are computed on one another before the first of them is known to be durable. */
const maxInFlight = 256

type Waiting = {
  readonly actor: Actor
  readonly what: readonly What[]
  readonly statements: readonly Statement[]
  readonly resolve: (outcome: Result<void, 'conflict'>) => void
  readonly reject: (reason: unknown) => void
}

/** Extends the hash chain in the store. Owns the order of all audited commits of this process. */
export class Chain {
  readonly #store: Store
  readonly #clock: Clock
  readonly #waiting: Waiting[] = []
  /** `undefined` after a fault: nobody knows what was kept, so it is read back first. */
  #head: Head | undefined
  #running = false

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Commits `statements` with their entries, or neither. `conflict` is about `statements` alone. */
  commit(actor: Actor, what: readonly What[], statements: readonly Statement[]): Promise<Result<void, 'conflict'>> {
    if (what.length === 0) throw new Error('bug: an audited commit needs at least one entry')
    return new Promise((resolve, reject) => {
      this.#waiting.push({ actor, what, statements, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxInFlight)
      try {
        this.#head ??= await this.readHead()
        await this.#extend(this.#head, batch)
      } catch (error) {
        this.#head = undefined
        for (const one of batch) one.reject(error)
      }
    }
    // In the same step as the look at an empty queue: a commit that comes a moment later must find nobody running.
    this.#running = false
  }

  async #extend(start: Head, batch: readonly Waiting[]): Promise<void> {
    let head = start
    const sent: { readonly before: Head; readonly after: Head; readonly outcome: Promise<Result<void, 'conflict'>> }[] = []
    for (const { actor, what, statements } of batch) {
      const before = head
      const rows: Statement[] = []
      for (const each of what) {
        const record = nextRecord(head, this.#clock.now(), actor, each)
        rows.push(insertion(record))
        head = { sequence: record.sequence, hash: record.hash }
      }
      sent.push({ before, after: head, outcome: this.#store.commit([...statements, advance(before, head), ...rows]) })
    }
    const outcomes = await Promise.allSettled(sent.map((one) => one.outcome))
    let durable = start
    const again: Waiting[] = []
    let uncertain = false
    for (const [i, waiting] of batch.entries()) {
      const outcome = outcomes[i]
      const step = sent[i]
      if (outcome === undefined || step === undefined) throw new Error('bug: an audited commit got lost')
      if (outcome.status === 'rejected') {
        uncertain = true
        waiting.reject(outcome.reason)
      } else if (outcome.value.ok) {
        durable = step.after
        waiting.resolve(outcome.value)
      } else if (step.before === durable && !uncertain && (await this.#unmoved(durable))) {
        waiting.resolve(fail('conflict'))
      } else {
        again.push(waiting)
      }
    }
    this.#head = uncertain || again.length > 0 ? undefined : durable
    this.#waiting.unshift(...again)
  }

  /** True when the head still is where we left it, so that a conflict cannot be about the chain. */
  async #unmoved(expected: Head): Promise<boolean> {
    const actual = await this.readHead()
    return actual.sequence === expected.sequence && actual.hash === expected.hash
  }

  /** The head row as it stands. */
  async readHead(): Promise<Head> {
    const [row] = await this.#store.query('SELECT sequence, hash FROM audit_head')
    if (row === undefined)
      throw new Fault('audit/head-missing', 'The audit log has lost its head row. Restore the data directory from a backup.')
    return headOf(row)
  }
}

function advance(before: Head, after: Head): Statement {
  return {
    sql: 'UPDATE audit_head SET sequence = ?, hash = ? WHERE sequence = ? AND hash = ?',
    args: [after.sequence, after.hash, before.sequence, before.hash],
    expect: 1,
  }
}

function insertion(record: AuditRecord): Statement {
  const { sequence, time, actor, action, resource, outcome, detail, previousHash, hash } = record
  return {
    sql: `INSERT INTO audit_log (sequence, time, actor_kind, actor_id, actor_via, action, resource, outcome, detail, previous_hash, hash)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    args: [sequence, time, actor.kind, actor.id, actor.via, action, resource, outcome, detail, previousHash, hash],
  }
}
