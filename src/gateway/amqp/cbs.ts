import { type AmqpError, type AmqpMessage, type Value, decodeMessage, encodeMessage, number, string, textOf } from '#wire/amqp'
import type { Result } from '#base'
import { amqpError, statusOf } from './amqp-error.ts'
import type { Taken } from './credentials.ts'
import { amqpLimits } from './limits.ts'
import type { Delivery, ReceiverLink } from './receiver-link.ts'
import type { SenderLink } from './sender-link.ts'

/** What `$cbs` needs of its connection. */
export type CbsPort = {
  /** Judges a token that came for `name`. Resolves when the answer may be given: guessing takes time. */
  take(token: string, name: string): Promise<Result<Taken>>
  trouble(error: unknown): void
}

const maxWaiting = 16
const tooMany: AmqpError = { condition: 'amqp:resource-limit-exceeded', description: 'Too many tokens are being judged.' }

/** The two links of `$cbs`: put-token comes on the one, what became of it goes out on the other (azure-wire 4.2). */
export class Cbs {
  readonly #port: CbsPort
  readonly #waiting: { readonly payload: Buffer; readonly replyTo: string }[] = []
  #outs: readonly SenderLink[] = []
  #inProcess = 0

  constructor(port: CbsPort) {
    this.#port = port
  }

  serveRequests(link: ReceiverLink): void {
    link.onMessage = (delivery) => {
      this.#take(delivery).catch((error: unknown) => {
        this.#port.trouble(error)
        delivery.settle({ kind: 'released' })
      })
    }
    link.accept(64 * 1024, amqpLimits.operationCredit)
  }

  serveAnswers(link: SenderLink): void {
    this.#outs = [...this.#outs.filter((out) => out.isOpen), link]
    link.onCredit = () => this.#send()
    link.onClosed = () => (this.#outs = this.#outs.filter((out) => out !== link))
    link.accept()
  }

  async #take(delivery: Delivery): Promise<void> {
    const decoded = decodeMessage(delivery.payload)
    if (!decoded.ok) {
      const error = amqpError({ code: 'gateway/amqp-malformed', message: decoded.error.message })
      return delivery.settle({ kind: 'rejected', error })
    }
    if (this.#inProcess >= amqpLimits.operations) return delivery.settle({ kind: 'rejected', error: tooMany })
    const { messageId, replyTo } = decoded.value.properties
    this.#inProcess++
    const { status, description } = await this.#judge(decoded.value)
    this.#inProcess--
    // Now, not before: this is what gives the link its next token.
    delivery.settle({ kind: 'accepted' })
    const application = new Map<string, Value>([
      ['status-code', number('int', status)],
      ['status-description', string(description)],
    ])
    const payload = encodeMessage({ properties: { correlationId: messageId }, application })
    if (this.#waiting.push({ payload, replyTo: replyTo ?? '' }) > maxWaiting) this.#waiting.shift()
    this.#send()
  }

  async #judge({ application, value }: AmqpMessage): Promise<{ readonly status: number; readonly description: string }> {
    const operation = textOf(application.get('operation'))
    const name = textOf(application.get('name'))
    const token = value?.type === 'binary' ? value.value.toString('utf8') : textOf(value)
    if (operation !== 'put-token' || name === undefined || token === undefined)
      return { status: 400, description: 'This is no put-token: operation, name, and the token as the body.' }
    const taken = await this.#port.take(token, name).catch((error: unknown) => {
      this.#port.trouble(error)
      return undefined
    })
    if (taken === undefined) return { status: 500, description: 'The token could not be judged now. Try again.' }
    return taken.ok ? { status: 200, description: 'OK' } : { status: statusOf(taken.error), description: taken.error.message }
  }

  /** By link, not by address: a device's receiver has none, and its reply-to is the word `cbs` (azure-wire 4.6). */
  #send(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const { payload, replyTo } = next
      const named = this.#outs.filter(({ attach }) => attach.target?.address === replyTo || attach.name === replyTo)
      const out = (named.length > 0 ? named : this.#outs).findLast((one) => one.isReady)
      if (out === undefined) return
      this.#waiting.shift()
      out.send({ payload })
    }
    for (const out of this.#outs) out.nothingLeft()
  }
}
