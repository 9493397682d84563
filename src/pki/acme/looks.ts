import { type Result, refuse } from '#base'
import { acmeLimits } from './limits.ts'
import type { AcmeOrders } from './orders.ts'
import type { AcmePorts, ChallengeMethod } from './ports.ts'
import type { Account, Authorization } from './rows.ts'

/** Failures that another look may not have: the client was not listening yet, or its name not told everywhere. */
const passing: ReadonlySet<string> = new Set(['pki/acme-unreachable', 'pki/acme-unresolved', 'pki/acme-tls'])

/** Looks at names while their clients wait, a few at a time. Owns the looks under way; dispose of it to end them. */
export class Looks implements AsyncDisposable {
  readonly #ports: Pick<AcmePorts, 'clock' | 'look' | 'tell' | 'trouble'>
  readonly #orders: AcmeOrders
  readonly #running = new Map<string, Promise<void>>()
  readonly #end = new AbortController()

  constructor(ports: Pick<AcmePorts, 'clock' | 'look' | 'tell' | 'trouble'>, orders: AcmeOrders) {
    this.#ports = ports
    this.#orders = orders
  }

  /** Whether an authorization is being looked at. */
  has(id: string): boolean {
    return this.#running.has(id)
  }

  /** Begins to look, unless that is under way. False: too many are. */
  begin(account: Account, authorization: Authorization, method: ChallengeMethod): boolean {
    const { id } = authorization
    if (this.#running.has(id)) return true
    if (this.#running.size >= acmeLimits.looking || this.#end.signal.aborted) return false
    const work = this.#look(account, authorization, method)
      .catch((error: unknown) => this.#ports.trouble('a look at a name', error))
      .finally(() => void this.#running.delete(id))
    this.#running.set(id, work)
    return true
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  async #look({ record }: Account, authorization: Authorization, method: ChallengeMethod): Promise<void> {
    const { clock, tell } = this.#ports
    const { id, identifier, token } = authorization
    const keyAuthorization = `${token}.${record.thumbprint ?? ''}`
    let found: Result<string> = refuse('pki/acme-unreachable', 'Nobody looked.')
    for (let look = 1; look <= acmeLimits.looks && !this.#end.signal.aborted; look++) {
      if (look > 1) await this.#pause()
      found = await this.#ports.look({ method, identifier, token, keyAuthorization }, this.#end.signal)
      if (found.ok || !passing.has(found.error.code)) break
    }
    // The hub ends: nothing is known of the name, and its client may ask again.
    if (this.#end.signal.aborted) return
    if (!(await this.#orders.settle(id, method, found.ok ? undefined : found.error))) return
    const fact = {
      kind: 'acme-name-proven',
      time: clock.now(),
      account: record.id,
      name: record.name,
      identifier: identifier.value,
      method,
    } as const
    tell(found.ok ? { ...fact, proven: true, address: found.value } : { ...fact, proven: false, code: found.error.code })
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#ports.clock.after(acmeLimits.pauseMs, resolve)
      this.#end.signal.addEventListener(
        'abort',
        () => {
          stop()
          resolve()
        },
        { once: true },
      )
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort()
    await this.settled()
  }
}
