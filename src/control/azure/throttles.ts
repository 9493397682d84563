import type { Clock } from '#base'

/** The kinds of requests that are counted apart (azure-wire 10). */
export const throttleNames = ['registry', 'twinReads', 'twinUpdates', 'queries', 'methods', 'jobs', 'configurations', 'messages'] as const

/** A kind of requests that is counted by itself. */
export type ThrottleName = (typeof throttleNames)[number]

/** How much of each kind one caller may ask: so many in a second on average, and so many at once. */
export type AzureThrottles = Readonly<Record<ThrottleName, { readonly perSecond: number; readonly burst: number }>>

/** What a caller may ask unless the settings say otherwise: far above one unit of the modelled service, for the machine is the operator's own. */
export const defaultAzureThrottles: AzureThrottles = {
  registry: { perSecond: 1_000, burst: 5_000 },
  twinReads: { perSecond: 2_000, burst: 5_000 },
  twinUpdates: { perSecond: 1_000, burst: 5_000 },
  queries: { perSecond: 100, burst: 500 },
  methods: { perSecond: 500, burst: 2_000 },
  jobs: { perSecond: 50, burst: 200 },
  configurations: { perSecond: 50, burst: 200 },
  messages: { perSecond: 100, burst: 500 },
}

/** Callers that are remembered. One more, and the one that asked longest ago is forgotten. */
const mostCallers = 10_000

type Bucket = { tokens: number; at: number }

/** Counts what each caller asks, a bucket of tokens for each kind. Guards the bound on what is remembered. */
export class Throttle {
  readonly #rates: AzureThrottles
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #buckets = new Map<string, Bucket>()

  constructor(rates: AzureThrottles, clock: Pick<Clock, 'monotonic'>) {
    this.#rates = rates
    this.#clock = clock
  }

  /** Takes `cost` for a caller. Says in how many whole seconds there is enough again when there is not, and undefined when there was. */
  take(caller: string, name: ThrottleName, cost: number): number | undefined {
    const { perSecond, burst } = this.#rates[name]
    const key = `${name} ${caller}`
    const now = this.#clock.monotonic()
    const known = this.#buckets.get(key)
    const tokens = known === undefined ? burst : Math.min(burst, known.tokens + ((now - known.at) * perSecond) / 1000)
    // More than fits at once is let through when all is there; it is paid off afterwards.
    const needed = Math.min(cost, burst)
    const left = tokens < needed ? tokens : tokens - cost
    this.#buckets.delete(key)
    this.#buckets.set(key, { tokens: left, at: now })
    if (this.#buckets.size > mostCallers * throttleNames.length) this.#forgetOldest()
    return tokens < needed ? Math.max(1, Math.ceil((needed - tokens) / perSecond)) : undefined
  }

  #forgetOldest(): void {
    const oldest = this.#buckets.keys().next()
    if (oldest.done !== true) this.#buckets.delete(oldest.value)
  }
}
