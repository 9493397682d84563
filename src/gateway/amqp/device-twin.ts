import type { Refusal } from '#base'
import { type DesiredChange, type TwinObject, desiredChangeJson, deviceTwinJson } from '#hub'
import {
  type AmqpError,
  type AmqpMessage,
  type Value,
  decodeMessage,
  encodeMessage,
  long,
  number,
  string,
  textOf,
  wholeOf,
} from '#wire/amqp'
import { operationFilters } from '#wire/azure'
import { parseJson } from '#wire/json'
import type { Desk } from '../desk.ts'
import type { DesiredListener } from '../operations/desired-listeners.ts'
import { operationError, operationFault } from '../operations/operation-error.ts'
import { amqpError } from './amqp-error.ts'
import { bodyOf } from './device-message.ts'
import type { DeviceMember } from './device-member.ts'
import type { AmqpHub } from './door.ts'
import { onClosed } from './device-links.ts'
import { amqpLimits } from './limits.ts'
import type { Delivery, ReceiverLink } from './receiver-link.ts'
import type { SenderLink } from './sender-link.ts'

const reported = '/properties/reported'
const desired = '/notifications/twin/properties/desired'
/** What a policy is asked about for each request: the topic that it has by MQTT, where it names itself by `$rid`. */
const twinTopics = { get: '$iothub/twin/GET/?$rid=', reported: '$iothub/twin/PATCH/properties/reported/?$rid=' } as const
const denied: Refusal = { code: 'gateway/operation-denied', message: 'The policy does not allow this identity to do this.' }
const tooMany: AmqpError = { condition: 'amqp:resource-limit-exceeded', description: 'Too many requests are under way.' }
// Answers that wait for the other half of the pair, or for its credit.
const maxWaiting = 32

/** The two links of a device's twin, whichever comes first: requests come on the one, answers and changes go out on the other (azure-wire 4.4). */
export class DeviceTwin implements DesiredListener {
  readonly #desk: Desk
  readonly #hub: AmqpHub
  readonly #member: DeviceMember
  readonly #waiting: Buffer[] = []
  #out: SenderLink | undefined
  #isListening = false
  #inProcess = 0
  /** The version of desired properties that the device has seen last. */
  #seen: number | undefined

  constructor(desk: Desk, hub: AmqpHub, member: DeviceMember) {
    this.#desk = desk
    this.#hub = hub
    this.#member = member
  }

