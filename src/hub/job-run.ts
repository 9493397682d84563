import { type Clock, type DeviceId, Fault, type Grant, type Instant, type Refusal, type Result, fail, ok, plus, refuse } from '#base'
import type { JsonFact } from '#journal'
import type { Statement, Store } from '#store'
import type { Job, JobProgress, JobWork } from './job.ts'
import {
  type DeviceOutcome,
  type JobRow,
  deviceJobAgain,
  deviceJobCanceled,
  deviceJobEnded,
  deviceJobInsertion,
  deviceJobsStarted,
  jobEnded,
  jobFilled,
  jobStopped,
  readIdentity,
  wholeCondition,
} from './job-rows.ts'
import { targetOf } from './job-spec.ts'
import type { Counts, JobStore } from './job-store.ts'
import type { MethodAnswer, Methods } from './method.ts'
import type { Queries } from './query.ts'
import type { Twins } from './twin.ts'

/*
 * Theory of operation.
 * A job first writes a row for each device that its condition finds, page by page, and then works through the rows. A device is written as running
 * before anything is done to it. So a start knows: pending rows were never begun, running ones may have been. A twin update is then done again, to
 * the same end; a method is not, for nobody knows whether it ran.
 * What becomes of devices is gathered and written by `settle`, together, and counts only then: progress never shows what a crash could take back.
 */

/** The hub's own permission to do what jobs do: who made a job was asked when it was made. */
export type JobPermits = { readonly twin: Grant<'twin.write'>; readonly method: Grant<'method.invoke'> }

/** What a running job asks of others. */
export type RunPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly rows: JobStore
  readonly queries: Pick<Queries, 'matching'>
  readonly twins: Pick<Twins, 'patch'>
  readonly methods: Pick<Methods, 'invoke'>
  readonly permits: JobPermits
  readonly tell: (fact: JsonFact) => void
  readonly trouble: (what: string, error: unknown) => void
}

/** Devices read or written in one go, and those of one job that may be under way at a time. */
const pageDevices = 500
const pagesPerTurn = 10
const maxUnderWay = 1_000

// Nothing was done to the device, and it can be tried again.
const passing = new Set(['hub/busy', 'hub/too-many-calls'])

type Stop = { readonly status: 'failed' | 'cancelled'; readonly reason: string | null }

/** A job that runs, until it has ended. */
export class JobRun {
  readonly #ports: RunPorts
  readonly #row: JobRow
  readonly #startedAt: Instant
  readonly #begun = new Map<DeviceId, Instant>()
  readonly #outcomes: DeviceOutcome[] = []
  /** Devices that nothing was done to, for a reason that passes. */
  readonly #again: DeviceId[] = []
  #filledTo: string | null
  #waiting: DeviceId[] = []
  #readTo = ''
  #readAll = false
  #counts: Counts
  #stop: Stop | undefined
  #isEnding = false
  #endedAt: Instant | undefined
  /** Changes whenever progress does. */
  revision = 0

  constructor(ports: RunPorts, row: JobRow, startedAt: Instant, counts: Counts) {
    this.#ports = ports
    this.#row = row
    this.#startedAt = startedAt
    this.#filledTo = row.filledTo
    this.#counts = counts
    const { status } = row.job
    if (status === 'failed' || status === 'cancelled') this.#stop = { status, reason: row.job.failureReason }
  }

  get id(): string {
    return this.#row.job.id
  }

  get hasEnded(): boolean {
    return this.#endedAt !== undefined
  }

