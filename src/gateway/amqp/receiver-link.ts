import type { AmqpError, Attach, Outcome, Transfer } from '#wire/amqp'
import { amqpLimits } from './limits.ts'
import type { LinkPort } from './link-port.ts'

/** One message that a peer sent, until we say what became of it. `payload` is a copy of its own. */
export type Delivery = {
  readonly format: number
  readonly payload: Buffer
  /** Says what became of it and frees its place. Harmless to call twice, and after the link is gone. */
  settle(outcome: Outcome): void
}

type Incoming = {
  readonly id: number
  readonly format: number
  readonly settled: boolean
  readonly chunks: Buffer[]
  bytes: number
  held: number
}

/**
 * A link on which the peer sends and we receive. It gives as much credit as it was accepted with, and again what was settled: messages in work are
 * bounded, whatever the peer does.
 */
export class ReceiverLink {
  readonly attach: Attach
  /** Told of every whole message, in order. */
  onMessage: (delivery: Delivery) => void = (delivery) => delivery.settle({ kind: 'released' })
  /** Told once, when the link is gone, for whatever reason. */
  onClosed: () => void = () => {}
  readonly #port: LinkPort
  #state: 'attaching' | 'open' | 'closed' = 'attaching'
  #maxBytes: number = amqpLimits.messageBytes
  #window = 0
  #credit = 0
  #inWork = 0
  #deliveryCount: number
  #incoming: Incoming | undefined

  constructor(attach: Attach, port: LinkPort) {
    this.attach = attach
    this.#port = port
    this.#deliveryCount = attach.initialDeliveryCount ?? 0
  }

  /** The address that the peer sends to; empty where it named none. */
  get address(): string {
    return this.attach.target?.address ?? ''
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Lets the link be, for messages of at most `maxBytes`, so many at a time. */
  accept(maxBytes: number = amqpLimits.messageBytes, credit: number = amqpLimits.credit): void {
    if (this.#state !== 'attaching') return
    this.#state = 'open'
    this.#maxBytes = maxBytes
    this.#window = credit
    this.#port.attached(this.attach, undefined, maxBytes)
    this.#grant()
  }

  /** Does not let it be: the attach is answered without a target, then detached with the reason. */
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

  /** The peer has detached, or the connection is gone. */
  gone(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#endIncoming()
    this.onClosed()
  }

  /** Takes one transfer. False: the peer broke the rules, and the connection must end. */
  transfer(transfer: Transfer, payload: Buffer): boolean {
    if (this.#state === 'closed') return true
    const incoming = this.#incoming ?? this.#begin(transfer)
    if (incoming === undefined) return false
    if (transfer.deliveryId !== undefined && transfer.deliveryId !== incoming.id) return false
    if (transfer.aborted) {
      this.#endIncoming()
      this.#finished()
      return true
    }
    incoming.bytes += payload.length
    if (incoming.bytes > this.#maxBytes) {
      this.close({ condition: 'amqp:link:message-size-exceeded', description: `A message may have at most ${this.#maxBytes} bytes.` })
      return true
    }
    if (!transfer.more) {
      incoming.chunks.push(payload)
      this.#endIncoming()
      this.#deliver(incoming, transfer.settled || incoming.settled)
      return true
    }
    const held = payload.length + amqpLimits.partialPieceBytes
    this.#incoming = incoming
    if (!this.#port.takePartial(held)) {
      this.close({ condition: 'amqp:resource-limit-exceeded', description: 'The connection has begun too much that it has not ended.' })
      return true
    }
    incoming.held += held
    // The reader's bytes are shared with other frames: a small piece of them must not keep all.
    incoming.chunks.push(payload.length * 2 < payload.buffer.byteLength ? Buffer.from(payload) : payload)
    return true
  }

  #begin(transfer: Transfer): Incoming | undefined {
    if (transfer.deliveryId === undefined || this.#credit <= 0) return undefined
    this.#credit--
    this.#deliveryCount = (this.#deliveryCount + 1) >>> 0
    this.#inWork++
    return { id: transfer.deliveryId, format: transfer.messageFormat ?? 0, settled: transfer.settled, chunks: [], bytes: 0, held: 0 }
  }

  /** What was held of a message is given back: it is whole, or will not be. */
  #endIncoming(): void {
    if (this.#incoming !== undefined) this.#port.givePartial(this.#incoming.held)
    this.#incoming = undefined
  }

  #deliver({ id, format, chunks }: Incoming, isSettled: boolean): void {
    let isOpen = true
    this.onMessage({
      format,
      payload: Buffer.concat(chunks),
      settle: (outcome) => {
        if (!isOpen) return
        isOpen = false
        if (this.#state !== 'open') return
        if (!isSettled) this.#port.disposition('receiver', id, outcome)
        this.#finished()
      },
    })
  }

  #finished(): void {
    this.#inWork--
    if (this.#state === 'open') this.#grant()
  }

  /** Not for each message: credit is topped up when half of it is used. */
  #grant(): void {
    const room = this.#window - this.#inWork
    if (this.#credit > this.#window / 2 || room <= this.#credit) return
    if (room < this.#window / 2 && this.#credit > 0) return
    this.#credit = room
    this.#port.flow({ handle: this.attach.handle, deliveryCount: this.#deliveryCount, credit: this.#credit, drain: false })
  }
}