  /** The link on which answers and changes go out. A second one takes the place of the first. */
  serveAnswers(link: SenderLink): void {
    this.#out = link
    link.onCredit = () => this.#send()
    onClosed(link, () => {
      if (this.#out !== link) return
      this.#out = undefined
      this.#waiting.length = 0
      this.#listen(false)
    })
    link.accept()
  }

  /** The link on which requests come. */
  serveRequests(link: ReceiverLink): void {
    link.onMessage = (delivery) => {
      this.#take(delivery).catch((error: unknown) => {
        this.#desk.ports.trouble?.('a twin request by AMQP', error)
        delivery.settle({ kind: 'released' })
      })
    }
    link.accept(amqpLimits.messageBytes, amqpLimits.operationCredit)
  }

  /** Whether the device has asked to be told of desired properties. */
  get listens(): boolean {
    return this.#isListening
  }

  /** Desired properties have changed. */
  desiredChanged(change: DesiredChange): void {
    if (this.#seen !== undefined && change.version <= this.#seen) return
    this.#tellDesired(change.version, desiredChangeJson(change))
  }

  async #take(delivery: Delivery): Promise<void> {
    const decoded = decodeMessage(delivery.payload)
    if (!decoded.ok) {
      const error = amqpError({ code: 'gateway/amqp-malformed', message: decoded.error.message })
      return delivery.settle({ kind: 'rejected', error })
    }
    this.#member.heard(1, delivery.payload.length)
    if (this.#inProcess >= amqpLimits.operations) return delivery.settle({ kind: 'rejected', error: tooMany })
    this.#inProcess++
    const answer = await this.#judge(decoded.value).catch((error: unknown) => {
      this.#desk.ports.trouble?.('a twin request by AMQP', error)
      return operationFault(this.#desk)
    })
    this.#inProcess--
    // Now, not before: this is what gives the link its next request.
    delivery.settle({ kind: 'accepted' })
    this.#answer(decoded.value.properties.correlationId, answer)
  }

  async #judge(message: AmqpMessage): Promise<Answer> {
    const operation = textOf(message.annotations.get('operation'))?.toUpperCase()
    const resource = textOf(message.annotations.get('resource')) ?? ''
    if (operation === 'GET' && resource === '') {
      if (!this.#member.mayPublish(twinTopics.get)) return this.#refused(denied)
      const twin = await this.#hub.twins.get(this.#member.identity)
      if (twin === undefined) return this.#refused({ code: 'hub/device-not-found', message: 'There is no such device.' })
      this.#seen = twin.desired.version
      return { status: 200, body: JSON.stringify(deviceTwinJson(twin)) }
    }
    if (operation === 'PATCH' && resource.toLowerCase() === reported)
      return this.#member.mayPublish(twinTopics.reported) ? this.#patch(message) : this.#refused(denied)
    if (resource.toLowerCase() === desired && (operation === 'PUT' || operation === 'DELETE')) {
      if (operation === 'PUT' && !this.#member.maySubscribe(operationFilters.desired)) return this.#refused(denied)
      this.#listen(operation === 'PUT')
      if (operation === 'PUT') await this.#catchUp()
      return { status: 200 }
    }
    return this.#refused({ code: 'gateway/amqp-twin-request', message: 'This is no operation on a twin.' })
  }

  async #patch(message: AmqpMessage): Promise<Answer> {
    const patch = parseJson(bodyOf(message).toString('utf8'))
    if (!patch.ok) return this.#refused(patch.error)
    const version = message.annotations.get('version')
    const done = await this.#hub.twins.patchReported(
      this.#member.identity,
      patch.value,
      version === undefined ? undefined : wholeOf(version),
    )
    return done.ok ? { status: 200, version: done.value.version } : this.#refused(done.error)
  }

  /** A change between GET and PUT must not be lost (azure-wire 4.6). */
  async #catchUp(): Promise<void> {
    if (this.#seen === undefined) return
    const twin = await this.#hub.twins.get(this.#member.identity)
    if (twin !== undefined && twin.desired.version > this.#seen) {
      const { version, properties } = twin.desired
      this.#tellDesired(version, { ...properties, $version: version })
    }
  }

  #listen(wants: boolean): void {
    const { desired: listeners } = this.#desk
    this.#isListening = wants && this.#out !== undefined
    if (this.#isListening) listeners.add(this.#member.identity, this)
    else listeners.remove(this.#member.identity, this)
  }

  #tellDesired(version: number, body: TwinObject): void {
    this.#seen = version
    const annotations = new Map<string, Value>([['resource', string(desired)]])
    this.#queue(encodeMessage({ annotations, data: [Buffer.from(JSON.stringify(body))] }))
  }

  #answer(correlationId: Value | undefined, { status, version, body = '' }: Answer): void {
    const annotations = new Map<string, Value>([['status', number('int', status)]])
    if (version !== undefined) annotations.set('version', long(version))
    this.#queue(encodeMessage({ properties: { correlationId }, annotations, data: [typeof body === 'string' ? Buffer.from(body) : body] }))
  }

  #refused(refusal: Refusal): Answer {
    return operationError(this.#desk, refusal)
  }

  #queue(payload: Buffer): void {
    // A device that takes no answers is not owed all of them.
    if (this.#waiting.push(payload) > maxWaiting) this.#waiting.shift()
    this.#send()
  }

  #send(): void {
    while (this.#out?.isReady === true) {
      const payload = this.#waiting.shift()
      if (payload === undefined) return this.#out.nothingLeft()
      this.#member.told(payload.length)
      this.#out.send({ payload })
    }
  }
}

type Answer = { readonly status: number; readonly version?: number; readonly body?: string | Buffer }
