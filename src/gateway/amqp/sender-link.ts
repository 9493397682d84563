import type { AmqpError, Attach, Flow, Outcome } from '#wire/amqp'
import { amqpLimits } from './limits.ts'
import type { AttachAnswer, LinkPort } from './link-port.ts'

/** A message that goes out. `onOutcome` hears once what the peer made of it, if it was sent unsettled and the link lived so long. */
export type Sending = {
  readonly payload: Buffer
  /** Names the delivery for the peer; one is counted where none is given. At most 32 bytes. */
  readonly tag?: Buffer | undefined
  readonly settled?: boolean | undefined
  readonly onOutcome?: ((outcome: Outcome) => void) | undefined
}

const serial = (number: number) => number >>> 0

/** A link on which we send and the peer receives. Messages go only as far as the peer's credit; who has them waits for {@link SenderLink.onCredit}. */
export class SenderLink {
  readonly attach: Attach
  /** Called whenever the peer may have become able to take more. */
  onCredit: () => void = () => {}
  /** Told once, when the link is gone, for whatever reason. */
  onClosed: () => void = () => {}
  readonly #port: LinkPort
  readonly #unsettled = new Map<number, (outcome: Outcome) => void>()
  #state: 'attaching' | 'open' | 'closed' = 'attaching'
  #credit = 0
  #drains = false
  #deliveryCount = 0
  #tags = 0

  constructor(attach: Attach, port: LinkPort) {
    this.attach = attach
    this.#port = port
  }

  /** The address that the peer receives from; empty where it named none. */
  get address(): string {
    return this.attach.source?.address ?? ''
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Whether one more message may be sent now. */
  get isReady(): boolean {
    return this.#state === 'open' && this.#credit > 0 && this.#unsettled.size < amqpLimits.unsettled && this.#port.hasRoom
  }

  /** How many messages the peer has asked for. */
  get credit(): number {
    return this.#credit
  }

  /** Lets the link be. */
  accept(more?: AttachAnswer): void {
    if (this.#state !== 'attaching') return
    this.#state = 'open'
    this.#port.attached(this.attach, undefined, undefined, more)
    if (this.#credit > 0) this.onCredit()
  }

  /** Does not let it be: the attach is answered without a source, then detached with the reason. */
  refuse(error: AmqpError): void {
    if (this.#state !== 'attaching') return
    this.#port.attached(this.attach, 'refused')
    this.#state = 'open'
    this.close(error)
  }

  /** Ends the link from our side. */
  close(error?: AmqpError): void {
    if (this.#state === 'attaching') return this.refuse(error ?? { condition: 'amqp:link:detach-forced' })
    if (this.#state === 'closed') return
    this.#port.detach(this.attach.handle, error)
    this.gone()
  }

  /** The peer has detached, or the connection is gone: nothing that was sent will be settled any more. */
  gone(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#unsettled.clear()
    this.onClosed()
  }

  /** Sends one message. False: the link is not ready, and nothing was sent. */
  send({ payload, tag, settled = this.attach.sndSettleMode === 1, onOutcome }: Sending): boolean {
    if (!this.isReady) return false
    this.#credit--
    this.#deliveryCount = serial(this.#deliveryCount + 1)
    const named = tag ?? this.#nextTag()
    const id = this.#port.transfer(this.attach.handle, named, payload, settled)
    if (!settled) this.#unsettled.set(id, onOutcome ?? (() => {}))
    return true
  }

  /** There is nothing to send: a peer that drains gets its credit back (part 2, section 2.6.7). */
  nothingLeft(): void {
    if (!this.#drains || this.#state !== 'open') return
    this.#drains = false
    this.#deliveryCount = serial(this.#deliveryCount + this.#credit)
    this.#credit = 0
    this.#tellFlow(true)
  }

  /** The peer says how much it takes. */
  flowed(flow: Flow): void {
    if (this.#state === 'closed') return
    const credit = serial(serial(flow.deliveryCount ?? 0) + (flow.linkCredit ?? 0) - this.#deliveryCount)
    // Serial arithmetic: more than half of the space is less than nothing.
    this.#credit = credit > 0x7fff_ffff ? 0 : credit
    this.#drains = flow.drain
    if (this.#state !== 'open') return
    if (flow.echo) this.#tellFlow(false)
    this.onCredit()
  }

  /** The peer says what became of deliveries. */
  disposed(first: number, last: number, outcome: Outcome | undefined, settled: boolean): void {
    const span = serial(last - first)
    // Whatever range it names, the work is bounded by what is unsettled.
    const ids = span < this.#unsettled.size ? Array.from({ length: span + 1 }, (_, at) => serial(first + at)) : [...this.#unsettled.keys()]
    for (const id of ids) {
      const heard = this.#unsettled.get(id)
      if (heard === undefined || serial(id - first) > span) continue
      const final = outcome?.kind === 'received' || outcome?.kind === 'other' ? undefined : outcome
      if (!settled && final === undefined) continue
      this.#unsettled.delete(id)
      // In receiver-settles-second the peer waits for us to settle.
      if (!settled) this.#port.disposition('sender', id, final)
      // Settled without an outcome: it was not looked at.
      heard(final ?? { kind: 'released' })
    }
    if (this.isReady) this.onCredit()
  }

  #tellFlow(drain: boolean): void {
    this.#port.flow({ handle: this.attach.handle, deliveryCount: this.#deliveryCount, credit: this.#credit, drain })
  }

  #nextTag(): Buffer {
    const tag = Buffer.alloc(4)
    tag.writeUInt32BE(this.#tags)
    this.#tags = serial(this.#tags + 1)
    return tag
  }
}
