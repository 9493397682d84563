import { type Grant, type Instant, type Result, ok, plus, refuse } from '#base'
import type { Fact } from '#journal'
import { catalogue } from './catalogue.ts'
import { type Collector, collectorsOf } from './collect.ts'
import type { Control, Verdict } from './control.ts'
import type { Evidence, Method, Sighting } from './evidence.ts'
import type { Policy } from './policy.ts'
import type { GuardPorts } from './ports.ts'
import { type Report, reportOn } from './report.ts'
import { SessionLog } from './sessions.ts'
import { stamp } from './stamp.ts'
import { openSynthetic } from './synthetic.io.ts'

/*
 * Collectors look, controls judge, and this file decides when. Evidence is kept by method and replaced whole; a report is always judged
 * anew from it, so evidence that has grown too old shows as unknown without anybody running anything. Runs go one after the other:
 * the socket table must not show the momentary listeners of another run's probes.
 */

/** How the guard works. Times in milliseconds. */
export type GuardConfig = {
  readonly policy: Policy
  /** Time between scheduled runs. */
  readonly periodMs: number
  /** Time from the start to the first run. */
  readonly firstRunMs: number
  /** Time between drills of the schedule; a run that somebody asks for always drills. */
  readonly drillPeriodMs: number
  /** The longest that one run may take: what is not known by then is unknown. */
  readonly runLimitMs: number
  /** Whether the synthetic device publishes. */
  readonly synthetic: boolean
}

/** Every 15 minutes, a drill a day, five seconds at most. */
export const guardDefaults: Omit<GuardConfig, 'policy'> = {
  periodMs: 15 * 60_000,
  firstRunMs: 5_000,
  drillPeriodMs: 24 * 60 * 60_000,
  runLimitMs: 5_000,
  synthetic: true,
}

const mostWaiting = 4

/** The guard while it runs: finds, and touches nothing. Disposing of it waits for the run under way. */
export interface Guard extends AsyncDisposable {
  /** The controls, for whoever lists them. */
  readonly controls: readonly Control[]
  /**
   * Looks now, drill included, and reports on the named controls (all without names). Refuses `guard/unknown-control` for a name that is
   * none and `guard/busy` while several runs wait already.
   */
  run(grant: Grant<'check.run'>, only?: readonly string[]): Promise<Result<Report>>
  /** The last look as judged now; undefined before the first. */
  last(): Report | undefined
  /** Takes a fact of the journal: sessions are counted, the rest is ignored. */
  observe(fact: Fact): void
}

