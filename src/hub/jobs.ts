import { type CancelTimer, type Grant, type Result, ok, plus, refuse } from '#base'
import type { Random } from '#base'
import type { Job, JobGrants, JobSpec, Jobs } from './job.ts'
import { jobInsertion, jobEnded, jobQueued, jobStarted, type JobRow } from './job-rows.ts'
import { recoverDevices } from './job-recovery.ts'
import { JobRun, type RunPorts, progressOf } from './job-run.ts'
import { checkJob, defaultExecutionSeconds } from './job-spec.ts'
import { JobStore } from './job-store.ts'
import { JobWatch } from './job-watch.ts'
import type { AuditedCommit } from './ports.ts'
import { Continuations } from './query-continuation.ts'

/*
 * Theory of operation.
 * Rows are the truth, and a job is in memory from its creation to its end. Every tenth of a second the jobs that run get a turn each, one after
 * the other, and share what the throttle allows in that time. Those that are due while as many run as may wait in the order of their start.
 */

/** What jobs ask of others. */
export type JobPorts = Omit<RunPorts, 'rows'> & {
  readonly random: Random
  readonly commit: AuditedCommit
  readonly settings?: JobSettings | undefined
}

/** What bounds jobs (azure-wire 5.7, 10). */
export type JobSettings = {
  /** Devices that all jobs together begin with in a second. */
  readonly devicesPerSecond: number
  readonly running: number
  /** Jobs that run, wait or are scheduled. */
  readonly unfinished: number
  readonly historyMs: number
}

/** Ten jobs at a time and thirty days of history as IoT Hub has them; a hundred devices a second are ours. */
export const jobDefaults: JobSettings = { devicesPerSecond: 100, running: 10, unfinished: 1_000, historyMs: 30 * 24 * 3_600_000 }

/** Jobs that hold something open: disposing stops them where they are, and the next start goes on. */
export interface OpenJobs extends Jobs, AsyncDisposable {}

const turnMs = 100
// Also the longest time between two looks at the clock on the wall, which may be set.
const longestWaitMs = 60_000
const page = { usual: 100, most: 1_000 } as const

/** Opens the jobs: takes up those that had not ended. Their tables come from `hubMigrations`. Throws the store's Faults. */
export async function openJobs(ports: JobPorts, signal: AbortSignal): Promise<OpenJobs> {
  signal.throwIfAborted()
  const rows = new JobStore(ports.store)
  const keeper = new JobKeeper({ ...ports, rows }, await rows.lastNumber())
  await keeper.takeUp(signal)
  return keeper
}

class JobKeeper implements OpenJobs {
  readonly #ports: JobPorts & Pick<RunPorts, 'rows'>
  readonly #settings: JobSettings
  readonly #continuations: Continuations
  readonly #watch: JobWatch
  /** Scheduled and queued. */
  readonly #waiting = new Map<string, JobRow>()
  readonly #running = new Map<string, JobRun>()
  #lastNumber: number
  #tokens = 0
  #refilledAt: number
  #stopTurns: CancelTimer | undefined
  #stopWait: CancelTimer | undefined
  readonly #stopHistory: CancelTimer
  #turn: Promise<void> | undefined
  #planning: Promise<void> = Promise.resolve()
  #closed = false

  constructor(ports: JobPorts & Pick<RunPorts, 'rows'>, lastNumber: number) {
    this.#ports = ports
    this.#settings = ports.settings ?? jobDefaults
    this.#continuations = new Continuations(ports)
    this.#watch = new JobWatch(ports.clock)
    this.#lastNumber = lastNumber
    this.#refilledAt = ports.clock.monotonic()
    this.#stopHistory = ports.clock.every(3_600_000, () => void this.#forget())
  }

