import { type Clock, type Instant } from '#base'
import { egressLimits } from './limits.ts'
import type { EgressFact } from './ports.ts'

/** How an endpoint is (azure-wire 9.1). `unknown`: nothing was tried yet. `dead`: it has failed for so long that events are put aside. */
export type EndpointHealth = 'unknown' | 'healthy' | 'degraded' | 'unhealthy' | 'dead'

const unhealthyMs = 60_000
/** How often a failing endpoint is told of in the journal. */
const tellMs = 10 * 60_000
const tellAgainMs = 60_000

/** Since when an endpoint fails and why, and what of it has been told. */
export class Health {
  readonly #endpoint: string
  readonly #clock: Clock
  readonly #tell: (fact: EgressFact) => void
  #since: Instant | undefined
  #reason: string | undefined
  #tries = 0
  #wasTried = false
  #toldAt: number | undefined
  #isTold = false

  constructor(endpoint: string, since: Instant | undefined, clock: Clock, tell: (fact: EgressFact) => void) {
    this.#endpoint = endpoint
    this.#since = since
    this.#clock = clock
    this.#tell = tell
    this.#isTold = since !== undefined
    if (since !== undefined) this.#reason = 'it had failed when the hub stopped'
  }

  get state(): EndpointHealth {
    if (this.#since === undefined) return this.#wasTried ? 'healthy' : 'unknown'
    const forMs = this.#clock.now() - this.#since
    return forMs >= egressLimits.retryForMs ? 'dead' : forMs >= unhealthyMs ? 'unhealthy' : 'degraded'
  }

  /** When the failing began; undefined: it does not fail. */
  get failingSince(): Instant | undefined {
    return this.#since
  }

  /** The latest failure, while it lasts. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Failed attempts of this outage. */
  get tries(): number {
    return this.#tries
  }

  /** The endpoint has taken something. */
  worked(): void {
    this.#wasTried = true
    if (this.#since === undefined) return
    const now = this.#clock.now()
    if (this.#isTold)
      this.#tell({ kind: 'egress-recovered', time: now, endpoint: this.#endpoint, durationMs: Math.max(0, now - this.#since) })
    this.#since = undefined
    this.#reason = undefined
    this.#tries = 0
    this.#isTold = false
  }

  /** The endpoint has taken nothing. */
  failed(reason: string): void {
    const now = this.#clock.now()
    this.#wasTried = true
    this.#since ??= now
    this.#reason = reason
    this.#tries++
    const at = this.#clock.monotonic()
    const wait = this.#isTold ? tellMs : tellAgainMs
    if (this.#toldAt !== undefined && at - this.#toldAt < wait) return
    this.#toldAt = at
    this.#isTold = true
    this.#tell({ kind: 'egress-failed', time: now, endpoint: this.#endpoint, reason, since: this.#since, tries: this.#tries })
  }
}
