import { type Instant, type Result, instant } from '#base'
import type { Campaign, CampaignEvent, Exception, Readiness, RootState, Step } from '#pki'

/*
 * Theory of operation. A fleet lives through a change of the root, a day at a time. Devices connect, take over what the twin tells them to trust, prove it,
 * and renew their certificates; any answer may be lost, on the way there or back. The hub is the machine under test with its rows, which go through JSON
 * whenever it restarts. A device is dropped when its own chain and the hub's would have met before a step and do not after it. What a wrong clock of its own
 * keeps a device from is no drop: no step changes that.
 */

/** The machine under test. */
export type Machine = (campaign: Campaign | undefined, event: CampaignEvent, now: Instant) => Result<Step>

/** 0 or more, below 1. */
export type Chance = () => number

type Device = {
  readonly id: string
  trusts: ReadonlySet<string>
  /** The root that its certificate hangs on. */
  leaf: string
  /** The day that it is next there: switched off, without a network, or with a clock under which nothing is valid. */
  awayUntil: number
}

type Shown = { provenOn?: number; movedOn?: number }

/** What one life of a fleet came to. */
export type Outcome = {
  readonly campaign: Campaign
  readonly days: number
  /** Devices that a step cut off and nobody had named. */
  readonly dropped: readonly string[]
  readonly restarts: number
  readonly refusals: ReadonlyMap<string, number>
}

/** How a world differs. */
export type WorldOptions = {
  readonly devices: number
  readonly isBridged: boolean
  /** The day on which the operator names whoever is still behind; never unless said. */
  readonly namesOn?: number
  readonly lastDay: number
}

const [old, fresh] = ['old-root', 'new-root'] as const

/** One fleet and its hub. */
export class CampaignWorld {
  readonly #chance: Chance
  readonly #machine: Machine
  readonly #options: WorldOptions
  readonly #devices: readonly Device[]
  readonly #dropped = new Set<string>()
  readonly #refusals = new Map<string, number>()
  #roots = new Map<string, RootState>([[old, 'active']])
  #campaign: Campaign | undefined
  #shown = new Map<string, Shown>()
  #restarts = 0

