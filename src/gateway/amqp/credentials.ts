import type { Caller, Principal, ServiceCaller } from '#access'
import { type DeviceId, type Instant, type Result, fail, identityOf, ok, parseDeviceId, parseModuleId, refuse } from '#base'
import { parseSharedAccessSignature, resourceSegments } from '#wire/azure'
import type { Desk } from '../desk.ts'
import { amqpLimits } from './limits.ts'

/** Where the peer is and what certificate it has; the same for everything that it claims. */
export type PeerFacts = { readonly address: string; readonly certificates: () => readonly Buffer[] }

/** A token that was taken: of whom, until when. */
export type Taken =
  | { readonly kind: 'device'; readonly principal: Principal }
  | { readonly kind: 'service'; readonly service: ServiceCaller }

/**
 * Who a connection has proven to be: several devices, several back ends, or none yet. Tokens come by put-token and by SASL PLAIN; a certificate is
 * asked about when a link wants it. A device is asked about anew whenever its first link comes: what was revoked since is not remembered here.
 */
export class Credentials {
  readonly #desk: Desk
  readonly #peer: PeerFacts
  readonly #tokens = new Map<DeviceId, { readonly token: string; readonly expiresAt: Instant | undefined }>()
  readonly #services = new Map<string, ServiceCaller>()

  constructor(desk: Desk, peer: PeerFacts) {
    this.#desk = desk
    this.#peer = peer
  }

  get isKnown(): boolean {
    return this.#tokens.size + this.#services.size > 0
  }

  /**
   * Takes a token. `name` is what it is said to be for; where it is given, what the token covers must cover it. Refuses as access does, and
   * `gateway/amqp-token-scope`, `gateway/amqp-too-many-tokens`.
   */
  async take(token: string, name: string | undefined): Promise<Result<Taken>> {
    const tooMany = refuse('gateway/amqp-too-many-tokens', `A connection may hold at most ${amqpLimits.tokens} tokens.`)
    const isFull = () => this.#tokens.size + this.#services.size >= amqpLimits.tokens
    const identity = deviceOf(token)
    if (identity !== undefined) {
      // Another one of who has one takes its place.
      if (isFull() && !this.#tokens.has(identity)) return tooMany
      const proven = this.#prove(identity, token)
      if (!proven.ok) return proven
      if (name !== undefined && !covers(resourceOf(token), name)) return outOfScope
      this.#tokens.set(identity, { token, expiresAt: proven.value.expiresAt })
      return ok({ kind: 'device', principal: proven.value })
    }
    const kind = name?.startsWith('sb://') === true ? 'event-hubs' : 'cbs'
    const service = await this.#desk.ports.services.authenticate(token, { address: this.#peer.address, kind })
    if (!service.ok) return service
    // A bearer token names its audience, not a resource; put-token then names that too.
    const isBearer = !token.startsWith('SharedAccessSignature ')
    if (name !== undefined && !isBearer && !covers(service.value.scope, name)) return outOfScope
    const key = service.value.scope.toLowerCase()
    if (isFull() && !this.#services.has(key)) return tooMany
    this.#services.set(key, service.value)
    return ok({ kind: 'service', service: service.value })
  }

  /** Proves a device or module by the token that came for it, or else by the peer's certificate. Refuses as access does. */
  device(identity: DeviceId): Result<Principal> {
    return this.#prove(identity, this.#tokens.get(identity)?.token)
  }

  /** Drops tokens that have ended. */
  tick(now: Instant): void {
    for (const [identity, { expiresAt }] of this.#tokens) if (expiresAt !== undefined && now >= expiresAt) this.#tokens.delete(identity)
    for (const [key, { expiresAt }] of this.#services) if (expiresAt !== undefined && now >= expiresAt) this.#services.delete(key)
  }

  /** The rights of some back ends have ended before their tokens did. */
  revoke(isGood: (caller: ServiceCaller) => boolean): void {
    for (const [key, service] of this.#services) if (!isGood(service)) this.#services.delete(key)
  }

  /** What proved `identity` is worth nothing any more. */
  forget(identity: DeviceId): void {
    this.#tokens.delete(identity)
  }

  /** A back end whose token covers one of `paths` of this hub and has not ended, and that `may`. */
  service(paths: readonly (readonly string[])[], now: Instant, may: (caller: Caller) => boolean): ServiceCaller | undefined {
    this.tick(now)
    for (const service of this.#services.values())
      if (paths.some((path) => coversPath(service.scope, path)) && may(service.caller)) return service
    return undefined
  }

  #prove(identity: DeviceId, token: string | undefined): Result<Principal> {
    const { authenticateDevice } = this.#desk.ports
    if (authenticateDevice === undefined) return refuse('gateway/amqp-unauthorized', 'Nobody can be known here.')
    const { address } = this.#peer
    const certificates = this.#peer.certificates()
    if (token === undefined && certificates.length === 0)
      return refuse('gateway/amqp-unauthorized', 'No token has come for this device, and no certificate.')
    const proven = authenticateDevice({ identity, token, certificates, address, host: undefined })
    return proven.ok ? proven : fail(proven.error)
  }
}

const outOfScope = refuse('gateway/amqp-token-scope', 'The token does not cover what it was sent for.')

/** The device or module whose own key signed a token; undefined for a policy's, a bearer token, and what is none. */
function deviceOf(token: string): DeviceId | undefined {
  const parsed = parseSharedAccessSignature(token)
  if (!parsed.ok || parsed.value.policy !== undefined) return undefined
  const [, word, device, modules, module, ...more] = resourceSegments(parsed.value.resource) ?? []
  if (word?.toLowerCase() !== 'devices' || device === undefined || more.length > 0) return undefined
  const id = parseDeviceId(device)
  if (!id.ok) return undefined
  if (modules === undefined) return id.value
  const moduleId = modules.toLowerCase() === 'modules' ? parseModuleId(module ?? '') : undefined
  return moduleId?.ok === true ? identityOf(id.value, moduleId.value) : undefined
}

function resourceOf(token: string): string {
  const parsed = parseSharedAccessSignature(token)
  return parsed.ok ? (resourceSegments(parsed.value.resource)?.join('/') ?? '') : ''
}

/** Whether `scope`, decoded, covers the audience `name` as it was sent: whole leading segments, the host without regard to case or port. */
function covers(scope: string, name: string): boolean {
  const wanted = resourceSegments(name.replace(/^(sb|amqps?):\/\//i, ''))
  const given = scope.replace(/^(sb|amqps?):\/\//i, '').split('/')
  if (wanted === undefined) return false
  const host = (text: string | undefined) => (text ?? '').toLowerCase().replace(/:[0-9]+$/, '')
  return host(given[0]) === host(wanted[0]) && given.slice(1).every((segment, at) => segment === wanted[at + 1])
}

/** The same for a path of this hub: access has looked at the host. */
function coversPath(scope: string, path: readonly string[]): boolean {
  const [, ...given] = scope
    .replace(/^(sb|amqps?|https):\/\//i, '')
    .split('/')
    .filter((segment) => segment !== '')
  return given.every((segment, at) => segment.toLowerCase() === path[at]?.toLowerCase())
}
