import {
  type AmqpError,
  type Attach,
  type Begin,
  type Detach,
  type Disposition,
  type Flow,
  type Saying,
  type Transfer,
  nothing,
} from '#wire/amqp'
import { amqpLimits } from './limits.ts'
import type { LinkPort } from './link-port.ts'
import { ReceiverLink } from './receiver-link.ts'
import { SenderLink } from './sender-link.ts'

/** A link, by the direction of its messages. */
export type Link = SenderLink | ReceiverLink

/** What a session needs of its connection. */
export type SessionPort = {
  write(channel: number, saying: Saying, payload?: Buffer): void
  /** A peer has attached a link; whoever is told accepts or refuses it, now or later. */
  attached(link: Link): void
  /** Whether one more link may be. */
  readonly hasRoomForLink: boolean
  /** See {@link LinkPort}. */
  takePartial(bytes: number): boolean
  givePartial(bytes: number): void
  /** Whether the peer takes what is written. */
  readonly isWritable: boolean
  /** Largest frame that the peer takes. */
  readonly peerFrameBytes: number
}

/** Bytes of a transfer frame that are no payload: the header, the performative, the longest tag. */
const transferOverhead = 96
const serial = (number: number) => number >>> 0

/** One session: the windows of both sides, and links by their handles. We answer on the peer's own channel and with its own handles. */
export class Session {
  readonly channel: number
  readonly #port: SessionPort
  readonly #links = new Map<number, Link>()
  /** Handles that we have detached and whose detach the peer still owes. */
  readonly #leaving = new Set<number>()
  readonly #waiting: { readonly saying: Extract<Saying, { type: 'transfer' }>; readonly payload: Buffer }[] = []
  #nextOutgoingId = 0
  #deliveryId = 0
  #peerWindow: number
  #nextIncomingId: number
  #incomingWindow: number = amqpLimits.incomingWindow

  constructor(channel: number, begin: Begin, port: SessionPort) {
    this.channel = channel
    this.#port = port
    this.#peerWindow = begin.incomingWindow
    this.#nextIncomingId = begin.nextOutgoingId
    port.write(channel, {
      type: 'begin',
      remoteChannel: channel,
      nextOutgoingId: 0,
      incomingWindow: this.#incomingWindow,
      outgoingWindow: amqpLimits.incomingWindow,
      handleMax: amqpLimits.links - 1,
    })
  }

  get links(): ReadonlyMap<number, Link> {
    return this.#links
  }