  constructor(machine: Machine, chance: Chance, options: WorldOptions) {
    this.#machine = machine
    this.#chance = chance
    this.#options = options
    this.#devices = Array.from({ length: options.devices }, (_, at) => ({
      id: `device-${at}`,
      trusts: new Set([old]),
      leaf: old,
      // Three in a hundred are away from the beginning, for up to 400 days.
      awayUntil: chance() < 0.03 ? Math.ceil(chance() * 400) : 0,
    }))
  }

  /** Lives until the old root is retired, or the last day. */
  run(): Outcome {
    let day = 0
    this.#step({ on: 'start', id: 'c', oldRoot: old, newRoot: fresh, isBridged: this.#options.isBridged, failureLimit: 50 }, day)
    for (; day < this.#options.lastDay && this.#campaign?.stage !== 'retired'; day++) {
      for (const device of this.#devices) if (device.awayUntil <= day) this.#live(device, day)
      this.#operate(day)
      if (this.#chance() < 0.2) this.#restart()
    }
    if (!this.#campaign) throw new Error('bug: the campaign never began')
    return { campaign: this.#campaign, days: day, dropped: [...this.#dropped], restarts: this.#restarts, refusals: this.#refusals }
  }

  #operate(day: number): void {
    const campaign = this.#campaign
    if (!campaign) return
    if (this.#chance() < 0.02) this.#step({ on: 'hold', reason: 'weekend' }, day)
    else if (campaign.held) this.#step({ on: 'resume' }, day)
    const readiness = this.#readiness()
    const isNaming = this.#options.namesOn !== undefined && day >= this.#options.namesOn
    const except = isNaming ? behind(readiness) : []
    if (campaign.stage === 'distributing') this.#step({ on: 'cut-over', readiness, except }, day)
    else this.#step({ on: 'retire', readiness, except }, day)
  }

  /** A day of a device that is there. */
  #live(device: Device, day: number): void {
    if (!this.#meets(device)) return
    if (this.#chance() < 0.001) {
      device.awayUntil = day + Math.ceil(this.#chance() * 30)
      return
    }
    // The twin: lost every tenth time.
    if (this.#chance() < 0.9) device.trusts = new Set([...this.#roots].filter(([, state]) => isInForce(state)).map(([root]) => root))
    const campaign = this.#campaign
    if (!campaign || campaign.stage === 'retired' || campaign.stage === 'rolled-back') return
    if (!device.trusts.has(fresh)) {
      if (this.#chance() < 0.01) this.#step({ on: 'probe-failed' }, day)
    } else if (this.#chance() < 0.9) this.#shownBy(device.id).provenOn ??= day
    // Renewal under whichever root is active: the hub may have answered in vain.
    const active = [...this.#roots].find(([, state]) => state === 'active')?.[0] ?? old
    if (device.leaf !== active && this.#chance() < 0.2 && this.#chance() < 0.9) device.leaf = active
    // What counts is what the hub sees used.
    if (device.leaf === fresh && this.#chance() < 0.9) this.#shownBy(device.id).movedOn ??= day
  }

  #shownBy(id: string): Shown {
    const shown = this.#shown.get(id) ?? {}
    this.#shown.set(id, shown)
    return shown
  }

  /** Whether device and hub accept each other's chains. */
  #meets({ trusts, leaf }: Device): boolean {
    const states = this.#roots
    const serves = [...states].filter(([, state]) => state === 'active' || (state === 'leaving' && this.#options.isBridged))
    return serves.some(([root]) => trusts.has(root)) && isInForce(states.get(leaf))
  }

  #step(event: CampaignEvent, day: number): void {
    const next = this.#machine(this.#campaign, event, this.#clock(day))
    if (!next.ok) {
      this.#refusals.set(next.error.code, (this.#refusals.get(next.error.code) ?? 0) + 1)
      return
    }
    const before = this.#devices.filter((device) => this.#meets(device))
    this.#campaign = next.value.campaign
    for (const [root, state] of next.value.roots) this.#roots.set(root, state)
    // Whenever something was written, the hub may die before it does anything else.
    if (next.value.roots.length > 0) this.#restart()
    const named = new Set(this.#campaign.excepted.map(({ device }) => device))
    for (const device of before) if (!this.#meets(device) && !named.has(device.id)) this.#dropped.add(device.id)
  }

  /** The hub's own clock: right, or at 1970, or twenty years ahead, or a day back. */
  #clock(day: number): Instant {
    const right = Date.UTC(2026, 0, 1) + day * 86_400_000
    const wrong = this.#chance()
    const shown = wrong < 0.05 ? 0 : wrong < 0.1 ? right + 20 * 365 * 86_400_000 : wrong < 0.2 ? right - 86_400_000 : right
    return instant(shown)
  }

  #restart(): void {
    this.#restarts++
    const kept: { campaign: Campaign; shown: [string, Shown][]; roots: [string, RootState][] } = JSON.parse(
      JSON.stringify({ campaign: this.#campaign, shown: [...this.#shown], roots: [...this.#roots] }),
    )
    this.#campaign = kept.campaign
    this.#shown = new Map(kept.shown)
    this.#roots = new Map(kept.roots)
  }

  #readiness(): Readiness {
    const without = (what: 'provenOn' | 'movedOn') =>
      this.#devices.filter(({ id }) => this.#shown.get(id)?.[what] === undefined).map(({ id }) => id)
    return { devices: this.#devices.length, unproven: without('provenOn'), unmoved: without('movedOn') }
  }
}

function behind({ unproven, unmoved }: Readiness): readonly Exception[] {
  return [...new Set([...unproven, ...unmoved])].map((device) => ({ device, reason: 'away too long' }))
}

function isInForce(state: RootState | undefined): boolean {
  return state === 'published' || state === 'active' || state === 'leaving'
}