/** Opens the guard: starts the synthetic device and the schedule. */
export async function openGuard(config: GuardConfig, ports: GuardPorts, signal: AbortSignal): Promise<Guard> {
  const { clock } = ports
  const ending = new AbortController()
  const stopped = AbortSignal.any([signal, ending.signal])
  const sessions = new SessionLog(clock)
  const synthetic = config.synthetic ? openSynthetic(ports, stopped) : undefined
  const collectors = collectorsOf(ports, sessions, synthetic?.trips)
  const ledger = new Map<Collector, readonly Evidence[]>()
  const verdicts = new Map<string, Verdict>()
  const firstSeen = new Map<string, Instant>()
  let ran: { readonly at: Instant; readonly tookMs: number } | undefined
  let lastDrill: Instant | undefined
  let tail: Promise<unknown> = Promise.resolve()
  let waiting = 0

  const report = (controls: readonly Control[], at: Instant, durationMs: number): Report => {
    const evidence = [...ledger.values()].flat()
    const now = clock.now()
    return { ranAt: at, durationMs, controls: controls.map((control) => reportOn(control, evidence, config.policy, now, firstSeen)) }
  }

  const look = async (methods: ReadonlySet<Method>, drills: boolean): Promise<void> => {
    const limit = new AbortController()
    const cancel = clock.after(config.runLimitMs, () => limit.abort())
    const within = AbortSignal.any([stopped, limit.signal])
    const chosen = collectors.filter(
      (collector) => collector.methods.some((method) => methods.has(method)) && (drills || collector.drill !== true),
    )
    const collect = async (collector: Collector) => {
      const sightings = await look1(collector, within, ports)
      const now = clock.now()
      ledger.set(
        collector,
        sightings.map((sighting) => stamp(sighting, now)),
      )
    }
    const started = clock.monotonic()
    const at = clock.now()
    try {
      for (const collector of chosen.filter((one) => one.first === true)) await collect(collector)
      await Promise.all(chosen.filter((one) => one.first !== true).map(collect))
    } finally {
      cancel()
    }
    if (drills && methods.has('revocation-drill')) lastDrill = at
    ran = { at, tookMs: Math.round(clock.monotonic() - started) }
  }

  /** Says what has changed since the last time; the first pass of a control is no news. */
  const tell = (said: Report) => {
    const seen = new Set(said.controls.flatMap((control) => control.findings.map((finding) => finding.findingId)))
    for (const id of firstSeen.keys()) if (!seen.has(id)) firstSeen.delete(id)
    for (const control of said.controls) {
      const before = verdicts.get(control.control)
      verdicts.set(control.control, control.verdict)
      if (before === control.verdict || (before === undefined && control.verdict !== 'fail')) continue
      const [finding] = control.findings
      ports.tell({
        kind: 'finding',
        time: clock.now(),
        check: control.control,
        severity: control.severity,
        status: control.verdict,
        message: control.reason,
        ...(finding?.subject.kind === 'device' ? { device: finding.subject.id } : {}),
        ...(finding?.evidence[0] === undefined ? {} : { evidence: finding.evidence[0] }),
      })
    }
  }

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    waiting++
    const turn = tail.then(work).finally(() => waiting--)
    tail = turn.catch(() => undefined)
    return turn
  }

  const scheduled = () =>
    void inTurn(async () => {
      if (stopped.aborted) return
      const due = lastDrill === undefined || clock.now() >= plus(lastDrill, config.drillPeriodMs)
      await look(methodsOf(catalogue), due)
      if (ran !== undefined) tell(report(catalogue, ran.at, ran.tookMs))
    }).catch((error: unknown) => ports.trouble('scheduled checks', error))
  const timers = [clock.after(config.firstRunMs, scheduled), clock.every(config.periodMs, scheduled)]

  return {
    controls: catalogue,
    async run(_grant, only) {
      const unknown = only?.find((id) => !catalogue.some((control) => control.id === id))
      if (unknown !== undefined) return refuse('guard/unknown-control', 'There is no such control.', unknown)
      if (waiting >= mostWaiting) return refuse('guard/busy', 'Several runs of the checks are waiting already. Try again in a moment.')
      const controls = only === undefined || only.length === 0 ? catalogue : catalogue.filter((control) => only.includes(control.id))
      return inTurn(async () => {
        await look(methodsOf(controls), true)
        if (ran === undefined) throw new Error('bug: a run has no time')
        tell(report(catalogue, ran.at, ran.tookMs))
        return ok(report(controls, ran.at, ran.tookMs))
      })
    },
    last: () => ran && report(catalogue, ran.at, ran.tookMs),
    observe: (fact) => sessions.observe(fact),
    async [Symbol.asyncDispose]() {
      for (const cancel of timers) cancel()
      ending.abort()
      await synthetic?.[Symbol.asyncDispose]()
      await tail
    },
  }
}

function methodsOf(controls: readonly Control[]): ReadonlySet<Method> {
  return new Set(controls.flatMap((control) => [...control.needs, ...(control.uses ?? [])]))
}

/** One collector within the time: what it throws, or does not finish, becomes a problem of each of its methods. */
async function look1(collector: Collector, signal: AbortSignal, ports: GuardPorts): Promise<readonly Sighting[]> {
  const troubled = (problem: string) =>
    collector.methods.map((method): Sighting => ({ method, subject: { kind: 'hub', id: 'hub' }, problem }))
  let stop = () => {}
  const late = new Promise<readonly Sighting[]>((resolve) => {
    stop = () => resolve(troubled('timed out: the run took too long'))
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
  })
  const work = collector.collect(signal).catch((error: unknown) => {
    ports.trouble(`check ${collector.methods.join(', ')}`, error)
    return troubled(`failed: ${error instanceof Error ? error.message : 'unknown'}`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
