import type { Principal } from '#access'
import { type Refusal, type Result, identityParts, never, ok, refuse, uuid } from '#base'
import { azureErrorReply, messageTopicPrefix } from '#wire/azure'
import type { Desk } from '../desk.ts'
import { tellDenied, tellRefused } from '../records.ts'
import { type DeviceRequest, parseDeviceRequest } from './device-path.ts'
import { beginUpload, endUpload } from './file-requests.ts'
import { type HttpCall, type HttpReply, headerOf } from './http-call.ts'
import { receiveMessage, settleMessage } from './message-requests.ts'
import { BodyBudget } from './read-body.ts'
import { RequestRates } from './request-rates.ts'
import { sendTelemetry } from './telemetry-requests.ts'

/** Bytes of request bodies of all devices together that may be held at a time. */
const bodyBytes = 64 * 1024 * 1024

const apiVersion = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$/

/*
 * What a device asks by HTTPS (azure-wire 3). Every request proves itself: there is no session, so what is revoked is refused with the next
 * request, and a device that only asks does not count as connected. The order is fixed: who it is, whether it may, how often it asks; only
 * then its body is read.
 */
export class DeviceApi {
  readonly #desk: Desk
  readonly #budget = new BodyBudget(bodyBytes)
  readonly #rates: RequestRates

  constructor(desk: Desk) {
    this.#desk = desk
    this.#rates = new RequestRates(desk.ports.clock.monotonic())
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
    if (!this.#rates.take(request.identity, clock.monotonic())) return refuse('gateway/too-many-requests', 'This identity asks too often.')
    hub.presence.active(request.identity)
    if ((action.kind === 'receive' || action.kind === 'settle') && !this.#mayHaveMessages(proven.value, requestId))
      return refuse('gateway/operation-denied', 'The policy does not allow this identity to do this.')
    return this.#perform(request, proven.value, call, requestId)
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

  #perform({ identity, action }: DeviceRequest, principal: Principal, call: HttpCall, requestId: string): Promise<Result<HttpReply>> {
    switch (action.kind) {
      case 'telemetry':
        return sendTelemetry(this.#desk, principal, call, requestId, this.#budget)
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

/** One code for every reason, so that nobody learns which devices there are. */
function hidden(refused: Refusal | undefined): Result<never> {
  return refuse('gateway/unauthorized', refused?.message ?? 'This device may not connect.', refused?.code)
}
