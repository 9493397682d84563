import { type Refusal, uuid } from '#base'
import type { AttachedMethodLink } from '#hub'
import { type Value, decodeMessage, encodeMessage, string, wholeOf } from '#wire/amqp'
import type { Desk } from '../desk.ts'
import { amqpError } from './amqp-error.ts'
import { bodyOf } from './device-message.ts'
import type { DeviceMember } from './device-member.ts'
import type { AmqpHub } from './door.ts'
import { onClosed } from './device-links.ts'
import type { ReceiverLink } from './receiver-link.ts'
import type { SenderLink } from './sender-link.ts'
import { idText, uuidBytes } from './texts.ts'

// More than the hub lets wait for one device; beyond it the oldest answer is forgotten.
const maxCalls = 64

const denied: Refusal = { code: 'gateway/operation-denied', message: 'The policy does not allow this identity to do this.' }

/** The two links of direct methods of one device, whichever comes first: calls go out on the one, answers come on the other (azure-wire 4.4). */
export class DeviceMethods {
  readonly #desk: Desk
  readonly #hub: AmqpHub
  readonly #member: DeviceMember
  /** Correlation id to the link that the call went out on, and the hub's own name of it, which the next link has too. */
  readonly #calls = new Map<string, { readonly on: AttachedMethodLink; readonly rid: string }>()
  #attached: AttachedMethodLink | undefined

  constructor(desk: Desk, hub: AmqpHub, member: DeviceMember) {
    this.#desk = desk
    this.#hub = hub
    this.#member = member
  }

  /** The link on which calls go out. A second one takes the place of the first. */
  serveCalls(link: SenderLink): void {
    this.#attached?.detach()
    this.#attached = undefined
    let attached: AttachedMethodLink | undefined
    // With its first credit the device takes calls; one that came before would find nobody.
    link.onCredit = () => {
      if (attached !== undefined) return
      const on = this.#hub.methods.attach(this.#member.identity, { call: (rid, name, body) => this.#call(link, on, rid, name, body) })
      attached = on
      this.#attached = on
    }
    onClosed(link, () => {
      attached?.detach()
      if (this.#attached !== attached) return
      this.#attached = undefined
      this.#calls.clear()
    })
    link.accept()
  }

  /** The link on which answers come. */
  serveAnswers(link: ReceiverLink): void {
    link.onMessage = (delivery) => {
      const message = decodeMessage(delivery.payload)
      if (!message.ok) {
        const error = amqpError({ code: 'gateway/amqp-malformed', message: message.error.message })
        return delivery.settle({ kind: 'rejected', error })
      }
      this.#member.heard(1, delivery.payload.length)
      const id = idText(message.value.properties.correlationId)?.toLowerCase()
      const call = id === undefined ? undefined : this.#calls.get(id)
      const status = wholeOf(message.value.application.get('IoThub-status'))
      if (id !== undefined && call !== undefined && call.on === this.#attached && status !== undefined) {
        if (!this.#member.mayPublish(`$iothub/methods/res/${status}/?$rid=${call.rid}`))
          return delivery.settle({ kind: 'rejected', error: amqpError(denied) })
        this.#calls.delete(id)
        call.on.answer(call.rid, status, bodyOf(message.value))
      }
      delivery.settle({ kind: 'accepted' })
    }
    link.accept()
  }

  #call(link: SenderLink, on: AttachedMethodLink, rid: string, name: string, body: string): void {
    const id = uuid(this.#desk.ports.random)
    const payload = encodeMessage({
      properties: { correlationId: { type: 'uuid', value: uuidBytes(id) ?? Buffer.alloc(16) } },
      application: new Map<string, Value>([['IoThub-methodname', string(name)]]),
      data: [Buffer.from(body)],
    })
    // Without credit the device does not hear it, and the caller hears of a timeout, as of a device that is silent.
    if (!link.send({ payload })) return
    this.#member.told(payload.length)
    this.#calls.set(id, { on, rid })
    if (this.#calls.size > maxCalls) for (const oldest of this.#calls.keys()) if (this.#calls.delete(oldest)) break
  }
}