  /** Takes up the jobs that had not ended when the hub stopped. */
  async takeUp(signal: AbortSignal): Promise<void> {
    for (const row of await this.#ports.rows.unfinished()) {
      signal.throwIfAborted()
      if (row.startedAt === null) this.#waiting.set(row.job.id, row)
      else {
        const counts = await recoverDevices(this.#ports, row)
        this.#running.set(row.job.id, new JobRun(this.#ports, row, row.startedAt, counts))
      }
    }
    this.#plan()
    void this.#forget()
  }

  async create(grants: JobGrants, spec: JobSpec): Promise<Result<Job>> {
    const checked = checkJob(grants, spec)
    if (!checked.ok) return checked
    const { clock, commit } = this.#ports
    const { unfinished } = this.#settings
    if (this.#waiting.size + this.#running.size >= unfinished)
      return refuse('hub/too-many-jobs', `At most ${unfinished} jobs run, wait or are scheduled.`)
    const now = clock.now()
    const startTime = spec.startTime === undefined || spec.startTime < now ? now : spec.startTime
    const job: Omit<Job, 'progress'> = {
      id: spec.id,
      work: spec.work,
      condition: spec.condition,
      status: startTime <= now ? 'queued' : 'scheduled',
      createdBy: `${grants.job.actor.kind}:${grants.job.actor.id}`,
      createdTime: now,
      startTime,
      endTime: null,
      maxExecutionSeconds: spec.maxExecutionSeconds ?? defaultExecutionSeconds,
      failureReason: null,
    }
    const number = ++this.#lastNumber
    const detail = { type: spec.work.type, condition: spec.condition.slice(0, 1_000), startTime }
    const outcome = await commit(grants.job, { action: 'job.create', resource: `job:${spec.id}`, detail }, [jobInsertion(job, number)])
    if (!outcome.ok) return refuse('hub/job-exists', `A job ${spec.id} exists already.`)
    const counts = { succeededCount: 0, failedCount: 0, canceledCount: 0 }
    this.#waiting.set(job.id, { job, number, startedAt: null, filledTo: null, counts })
    this.#plan()
    return ok(waitingJob(job))
  }

  async find(_grant: Grant<'job.read'>, id: string): Promise<Result<Job>> {
    const job = await this.#job(id)
    return job === undefined ? notFound(id) : ok(job)
  }

  async cancel(grant: Grant<'job.write'>, id: string): Promise<Result<Job>> {
    const before = await this.#job(id)
    if (before === undefined) return notFound(id)
    const isOver = before.endTime !== null || before.status === 'cancelled' || before.status === 'failed'
    if (isOver) return refuse('hub/job-ended', `The job ${id} has ended already.`)
    await this.#ports.commit(grant, { action: 'job.cancel', resource: `job:${id}` }, [])
    // It may begin or end while the audit log is written.
    const isCanceled = await this.#inOrder(async () => {
      const row = this.#waiting.get(id)
      if (row === undefined) return (await this.#running.get(id)?.stop('cancelled', null)) ?? false
      await this.#cancelWaiting(row)
      return true
    })
    const job = await this.#job(id)
    if (job === undefined) return notFound(id)
    if (!isCanceled) return refuse('hub/job-ended', `The job ${id} has ended already.`)
    this.#watch.tell(job)
    return ok(job)
  }

  async list(grant: Grant<'job.read'>, query: Parameters<Jobs['list']>[1]): ReturnType<Jobs['list']> {
    const { status, type } = query
    const question = ['jobs', status ?? '', type ?? '', grant.actor.kind, grant.actor.id]
    const place = query.continuation === undefined ? ok({ after: [] }) : this.#continuations.open(query.continuation, question)
    if (!place.ok) return place
    const limit = Math.min(Math.max(1, Math.trunc(query.maxItems ?? page.usual)), page.most)
    const [before] = place.value.after
    const rows = await this.#ports.rows.list(limit + 1, before === undefined ? Number.MAX_SAFE_INTEGER : Number(before), status, type)
    const shown = rows.slice(0, limit)
    const last = rows.length > limit ? shown.at(-1) : undefined
    const continuation = last === undefined ? undefined : this.#continuations.seal({ after: [String(last.number)] }, question)
    return ok({ jobs: shown.map((row) => this.#shown(row)), continuation })
  }

  async devices(
    _grant: Grant<'job.read'>,
    id: string,
    { limit, after, status }: Parameters<Jobs['devices']>[2],
  ): ReturnType<Jobs['devices']> {
    if ((await this.#job(id)) === undefined) return notFound(id)
    const most = Math.min(Math.max(1, Math.trunc(limit)), page.most)
    const devices = await this.#ports.rows.devices(id, most + 1, after ?? '', status)
    const shown = devices.slice(0, most)
    return ok({ devices: shown, next: devices.length > most ? shown.at(-1)?.identity : undefined })
  }

  watch(id: string | undefined, listener: (job: Job) => void): () => void {
    return this.#watch.add(id, listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#stopTurns?.()
    this.#stopWait?.()
    this.#stopHistory()
    await this.#planning
    await this.#turn
  }

  async #job(id: string): Promise<Job | undefined> {
    const run = this.#running.get(id)
    if (run !== undefined) return run.job
    const row = this.#waiting.get(id) ?? (await this.#ports.rows.find(id))
    return row === undefined ? undefined : this.#shown(row)
  }

  #shown({ job, counts }: JobRow): Job {
    const run = this.#running.get(job.id)
    if (run !== undefined) return run.job
    return { ...job, progress: progressOf({ ...counts, pendingCount: 0, runningCount: 0 }, job.endTime !== null) }
  }

  /** Begins what is due, one plan after the other. */
  #plan(): void {
    this.#inOrder(() => this.#begin()).catch((error: unknown) => this.#ports.trouble('Jobs could not be begun.', error))
  }

  /** What moves jobs from waiting to running or to their end goes one after the other. */
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#planning.then(work)
    this.#planning = done.then(
      () => undefined,
      () => undefined,
    )
    return done
  }

  async #begin(): Promise<void> {
    if (this.#closed) return
    const { clock, store, tell } = this.#ports
    const due = [...this.#waiting.values()]
      .filter(({ job }) => job.startTime <= clock.now())
      .toSorted((a, b) => a.job.startTime - b.job.startTime || a.number - b.number)
    for (const row of due) {
      const { job } = row
      const mayRun = this.#running.size < this.#settings.running
      const now = clock.now()
      if (!mayRun && job.status === 'queued') continue
      await store.commit([mayRun ? jobStarted(job.id, now) : jobQueued(job.id)])
      if (!mayRun) this.#waiting.set(job.id, { ...row, job: { ...job, status: 'queued' } })
      else {
        const counts = { pendingCount: 0, runningCount: 0, ...row.counts }
        this.#running.set(job.id, new JobRun(this.#ports, { ...row, job: { ...job, status: 'running' } }, now, counts))
        this.#waiting.delete(job.id)
        tell({ kind: 'job-started', time: now, job: job.id, jobType: job.work.type, actor: job.createdBy })
      }
    }
    this.#wait()
  }

  /** Sets the timers: for turns while something runs, and for the next start. */
  #wait(): void {
    const { clock } = this.#ports
    this.#stopWait?.()
    this.#stopWait = undefined
    if (this.#closed) return
    if (this.#running.size > 0) this.#stopTurns ??= clock.every(turnMs, () => this.#takeTurn())
    else {
      this.#stopTurns?.()
      this.#stopTurns = undefined
    }
    let next = Infinity
    for (const { job } of this.#waiting.values()) if (job.status === 'scheduled') next = Math.min(next, job.startTime)
    if (next === Infinity) return
    this.#stopWait = clock.after(Math.min(Math.max(0, next - clock.now()), longestWaitMs), () => this.#plan())
  }

  #takeTurn(): void {
    if (this.#turn !== undefined || this.#closed) return
    this.#turn = this.#turns()
      .catch((error: unknown) => this.#ports.trouble('Jobs could not go on; they try again.', error))
      .finally(() => (this.#turn = undefined))
  }

  async #turns(): Promise<void> {
    const rate = this.#settings.devicesPerSecond
    const now = this.#ports.clock.monotonic()
    // What is not used in a turn is not saved up: two turns at most.
    this.#tokens = Math.min(this.#tokens + ((now - this.#refilledAt) * rate) / 1_000, Math.max(1, (rate * turnMs * 2) / 1_000))
    this.#refilledAt = now
    let left = this.#running.size
    for (const run of this.#running.values()) {
      if (this.#closed) return
      this.#tokens -= await run.turn(Math.ceil(Math.max(0, Math.floor(this.#tokens)) / left--))
      if (run.hasEnded) this.#running.delete(run.id)
      else {
        // Who was first is last next time.
        this.#running.delete(run.id)
        this.#running.set(run.id, run)
      }
      this.#watch.offer(run)
      if (left === 0) break
    }
    if ([...this.#waiting.values()].some(({ job }) => job.status === 'queued') || this.#running.size === 0) this.#plan()
  }

  async #cancelWaiting(row: JobRow): Promise<void> {
    const at = this.#ports.clock.now()
    await this.#ports.store.commit([jobEnded(row.job.id, 'cancelled', at, row.counts, null)])
    this.#waiting.delete(row.job.id)
    this.#wait()
    const { id, work } = row.job
    this.#ports.tell({
      kind: 'job-ended',
      time: at,
      job: id,
      jobType: work.type,
      status: 'cancelled',
      devices: 0,
      succeeded: 0,
      failed: 0,
      canceled: 0,
    })
  }

  /** Removes jobs whose time in the history is over. */
  async #forget(): Promise<void> {
    const { clock, rows, trouble } = this.#ports
    try {
      const old = await rows.endedBefore(plus(clock.now(), -this.#settings.historyMs), 100)
      for (const id of old) if (!this.#closed) await rows.remove(id)
    } catch (error) {
      if (!this.#closed) trouble('Old jobs could not be removed.', error)
    }
  }
}

function waitingJob(job: Omit<Job, 'progress'>): Job {
  const none = { pendingCount: 0, runningCount: 0, succeededCount: 0, failedCount: 0, canceledCount: 0 }
  return { ...job, progress: progressOf(none, false) }
}

function notFound(id: string): Result<never> {
  return refuse('hub/job-not-found', `There is no job ${id.slice(0, 128)}.`)
}