  /** Takes an attach. An error: the session cannot go on. */
  attach(attach: Attach): AmqpError | undefined {
    if (attach.handle >= amqpLimits.links)
      return { condition: 'amqp:connection:framing-error', description: 'The handle is beyond handle-max.' }
    if (this.#links.has(attach.handle) || this.#leaving.has(attach.handle))
      return { condition: 'amqp:session:handle-in-use', description: 'The handle is in use.' }
    const link = attach.role === 'receiver' ? new SenderLink(attach, this.#linkPort) : new ReceiverLink(attach, this.#linkPort)
    this.#links.set(attach.handle, link)
    if (!this.#port.hasRoomForLink)
      link.refuse({ condition: 'amqp:resource-limit-exceeded', description: 'The connection has too many links.' })
    else this.#port.attached(link)
    return undefined
  }

  detach(detach: Detach): AmqpError | undefined {
    if (this.#leaving.delete(detach.handle)) return undefined
    const link = this.#links.get(detach.handle)
    if (link === undefined) return unattached
    this.#links.delete(detach.handle)
    this.#port.write(this.channel, { type: 'detach', handle: detach.handle, closed: detach.closed })
    link.gone()
    return undefined
  }

  flow(flow: Flow): AmqpError | undefined {
    // What the peer takes, counted from what it has seen of us (part 2, section 2.5.6).
    const window = serial((flow.nextIncomingId ?? 0) + flow.incomingWindow - this.#nextOutgoingId)
    this.#peerWindow = window > 0x7fff_ffff ? 0 : window
    this.#sendWaiting()
    if (flow.handle === undefined) {
      if (flow.echo) this.#tellFlow()
      this.wake()
      return undefined
    }
    const link = this.#links.get(flow.handle)
    if (link === undefined) return this.#leaving.has(flow.handle) ? undefined : unattached
    if (link instanceof SenderLink) link.flowed(flow)
    return undefined
  }

  transfer(transfer: Transfer, payload: Buffer): AmqpError | undefined {
    if (this.#incomingWindow <= 0)
      return { condition: 'amqp:session:window-violation', description: 'More transfers came than the window allows.' }
    this.#incomingWindow--
    this.#nextIncomingId = serial(this.#nextIncomingId + 1)
    if (this.#incomingWindow < amqpLimits.incomingWindow / 2) {
      this.#incomingWindow = amqpLimits.incomingWindow
      this.#tellFlow()
    }
    const link = this.#links.get(transfer.handle)
    if (link === undefined) return this.#leaving.has(transfer.handle) ? undefined : unattached
    if (link instanceof SenderLink) return { condition: 'amqp:not-allowed', description: 'A transfer came on a link that only receives.' }
    return link.transfer(transfer, payload)
      ? undefined
      : { condition: 'amqp:link:transfer-limit-exceeded', description: 'A transfer came without credit or in the middle of another.' }
  }

  /** What the peer says of what we sent. What it says of what it sent itself changes nothing: we have settled that. */
  disposition({ role, first, last, state, settled }: Disposition): void {
    if (role !== 'receiver') return
    for (const link of this.#links.values()) if (link instanceof SenderLink) link.disposed(first, last, state, settled)
  }

  /** Lets every link that may send go on. */
  wake(): void {
    this.#sendWaiting()
    for (const link of this.#links.values()) if (link instanceof SenderLink && link.isReady) link.onCredit()
  }

  /** The session is over; its links are gone. */
  gone(): void {
    const links = [...this.#links.values()]
    this.#links.clear()
    this.#waiting.length = 0
    for (const link of links) link.gone()
  }

  readonly #linkPort: LinkPort = this.#makePort()

  #makePort(): LinkPort {
    const hasRoom = () => this.#waiting.length === 0 && this.#peerWindow > 0 && this.#port.isWritable
    return {
      attached: (attach, how, maxMessageBytes, more = {}) => {
        const isRefused = how === 'refused'
        const isSender = attach.role === 'receiver'
        this.#port.write(this.channel, {
          type: 'attach',
          name: attach.name,
          handle: attach.handle,
          role: isSender ? 'sender' : 'receiver',
          sndSettleMode: attach.sndSettleMode,
          rcvSettleMode: attach.rcvSettleMode,
          source: isSender && isRefused ? nothing : (attach.source?.whole ?? nothing),
          target: !isSender && isRefused ? nothing : (attach.target?.whole ?? nothing),
          ...(isSender ? { initialDeliveryCount: 0 } : {}),
          maxMessageBytes,
          ...more,
        })
      },
      detach: (handle, error) => {
        if (!this.#links.delete(handle)) return
        this.#leaving.add(handle)
        this.#port.write(this.channel, { type: 'detach', handle, closed: true, error })
      },
      flow: (link) => this.#tellFlow(link),
      disposition: (role, first, state) => this.#port.write(this.channel, { type: 'disposition', role, first, state }),
      transfer: (handle, tag, payload, settled) => this.#transfer(handle, tag, payload, settled),
      takePartial: (bytes) => this.#port.takePartial(bytes),
      givePartial: (bytes) => this.#port.givePartial(bytes),
      get hasRoom() {
        return hasRoom()
      },
    }
  }

  #transfer(handle: number, deliveryTag: Buffer, payload: Buffer, settled: boolean): number {
    const deliveryId = this.#deliveryId
    this.#deliveryId = serial(deliveryId + 1)
    const piece = Math.min(this.#port.peerFrameBytes, amqpLimits.frameBytes) - transferOverhead
    for (let at = 0; at === 0 || at < payload.length; at += piece) {
      const more = at + piece < payload.length
      const saying = { type: 'transfer', handle, deliveryId, deliveryTag, settled, more } as const
      this.#waiting.push({ saying, payload: payload.subarray(at, at + piece) })
    }
    this.#sendWaiting()
    return deliveryId
  }

  #sendWaiting(): void {
    while (this.#peerWindow > 0) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#peerWindow--
      this.#nextOutgoingId = serial(this.#nextOutgoingId + 1)
      this.#port.write(this.channel, next.saying, next.payload)
    }
  }

  #tellFlow(link?: { readonly handle: number; readonly deliveryCount: number; readonly credit: number; readonly drain: boolean }): void {
    this.#port.write(this.channel, {
      type: 'flow',
      nextIncomingId: this.#nextIncomingId,
      incomingWindow: this.#incomingWindow,
      nextOutgoingId: this.#nextOutgoingId,
      outgoingWindow: amqpLimits.incomingWindow,
      link,
    })
  }
}

const unattached: AmqpError = { condition: 'amqp:session:unattached-handle', description: 'No link is attached by this handle.' }
