import type { Principal } from '#access'
import { type DeviceId, type Refusal, type Result, identityParts, never, ok, refuse, uuid } from '#base'
import { azureErrorReply, messageTopicPrefix } from '#wire/azure'
import type { Desk } from '../desk.ts'
import { KeyedRates } from '../keyed-rates.ts'
import { tellDenied, tellRefused } from '../records.ts'
import type { Rate } from '../token-bucket.ts'
import { type DeviceRequest, parseDeviceRequest } from './device-path.ts'
import { beginUpload, endUpload } from './file-requests.ts'
import { type HttpCall, type HttpReply, headerOf } from './http-call.ts'
import { receiveMessage, settleMessage } from './message-requests.ts'
import { BodyBudget } from './read-body.ts'
import { sendTelemetry } from './telemetry-requests.ts'

/** Bytes of request bodies of all devices together that may be held at a time. */
const bodyBytes = 64 * 1024 * 1024

/** Requests of one identity by HTTPS, which has no connection whose reading could be paused. */
const requestsPerIdentity: Rate = { perSecond: 200, burst: 1_000 }

const apiVersion = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$/

/*
 * What a device asks by HTTPS (azure-wire 3). Every request proves itself: there is no session, so what is revoked is refused with the next
 * request, and a device that only asks does not count as connected. The order is fixed: who it is, whether it may, how often it asks; only
 * then its body is read.
 */
export class DeviceApi {
  readonly #desk: Desk
  readonly #budget = new BodyBudget(bodyBytes)
  readonly #requests: KeyedRates<DeviceId>
  readonly #messages: KeyedRates<DeviceId> | undefined

  /** `publishesPerSecond`: telemetry messages that one identity may send by this way; undefined: as many as it likes. */
  constructor(desk: Desk, publishesPerSecond: number | undefined) {
    this.#desk = desk
    const now = desk.ports.clock.monotonic()
    this.#requests = new KeyedRates(requestsPerIdentity, now)
    if (publishesPerSecond !== undefined) this.#messages = new KeyedRates({ perSecond: publishesPerSecond, burst: publishesPerSecond }, now)
  }

  /** Answers a request of the device API. Undefined: it is for somebody else. Never rejects, but for a bug. */
  answer(call: HttpCall): Promise<HttpReply> | undefined {
    const request = parseDeviceRequest(call.method, call.target)
    return request === undefined ? undefined : this.#answer(request, call)
  }

  async #answer(request: Result<DeviceRequest>, call: HttpCall): Promise<HttpReply> {
    const requestId = uuid(this.#desk.ports.random)
    const outcome = request.ok ? await this.#judge(request.value, call, requestId) : request
    if (outcome.ok) return { ...outcome.value, headers: { ...outcome.value.headers, 'x-ms-request-id': requestId } }
    return azureErrorReply(outcome.error, requestId, this.#desk.ports.clock.now())
  }

  async #judge(request: DeviceRequest, call: HttpCall, requestId: string): Promise<Result<HttpReply>> {
    const { clock, hub } = this.#desk.ports
    const { action } = request
    if (action.kind === 'method-not-allowed') return refuse('gateway/method-not-allowed', 'This address does not answer to this method.')
    if (request.apiVersion === undefined || !apiVersion.test(request.apiVersion))
      return refuse('gateway/api-version', 'The query has no api-version of the form 2021-04-12.')
    const proven = await this.#prove(request, call)
    if (!proven.ok) return proven
    if (!this.#requests.take(request.identity, clock.monotonic())) return tooMany()
    hub.presence.active(request.identity)
    if ((action.kind === 'receive' || action.kind === 'settle') && !this.#mayHaveMessages(proven.value, requestId))
      return refuse('gateway/operation-denied', 'The policy does not allow this identity to do this.')
    return this.#perform(request, call, requestId)
  }

  /**
   * Telemetry. The body may have taken its time, so the device is proven once more when it is there: what was revoked meanwhile is refused, and
   * the policy asked is the one for what it is now.
   */
  #sendTelemetry(request: DeviceRequest, call: HttpCall, requestId: string): Promise<Result<HttpReply>> {
    const { clock } = this.#desk.ports
    return sendTelemetry(this.#desk, call, requestId, this.#budget, async (messages) => {
      if (this.#messages?.take(request.identity, clock.monotonic(), messages) === false) return tooMany()
      return this.#prove(request, call)
    })
  }

  async #prove({ identity }: DeviceRequest, { headers, peer }: HttpCall): Promise<Result<Principal>> {
    const { ports } = this.#desk
    const claim = {
      identity,
      token: headerOf(headers, 'authorization'),
      certificates: peer.certificates(),
      address: peer.address,
      host: headerOf(headers, 'host'),
    }
    const proven = ports.authenticateDevice?.(claim)
    if (proven === undefined) return refuse('gateway/unauthorized', 'Nobody can be known here.')
    const refused = proven.ok
      ? ports.policyOf(proven.value.subject).connect() === undefined
        ? { code: 'gateway/connect-denied', message: 'The policy does not allow this client to connect.' }
        : undefined
      : proven.error
    if (proven.ok && refused === undefined) {
      peer.proven()
      return ok(proven.value)
    }
    tellRefused(this.#desk, peer, { code: 'gateway/unauthorized', message: '', reasonCode: 0, ...refused }, identity)
    const waitMs = peer.denied()
    if (waitMs > 0) await new Promise<void>((resolve) => void ports.clock.after(waitMs, resolve))
    return hidden(refused)
  }

  /** Messages are for who may subscribe to them by MQTT. A refusal is recorded. */
  #mayHaveMessages({ device: identity, subject }: Principal, requestId: string): boolean {
    const { device, module } = identityParts(identity)
    const filter = `${messageTopicPrefix(device, module)}#`
    if (this.#desk.ports.policyOf(subject).subscribe(filter) !== undefined) return true
    tellDenied(this.#desk, { subject, connection: requestId }, 'subscribe', filter)
    return false
  }

  #perform(request: DeviceRequest, call: HttpCall, requestId: string): Promise<Result<HttpReply>> {
    const { identity, action } = request
    switch (action.kind) {
      case 'telemetry':
        return this.#sendTelemetry(request, call, requestId)
      case 'receive':
        return receiveMessage(this.#desk, identity, call)
      case 'settle':
        return settleMessage(this.#desk, identity, action, call)
      case 'begin-upload':
        return beginUpload(this.#desk, identity, call, this.#budget)
      case 'end-upload':
        return endUpload(this.#desk, identity, action.correlationId, call, this.#budget)
      case 'method-not-allowed':
        throw new Error('bug: refused before')
      default:
        return never(action)
    }
  }
}

function tooMany(): Result<never> {
  return refuse('gateway/too-many-requests', 'This identity asks too often.')
}

/** One code for every reason, so that nobody learns which devices there are. */
function hidden(refused: Refusal | undefined): Result<never> {
  return refuse('gateway/unauthorized', refused?.message ?? 'This device may not connect.', refused?.code)
}