  /** The job as it is now. */
  get job(): Job {
    const status = this.#stop?.status ?? (this.hasEnded ? 'completed' : 'running')
    const endTime = this.#endedAt ?? null
    return {
      ...this.#row.job,
      status,
      endTime,
      failureReason: this.#stop?.reason ?? null,
      progress: progressOf(this.#counts, this.hasEnded),
    }
  }

  /** Ends the job early: what is under way is let run, the rest is canceled. Durable when it resolves; false: it is ending already. */
  async stop(status: Stop['status'], reason: string | null): Promise<boolean> {
    if (this.#stop !== undefined || this.#isEnding) return false
    this.#stop = { status, reason }
    this.revision++
    await this.#commit([jobStopped(this.id, status, reason)])
    return true
  }

  /**
   * One turn: reads a page of the condition, or begins up to `budget` devices, and writes what has become of others. Resolves to how many were begun.
   * Turns of one job do not overlap. Throws the store's Faults; the next turn goes on.
   */
  async turn(budget: number): Promise<number> {
    const deadline = plus(this.#startedAt, this.#row.job.maxExecutionSeconds * 1_000)
    if (this.#ports.clock.now() > deadline) await this.stop('failed', 'The job ran longer than it may.')
    await this.#settle()
    if (this.#stop !== undefined) await this.#cancelSome()
    else if (this.#filledTo !== wholeCondition) await this.#fill()
    else return await this.#begin(Math.min(budget, maxUnderWay - this.#begun.size))
    await this.#finish()
    return 0
  }

  async #fill(): Promise<void> {
    const { condition } = this.#row.job
    const target = targetOf(condition)
    for (let pages = 0; pages < pagesPerTurn && this.#filledTo !== wholeCondition && this.#stop === undefined; pages++) {
      const page = target.ok
        ? await this.#ports.queries.matching(target.value, condition, pageDevices, this.#filledTo ?? undefined)
        : target
      if (!page.ok) return void (await this.stop('failed', page.error.message))
      const { identities, next = wholeCondition } = page.value
      const now = this.#ports.clock.now()
      await this.#commit([
        ...identities.map((identity) => deviceJobInsertion(this.id, readIdentity(identity), now)),
        jobFilled(this.id, next),
      ])
      this.#filledTo = next
      this.#count({ pendingCount: identities.length })
    }
  }

  async #begin(budget: number): Promise<number> {
    if (this.#waiting.length === 0 && !this.#readAll) {
      const page = await this.#ports.rows.identities(this.id, 'pending', pageDevices, this.#readTo)
      this.#waiting.push(...page)
      this.#readTo = page.at(-1) ?? this.#readTo
      this.#readAll = page.length < pageDevices
    }
    const batch = this.#waiting.slice(0, Math.max(0, budget))
    if (batch.length > 0) {
      const now = this.#ports.clock.now()
      await this.#commit(deviceJobsStarted(this.id, batch, now))
      this.#waiting.splice(0, batch.length)
      this.#count({ pendingCount: -batch.length, runningCount: batch.length })
      for (const identity of batch) {
        this.#begun.set(identity, now)
        void this.#act(identity)
      }
    }
    await this.#finish()
    return batch.length
  }

  /** Does the work of one device; never rejects. */
  async #act(identity: DeviceId): Promise<void> {
    const { clock, trouble } = this.#ports
    const outcome = await this.#work(this.#row.job.work, identity).catch((error: unknown): Result<never> => {
      if (error instanceof Fault) return refuse(error.code, error.message)
      trouble(`A job could not do its work on ${identity}.`, error)
      return refuse('hub/job-work-failed', 'The hub could not do this. Its log says why.')
    })
    if (!outcome.ok && passing.has(outcome.error.code)) this.#again.push(identity)
    else this.#outcomes.push({ identity, at: clock.now(), outcome: outcome.ok ? outcome : fail(describe(outcome.error)) })
  }

  async #work(work: JobWork, identity: DeviceId): Promise<Result<MethodAnswer | undefined>> {
    const { twins, methods, permits } = this.#ports
    if (work.type === 'scheduleDeviceMethod') return await methods.invoke(permits.method, identity, work.call)
    const changed = await twins.patch(permits.twin, identity, work.patch, work.etag, { kind: 'job', id: this.id })
    return changed.ok ? ok(undefined) : changed
  }

  /** Writes what has become of devices since the last turn. */
  async #settle(): Promise<void> {
    await this.#settleAgain()
    const settled = this.#outcomes.slice(0, pageDevices * 2)
    if (settled.length === 0) return
    await this.#commit(settled.map((outcome) => deviceJobEnded(this.id, outcome)))
    this.#outcomes.splice(0, settled.length)
    const succeeded = settled.filter(({ outcome }) => outcome.ok).length
    this.#count({ runningCount: -settled.length, succeededCount: succeeded, failedCount: settled.length - succeeded })
    for (const outcome of settled) {
      const startTime = this.#begun.get(outcome.identity) ?? this.#startedAt
      this.#begun.delete(outcome.identity)
      this.#ports.tell(deviceFact(this.#row.job, startTime, outcome))
    }
  }

  async #settleAgain(): Promise<void> {
    const again = this.#again.slice(0, pageDevices)
    const now = this.#ports.clock.now()
    await this.#commit(again.map((identity) => deviceJobAgain(this.id, identity, now)))
    this.#again.splice(0, again.length)
    for (const identity of again) this.#begun.delete(identity)
    this.#waiting.push(...again)
    if (again.length > 0) this.#count({ pendingCount: again.length, runningCount: -again.length })
  }

  async #cancelSome(): Promise<void> {
    this.#waiting = []
    const page = await this.#ports.rows.identities(this.id, 'pending', pageDevices, '')
    const now = this.#ports.clock.now()
    await this.#commit(page.map((identity) => deviceJobCanceled(this.id, identity, now)))
    if (page.length > 0) this.#count({ pendingCount: -page.length, canceledCount: page.length })
  }

  /** Ends the job when nothing of it is left to do. */
  async #finish(): Promise<void> {
    const { pendingCount, runningCount } = this.#counts
    const isFilled = this.#filledTo === wholeCondition || this.#stop !== undefined
    if (!isFilled || pendingCount > 0 || runningCount > 0 || this.hasEnded) return
    const at = this.#ports.clock.now()
    const { status, reason } = this.#stop ?? { status: 'completed' as const, reason: null }
    this.#isEnding = true
    try {
      await this.#commit([jobEnded(this.id, status, at, this.#counts, reason)])
    } catch (error) {
      this.#isEnding = false
      throw error
    }
    this.#endedAt = at
    this.revision++
    const { succeededCount, failedCount, canceledCount } = this.#counts
    this.#ports.tell({
      kind: 'job-ended',
      time: at,
      job: this.id,
      jobType: this.#row.job.work.type,
      status,
      devices: succeededCount + failedCount + canceledCount,
      succeeded: succeededCount,
      failed: failedCount,
      canceled: canceledCount,
      ...(reason === null ? {} : { reason }),
    })
  }

  async #commit(statements: readonly Statement[]): Promise<void> {
    if (statements.length === 0) return
    const outcome = await this.#ports.store.commit(statements)
    if (!outcome.ok) throw new Error('bug: the rows of a job are in conflict')
  }

  #count(change: Partial<Counts>): void {
    const of = (name: keyof Counts) => this.#counts[name] + (change[name] ?? 0)
    this.#counts = {
      pendingCount: of('pendingCount'),
      runningCount: of('runningCount'),
      succeededCount: of('succeededCount'),
      failedCount: of('failedCount'),
      canceledCount: of('canceledCount'),
    }
    this.revision++
  }
}

/** Counts with their sum, and the share of what is done: all, when the job has ended. */
export function progressOf(counts: Counts, hasEnded: boolean): JobProgress {
  const done = counts.succeededCount + counts.failedCount + counts.canceledCount
  const deviceCount = done + counts.pendingCount + counts.runningCount
  return { ...counts, deviceCount, percent: hasEnded ? 100 : deviceCount === 0 ? 0 : Math.floor((done * 100) / deviceCount) }
}

/** What is said of a device that is through. */
export function deviceFact(
  { id, work, createdTime }: Omit<Job, 'progress'>,
  startTime: Instant,
  { identity, at, outcome }: DeviceOutcome,
): JsonFact {
  const answer = outcome.ok ? outcome.value : undefined
  return {
    kind: 'job-device-ended',
    time: at,
    job: id,
    jobType: work.type,
    device: identity,
    status: outcome.ok ? 'completed' : 'failed',
    createdTime,
    startTime,
    ...(answer === undefined ? {} : { answerStatus: answer.status }),
    ...(outcome.ok ? {} : { code: outcome.error.code, description: outcome.error.description }),
  }
}

function describe({ code, message }: Refusal): { readonly code: string; readonly description: string } {
  return { code, description: message }
}
