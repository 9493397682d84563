import type { Clock, Refusal } from '#base'
import { limits } from '#base'
import { reasonCodes } from '#wire/mqtt'
import { placeOf } from './place.ts'
import { type Rate, TokenBucket } from './token-bucket.ts'

/*
 * Who may come in at all, before TLS has cost anything. Counted are sockets of peers that have not proven who they are, sockets of each
 * address, and connects in a second, of each address and of all. What is remembered of an address is a few numbers, and of so many
 * addresses only; beyond that, all the others share one memory.
 *
 * A peer over a limit is turned away in one of two ways. As long as answers are not many it goes through TLS and gets a CONNACK that
 * says why; beyond that its socket is closed at once, which costs us next to nothing.
 */

/** Bounds on coming in, for all listeners of devices together. An undefined rate is no bound. */
export type AdmissionLimits = {
  /** Sockets whose peers have not proven who they are, in all and of one address. */
  readonly strangers: number
  readonly strangersPerAddress: number
  /** Sockets of one address, proven or not. */
  readonly connectionsPerAddress: number
  readonly connects: Rate | undefined
  readonly connectsPerAddress: Rate | undefined
  /** CONNECTs of one address that may be denied within a minute before answers are delayed, and the longest delay. */
  readonly deniedConnects: number
  readonly deniedDelayMs: number
  /** Addresses that are remembered. */
  readonly addresses: number
}

/** Generous enough for ten thousand devices behind one address, all of which come back at once. */
export const defaultAdmissionLimits: AdmissionLimits = {
  strangers: limits.unauthenticatedSockets,
  strangersPerAddress: limits.unauthenticatedSocketsPerAddress,
  connectionsPerAddress: 20_000,
  // A bound on all addresses together would let strangers who cost themselves nothing keep everybody out.
  connects: undefined,
  connectsPerAddress: { perSecond: 500, burst: 20_000 },
  deniedConnects: 10,
  deniedDelayMs: 5_000,
  addresses: 65_536,
}

/** Why a peer does not come in, and the CONNACK code if it gets one. */
export type NotAdmitted = Refusal & { readonly reasonCode: number }

/** What a socket holds of {@link Admission} as long as it is open. */
export interface Ticket {
  /** Set when the peer gets as far as CONNECT, and is then refused for this. */
  readonly late: NotAdmitted | undefined
  /** The peer has proven who it is and no longer counts as a stranger. Harmless to call twice. */
  proven(): void
  /** Its CONNECT was denied. Milliseconds to wait before it is told: guessing must take time. */
  denied(): number
  /** The socket is gone. Harmless to call twice. */
  leave(): void
}

/** For a peer that is not counted: a probe of our own. */
export const freeTicket: Ticket = { late: undefined, proven() {}, denied: () => 0, leave() {} }

/** The answer of a hub that sheds load. */
export const serverBusy: NotAdmitted = {
  code: 'gateway/server-busy',
  message: 'The hub is too busy to take connections.',
  reasonCode: reasonCodes['server-busy'],
}
const strangersFull: NotAdmitted = {
  code: 'gateway/too-many-strangers',
  message: 'Too many peers that have not proven who they are.',
  reasonCode: reasonCodes['server-busy'],
}
const addressFull: NotAdmitted = {
  code: 'gateway/too-many-from-address',
  message: 'Too many connections from one address.',
  reasonCode: reasonCodes['quota-exceeded'],
}
const tooFast: NotAdmitted = {
  code: 'gateway/connect-rate',
  message: 'Too many connections in a short time.',
  reasonCode: reasonCodes['connection-rate-exceeded'],
}

const deniedWindowMs = 60_000
const firstDelayMs = 100
/** Answers in a second to peers that are turned away; the rest is closed unheard. */
const answers: Rate = { perSecond: 100, burst: 200 }
/** Sockets that listeners with a health page still take while the hub is strained. */
const healthGuests = 64
// Looking for an address that can be forgotten must not take long when there is none.
const maxLooks = 32

type Address = { open: number; strangers: number; denied: number; deniedSince: number; readonly connects: TokenBucket | undefined }

