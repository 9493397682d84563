import { type Clock, type DeviceId, type Grant, type Result, ok, refuse } from '#base'
import type { FactOf } from '#journal'
import type { AttachedMethodLink, MethodAnswer, MethodCall, MethodLink, Methods } from './method.ts'
import { type CheckedCall, type MethodSettings, checkCall, methodDefaults, readAnswer } from './method-rules.ts'
import type { Audited } from './ports.ts'

/*
 * Theory of operation.
 * Calls live in memory: a hub that stops has told nobody that a method ran. A call is audited before the device hears of it, and told as a fact when it is
 * over. It goes to the newest link of its identity; an answer counts only on that link, by an identifier that only that link was given, so neither another
 * connection nor a late answer can speak for it.
 */

/** What direct methods ask of others. `audit` resolves when the entry is durable. */
export type MethodPorts = {
  readonly clock: Clock
  readonly isRegistered: (identity: DeviceId) => boolean
  readonly audit: (grant: Grant, what: Audited) => Promise<void>
  readonly tell: (fact: FactOf<'method-called'>) => void
  readonly settings?: MethodSettings
}

type Settle = (result: Result<MethodAnswer>) => void

/** A link and the calls that wait for its answers, by their identifiers. */
type Attached = { readonly link: MethodLink; readonly calls: Map<string, Settle>; next: number }

/** Direct methods: in memory, over whichever connection the device has. */
export function openMethods(ports: MethodPorts): Methods {
  return new MethodCalls(ports)
}

class MethodCalls implements Methods {
  readonly #ports: MethodPorts
  readonly #settings: MethodSettings
  /** The links of each identity, oldest first. */
  readonly #links = new Map<DeviceId, Attached[]>()
  /** Who waits for a link. */
  readonly #waiting = new Map<DeviceId, Set<() => void>>()
  readonly #pending = new Map<DeviceId, number>()
  #pendingInAll = 0
  #waitingBytes = 0

  constructor(ports: MethodPorts) {
    this.#ports = ports
    this.#settings = ports.settings ?? methodDefaults
  }

  async invoke(grant: Grant<'method.invoke'>, identity: DeviceId, call: MethodCall): Promise<Result<MethodAnswer>> {
    if (!this.#ports.isRegistered(identity)) return refuse('hub/device-not-found', `Nothing is registered as ${identity}.`)
    const checked = checkCall(call, this.#settings)
    if (!checked.ok) return checked
    const pending = this.#pending.get(identity) ?? 0
    if (pending >= this.#settings.pendingPerIdentity || this.#pendingInAll >= this.#settings.pending) return tooMany()
    this.#pending.set(identity, pending + 1)
    this.#pendingInAll++
    const { clock } = this.#ports
    const started = clock.monotonic()
    try {
      const detail = { method: checked.value.name, payloadBytes: checked.value.body.length }
      await this.#ports.audit(grant, { action: 'method.invoke', resource: `device:${identity}`, detail })
      const result = await this.#call(identity, checked.value)
      this.#ports.tell({
        kind: 'method-called',
        time: clock.now(),
        device: identity,
        actor: `${grant.actor.kind}:${grant.actor.id}`,
        method: checked.value.name,
        status: result.ok ? result.value.status : null,
        code: result.ok ? null : result.error.code,
        durationMs: Math.round(clock.monotonic() - started),
      })
      return result
    } finally {
      this.#pendingInAll--
      const left = (this.#pending.get(identity) ?? 1) - 1
      if (left === 0) this.#pending.delete(identity)
      else this.#pending.set(identity, left)
    }
  }

  attach(identity: DeviceId, link: MethodLink): AttachedMethodLink {
    const attached: Attached = { link, calls: new Map(), next: 1 }
    const links = this.#links.get(identity)
    if (links === undefined) this.#links.set(identity, [attached])
    else links.push(attached)
    for (const wake of this.#waiting.get(identity) ?? []) wake()
    return {
      answer: (rid, status, body) => attached.calls.get(rid)?.(readAnswer(status, body, this.#settings)),
      detach: () => this.#detach(identity, attached),
    }
  }

  isReachable(identity: DeviceId): boolean {
    return this.#links.has(identity)
  }

  #detach(identity: DeviceId, attached: Attached): void {
    const links = (this.#links.get(identity) ?? []).filter((each) => each !== attached)
    if (links.length === 0) this.#links.delete(identity)
    else this.#links.set(identity, links)
    for (const settle of attached.calls.values())
      settle(refuse('hub/device-gone', 'The device disconnected before it answered. The method may have run.'))
  }

  async #call(identity: DeviceId, call: CheckedCall): Promise<Result<MethodAnswer>> {
    const there = await this.#reachable(identity, call)
    if (!there.ok) return there
    const attached = this.#links.get(identity)?.at(-1)
    if (attached === undefined) return offline()
    const { promise, resolve } = Promise.withResolvers<Result<MethodAnswer>>()
    const rid = (attached.next++).toString(16)
    const late = refuse(
      'hub/method-timeout',
      `The device did not answer within ${call.responseMs / 1000} seconds. The method may have run.`,
    )
    const cancel = this.#ports.clock.after(call.responseMs, () => resolve(late))
    attached.calls.set(rid, resolve)
    try {
      attached.link.call(rid, call.name, call.body)
      return await promise
    } finally {
      cancel()
      attached.calls.delete(rid)
    }
  }

  /** Resolves when the identity has a link, or when it is too late. */
  async #reachable(identity: DeviceId, { body, connectMs }: CheckedCall): Promise<Result<void>> {
    if (this.#links.has(identity)) return ok(undefined)
    if (connectMs === 0) return offline()
    if (this.#waitingBytes + body.length > this.#settings.waitingBytes) return tooMany()
    this.#waitingBytes += body.length
    const { promise, resolve } = Promise.withResolvers<Result<void>>()
    const wake = () => resolve(ok(undefined))
    const waiting = this.#waiting.get(identity) ?? new Set()
    this.#waiting.set(identity, waiting.add(wake))
    const cancel = this.#ports.clock.after(connectMs, () => resolve(offline()))
    try {
      return await promise
    } finally {
      cancel()
      this.#waitingBytes -= body.length
      waiting.delete(wake)
      if (waiting.size === 0 && this.#waiting.get(identity) === waiting) this.#waiting.delete(identity)
    }
  }
}

function offline(): Result<never> {
  return refuse('hub/device-offline', 'The device is not connected, or takes no methods.')
}

function tooMany(): Result<never> {
  return refuse('hub/too-many-calls', 'Too many calls wait for an answer.')
}
