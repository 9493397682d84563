import { hash } from 'node:crypto'
import { type Clock, type Instant, type Result, ok, plus, refuse } from '#base'
import { mintCaller } from '../grant.ts'
import { Attempts } from '../operator-attempts.ts'
import { type Bearer, type BearerPorts, type Issuer, verifyBearer } from './bearer.ts'
import { type ServiceCaller, type ServiceRequest, type Services, refuseService } from './contract.ts'
import type { ServiceDirectory } from './directory.ts'
import { actionsOfPermissions, actionsOfRoles } from './permissions.ts'
import { type SignedByPolicy, verifySharedAccess } from './shared-access.ts'

/** Failures of one address in a minute before its bearer tokens are not even looked at. Signatures of policies cost next to nothing and are. */
export const failedServices = { perAddress: 100, together: Number.POSITIVE_INFINITY } as const

/** Bearer tokens that are remembered as verified, and for how long at most. A back end shows the same one with every request. */
const remembered = { tokens: 2_048, ms: 5 * 60_000 } as const

/** Refusals that are told in one second; those beyond are counted and told with the next. */
const toldPerSecond = 10

/** A refusal for the record: what was wrong with a token, and how many there were since the last. */
export type ServiceRefused = { readonly address: string; readonly reason: string; readonly count: number }

/** What the proof of back ends is made of. */
export type ServicePorts = {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly directory: Pick<ServiceDirectory, 'held' | 'signing' | 'onRemoved'>
  readonly issuers: readonly Issuer[]
  /** The names of this hub, the host part of a token must be one of them. */
  readonly names: readonly string[]
  isOurHost(host: string): boolean
  /** Told of refused tokens, at most some a second. */
  refused(what: ServiceRefused): void
}

type Source = { readonly kind: 'service' | 'shared-access-policy'; readonly name: string } | undefined

const tooMany = refuse('access/too-many-attempts', 'Too many refused tokens from your address. Wait a minute.')

/** Opens the proof of back ends. */
export function openServices(ports: ServicePorts): Services {
  const attempts = new Attempts(ports.clock, failedServices)
  const record = new RefusalRecord(ports)
  const known = new VerifiedTokens()
  const bearerPorts: BearerPorts = { issuers: ports.issuers, names: ports.names, held: (name) => ports.directory.held(name) }
  // By the caller that was handed out: whose rights it has, to tell who must go when somebody is removed.
  const sources = new WeakMap<ServiceCaller, Source>()
  const listeners = new Set<(isGood: (caller: ServiceCaller) => boolean) => void>()
  ports.directory.onRemoved((kind, name) => {
    known.clear()
    const isGood = (caller: ServiceCaller) => {
      const source = sources.get(caller)
      return source === undefined || source.kind !== kind || source.name !== name
    }
    for (const told of listeners) told(isGood)
  })

  const made = (caller: ServiceCaller, source: Source): ServiceCaller => {
    sources.set(caller, source)
    return Object.freeze(caller)
  }

  async function prove(token: string, about: ServiceRequest): Promise<Result<ServiceCaller>> {
    const now = ports.clock.now()
    if (/^SharedAccessSignature /i.test(token)) {
      const signed = verifySharedAccess(
        token,
        about.kind === 'event-hubs',
        { ...ports, signing: (name) => ports.directory.signing(name) },
        now,
      )
      return signed.ok ? ok(made(callerOfPolicy(signed.value), { kind: 'shared-access-policy', name: signed.value.policy })) : signed
    }
    const bearer = token.replace(/^Bearer +/i, '')
    const digest = hash('sha256', `${about.kind} ${bearer}`)
    const before = known.find(digest, now)
    if (before !== undefined) return ok(before)
    if (attempts.exhausted(about.address))
      return refuse('access/too-many-attempts', 'Too many refused tokens from your address. Wait a minute.')
    const removals = known.removals
    const verified = await verifyBearer(bearer, about.kind, bearerPorts, now)
    if (!verified.ok) return verified
    // Somebody was removed while a key set was awaited; who it was is asked anew.
    if (removals !== known.removals && verified.value.service !== undefined && ports.directory.held(verified.value.service) === undefined)
      return refuseService(`service ${verified.value.service} was removed`)
    const { service } = verified.value
    const caller = made(
      callerOfBearer(verified.value, ports.names[0] ?? ''),
      service === undefined ? undefined : { kind: 'service', name: service },
    )
    known.keep(digest, caller, now)
    return ok(caller)
  }

  return {
    async authenticate(token, about) {
      const proven = await prove(token, about)
      if (!proven.ok) {
        if (attempts.exhausted(about.address)) return tooMany
        attempts.failed(about.address)
        record.note(about.address, proven.error.detail ?? proven.error.code)
      }
      return proven
    },
    onRevoked(told) {
      listeners.add(told)
      return () => void listeners.delete(told)
    },
  }
}

function callerOfPolicy({ policy, permissions, scope, expiresAt }: SignedByPolicy): ServiceCaller {
  const actor = { kind: 'service', id: policy, via: 'shared-access-policy' } as const
  return { caller: mintCaller(actor, actionsOfPermissions(permissions)), expiresAt, scope }
}

function callerOfBearer({ id, roles, readsOnly, expiresAt }: Bearer, host: string): ServiceCaller {
  const held = actionsOfRoles(roles)
  const rights = readsOnly ? new Set([...held].filter((action) => action === 'telemetry.read')) : held
  return { caller: mintCaller({ kind: 'service', id, via: 'bearer', roles }, rights), expiresAt, scope: host }
}

/** Bearer tokens that were verified a moment ago, by their digest: a copy of this table opens nothing. */
class VerifiedTokens {
  readonly #known = new Map<string, { readonly caller: ServiceCaller; readonly until: Instant }>()
  removals = 0

  find(digest: string, now: Instant): ServiceCaller | undefined {
    const found = this.#known.get(digest)
    return found !== undefined && now < found.until ? found.caller : undefined
  }

  keep(digest: string, caller: ServiceCaller, now: Instant): void {
    const short = plus(now, remembered.ms)
    const until = caller.expiresAt !== undefined && caller.expiresAt < short ? caller.expiresAt : short
    this.#known.delete(digest)
    for (const oldest of this.#known.size >= remembered.tokens ? this.#known.keys() : []) if (this.#known.delete(oldest)) break
    this.#known.set(digest, { caller, until })
  }

  clear(): void {
    this.removals++
    this.#known.clear()
  }
}

/** Tells of refusals, a few a second; a flood becomes a count. */
class RefusalRecord {
  readonly #ports: Pick<ServicePorts, 'clock' | 'refused'>
  #since = Number.NEGATIVE_INFINITY
  #told = 0
  #untold = 0

  constructor(ports: Pick<ServicePorts, 'clock' | 'refused'>) {
    this.#ports = ports
  }

  note(address: string, reason: string): void {
    const now = this.#ports.clock.monotonic()
    if (now - this.#since >= 1_000) {
      this.#since = now
      this.#told = 0
    }
    if (this.#told >= toldPerSecond) {
      this.#untold++
      return
    }
    this.#told++
    this.#ports.refused({ address, reason: reason.slice(0, 512), count: 1 + this.#untold })
    this.#untold = 0
  }
}