/** See the theory of operation above. */
export class Admission {
  readonly #limits: AdmissionLimits
  readonly #clock: Clock
  readonly #load: { readonly takesConnections: boolean }
  readonly #addresses = new Map<string, Address>()
  readonly #others: Address
  readonly #connects: TokenBucket | undefined
  readonly #answers: TokenBucket
  #strangers = 0
  #guests = 0

  /** `load` says whether the hub has room for more at all. */
  constructor(bounds: AdmissionLimits, clock: Clock, load: { readonly takesConnections: boolean }) {
    this.#limits = bounds
    this.#clock = clock
    this.#load = load
    this.#others = this.#newAddress()
    this.#connects = bounds.connects === undefined ? undefined : new TokenBucket(bounds.connects, clock.monotonic())
    this.#answers = new TokenBucket(answers, clock.monotonic())
  }

  /** Sockets whose peers have not proven who they are. */
  get strangers(): number {
    return this.#strangers
  }

  /** Addresses that are remembered now. */
  get remembered(): number {
    return this.#addresses.size
  }

  /** Lets a socket in, or says why it is to be closed. A listener that `answersHealth` keeps a little room for that even under strain. */
  enter(from: string, answersHealth: boolean): Ticket | NotAdmitted {
    const now = this.#clock.monotonic()
    const address = this.#addressOf(placeOf(from), now)
    if (this.#strangers >= this.#limits.strangers || address.strangers >= this.#limits.strangersPerAddress) return strangersFull
    if (!this.#load.takesConnections) return answersHealth && this.#guests < healthGuests ? this.#guest(address) : serverBusy
    const full = address.open >= this.#limits.connectionsPerAddress
    // The order matters: an address that is over its own rate must not eat what all of them share.
    const why = full ? addressFull : address.connects?.take(now) === false || this.#connects?.take(now) === false ? tooFast : undefined
    if (why !== undefined && !this.#answers.take(now)) return why
    return this.#ticket(address, why)
  }

  /** For who asks for the hub's health, as far as one can know before TLS. */
  #guest(address: Address): Ticket {
    const ticket = this.#ticket(address, serverBusy)
    this.#guests++
    let isHere = true
    const leave = () => {
      ticket.leave()
      if (isHere) this.#guests--
      isHere = false
    }
    return { ...ticket, leave }
  }

  #ticket(address: Address, late: NotAdmitted | undefined): Ticket {
    address.open++
    address.strangers++
    this.#strangers++
    let isStranger = true
    let isOpen = true
    const proven = () => {
      if (!isStranger) return
      isStranger = false
      address.strangers--
      this.#strangers--
    }
    return {
      late,
      proven,
      denied: () => this.#denied(address),
      leave() {
        proven()
        if (isOpen) address.open--
        isOpen = false
      },
    }
  }

  #denied(address: Address): number {
    const now = this.#clock.monotonic()
    if (now - address.deniedSince >= deniedWindowMs) {
      address.deniedSince = now
      address.denied = 0
    }
    address.denied++
    const over = address.denied - this.#limits.deniedConnects
    return over <= 0 ? 0 : Math.min(this.#limits.deniedDelayMs, firstDelayMs * 2 ** Math.min(over - 1, 16))
  }

  #addressOf(place: string, now: number): Address {
    const known = this.#addresses.get(place)
    if (known !== undefined) return known
    if (this.#addresses.size >= this.#limits.addresses && !this.#forgetOne(now)) return this.#others
    const fresh = this.#newAddress()
    this.#addresses.set(place, fresh)
    return fresh
  }

  /** Forgets an address of which there is nothing left to know, looking at those first that have been here longest. */
  #forgetOne(now: number): boolean {
    let looks = 0
    for (const [place, address] of this.#addresses) {
      const { open, deniedSince, denied, connects } = address
      if (open === 0 && (denied === 0 || now - deniedSince >= deniedWindowMs) && connects?.isFull(now) !== false)
        return this.#addresses.delete(place)
      if (++looks === maxLooks) return false
      // To the end of the line, so that the next search looks at others.
      this.#addresses.delete(place)
      this.#addresses.set(place, address)
    }
    return false
  }

  #newAddress(): Address {
    const now = this.#clock.monotonic()
    const rate = this.#limits.connectsPerAddress
    return { open: 0, strangers: 0, denied: 0, deniedSince: now, connects: rate === undefined ? undefined : new TokenBucket(rate, now) }
  }
}
