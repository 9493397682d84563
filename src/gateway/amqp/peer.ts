import {
  type AmqpError,
  type Frame,
  FrameReader,
  type Malformed,
  type Open,
  type Performative,
  type SaslInit,
  type SaslResponse,
  type Saying,
  decodePerformative,
  encodeFrame,
  heartbeat,
  minMaxFrameBytes,
  protocolHeader,
} from '#wire/amqp'
import { never } from '#base'
import { amqpLimits } from './limits.ts'
import { type Link, Session } from './session.ts'

/*
 * One peer's AMQP connection: bytes in, events and bytes out. No sockets, no clock. The order of things is fixed: a header, SASL and another header
 * if the first asked for it, open, then sessions and links. What comes out of order ends the connection with an error that says so.
 *
 * Every number that the peer chooses and that makes us hold or do something is held against a limit here or in a session; what is left to the
 * application is who may do what.
 */

/** What SASL has come to: true, the peer goes on; false, the connection ends; bytes, a challenge that it has to answer first. */
export type SaslStep = boolean | Buffer

/** What a peer's connection asks of the application. */
export type PeerHandler = {
  /** Judges what came by SASL, and the answers to its challenges. Nothing is read until there is a step. */
  sasl(said: SaslInit | SaslResponse): SaslStep | Promise<SaslStep>
  opened(open: Open): void
  attached(link: Link): void
  /** The connection is over; every link has been told. `error` is ours, if it ended for one. */
  ended(error: AmqpError | undefined): void
}

/** Where bytes go. */
export type PeerOutput = {
  write(bytes: Buffer): void
  /** Everything that will be said has been; the peer may hang up. */
  end(): void
  /** Written, and not taken by the peer yet. */
  readonly bufferedBytes: number
}

/**
 * SASL mechanisms in the order of offering. MSSBCBS is what C# asks for: nothing, and then put-token (azure-wire 4.1). TPM is for devices that
 * register (azure-wire 6.8).
 */
export const mechanisms = ['MSSBCBS', 'PLAIN', 'ANONYMOUS', 'EXTERNAL', 'TPM'] as const

const saslOk = 0
const saslAuth = 1

type Phase = 'start' | 'sasl' | 'judging' | 'challenged' | 'after-sasl' | 'opening' | 'open' | 'closed'

/** See the theory of operation above. */
export class Peer {
  readonly #containerId: string
  readonly #handler: PeerHandler
  readonly #output: PeerOutput
  readonly #reader = new FrameReader(amqpLimits.frameBytes)
  readonly #sessions = new Map<number, Session>()
  #phase: Phase = 'start'
  #open: Open | undefined
  #strangerBytes: number = amqpLimits.strangerBytes
  #gathered: Buffer[] = []
  #gatheredBytes = 0
  /** What is held of messages that have not come whole. */
  #partialBytes = 0
  #wrote = false

  /** `containerId` names us to the peer. */
  constructor(containerId: string, handler: PeerHandler, output: PeerOutput) {
    this.#containerId = containerId
    this.#handler = handler
    this.#output = output
  }

  get isOpen(): boolean {
    return this.#phase === 'open'
  }

  get isOver(): boolean {
    return this.#phase === 'closed'
  }

  /** What the peer said when it opened. */
  get open(): Open | undefined {
    return this.#open
  }

  /** Every link of the connection. */
  *links(): Iterable<Link> {
    for (const session of this.#sessions.values()) yield* session.links.values()
  }

  /** It has proven who it is: the bound on what a stranger may send is lifted. */
  proven(): void {
    this.#strangerBytes = Number.POSITIVE_INFINITY
  }

  /** Takes bytes from the transport. */
  receive(chunk: Buffer): void {
    if (this.#phase === 'closed') return
    this.#strangerBytes -= chunk.length
    if (this.#strangerBytes < 0)
      return this.close({
        condition: 'amqp:resource-limit-exceeded',
        description: 'Too much was sent before anybody had proven who they are.',
      })
    this.#reader.push(chunk)
    this.#work()
    // Who asks and asks and reads no answer.
    if (this.#gatheredBytes + this.#output.bufferedBytes > amqpLimits.hopelessBytes) this.lost()
  }

  /** The transport has room again, or the application more to send. */
  wake(): void {
    if (this.#phase === 'open' && this.#isWritable) for (const session of this.#sessions.values()) session.wake()
  }

  /** Sends a sign of life if nothing else was sent since the last call. */
  beat(): void {
    if (this.#phase === 'open' && !this.#wrote) this.#write(heartbeat())
    this.#wrote = false
  }

  /** Ends the connection from our side, with the reason if there is one. */
  close(error?: AmqpError): void {
    if (this.#phase === 'closed') return
    const isHeard = this.#phase === 'open' || this.#phase === 'opening'
    // Who has not opened yet must be told in the words of an open connection.
    if (this.#phase === 'opening') this.#sayOpen()
    if (isHeard) this.#say(0, { type: 'close', error })
    this.#end(error)
  }

  /** The transport is gone. */
  lost(): void {
    this.#end(undefined)
  }

  /** Writes what was gathered. */
  flush(): void {
    if (this.#gathered.length === 0) return
    const bytes = this.#gathered.length === 1 ? (this.#gathered[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#gathered)
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#output.write(bytes)
  }

  get #isWritable(): boolean {
    return this.#gatheredBytes + this.#output.bufferedBytes < amqpLimits.unsentBytes
  }

  #end(error: AmqpError | undefined): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    const sessions = [...this.#sessions.values()]
    this.#sessions.clear()
    for (const session of sessions) session.gone()
    this.flush()
    this.#output.end()
    this.#handler.ended(error)
  }

  #work(): void {
    while (this.#phase !== 'closed' && this.#phase !== 'judging') {
      const frame = this.#reader.next()
      if (frame === undefined) return
      if (frame.kind === 'malformed') return this.#broken(frame)
      if (frame.kind === 'header') this.#header(frame.protocol)
      else this.#frame(frame)
    }
  }

  #broken({ condition, message }: Malformed): void {
    // A peer that has not shown that it speaks AMQP gets the header that it should have sent (part 2, section 2.2).
    if (this.#phase === 'start') this.#write(protocolHeader('amqp'))
    this.close({ condition, description: message })
  }

  #header(protocol: 'amqp' | 'sasl'): void {
    if (this.#phase === 'start' && protocol === 'sasl') {
      this.#phase = 'sasl'
      this.#write(protocolHeader('sasl'))
      return this.#say(0, { type: 'sasl-mechanisms', mechanisms })
    }
    if (protocol === 'amqp' && (this.#phase === 'start' || this.#phase === 'after-sasl')) {
      this.#phase = 'opening'
      return this.#write(protocolHeader('amqp'))
    }
    this.close({ condition: 'amqp:connection:framing-error', description: 'A protocol header came where none belongs.' })
  }

  #frame(frame: Extract<Frame, { kind: 'frame' }>): void {
    if (frame.body.length === 0 && frame.protocol === 'amqp' && this.#phase === 'open') return
    const said = decodePerformative(frame)
    if (said.kind === 'malformed') return this.#broken(said)
    const { performative, payload } = said
    if (performative.type === 'sasl-init') return this.#phase === 'sasl' ? this.#sasl(performative) : this.#outOfOrder()
    if (performative.type === 'sasl-response') return this.#phase === 'challenged' ? this.#sasl(performative) : this.#outOfOrder()
    if (performative.type === 'open') return this.#phase === 'opening' ? this.#opened(performative) : this.#outOfOrder()
    if (this.#phase !== 'open') return this.#outOfOrder()
    const wrong = this.#take(frame.channel, performative, payload)
    // An error in a session ends the connection: no client of ours goes on after one, and nothing half done is left.
    if (wrong !== undefined) this.close(wrong)
  }

  #sasl(said: SaslInit | SaslResponse): void {
    const answer = this.#handler.sasl(said)
    const judged = (step: SaslStep) => {
      if (typeof step !== 'boolean') {
        this.#phase = 'challenged'
        return this.#say(0, { type: 'sasl-challenge', challenge: step })
      }
      this.#say(0, { type: 'sasl-outcome', code: step ? saslOk : saslAuth })
      if (step) this.#phase = 'after-sasl'
      else this.#end({ condition: 'amqp:unauthorized-access' })
    }
    if (!(answer instanceof Promise)) return judged(answer)
    this.#phase = 'judging'
    answer
      .catch(() => false)
      .then((step) => {
        if (this.#phase !== 'judging') return
        judged(step)
        this.#work()
      })
      .catch(() => this.lost())
  }

  #opened(open: Open): void {
    if (open.maxFrameBytes < minMaxFrameBytes)
      return this.close({ condition: 'amqp:not-allowed', description: 'max-frame-size is below 512.' })
    const idle = open.idleTimeoutMs
    if (idle !== undefined && idle > 0 && idle < amqpLimits.shortestIdleTimeoutMs)
      return this.close({ condition: 'amqp:not-allowed', description: `idle-time-out is below ${amqpLimits.shortestIdleTimeoutMs} ms.` })
    this.#sayOpen()
    this.#open = open
    this.#phase = 'open'
    this.#handler.opened(open)
  }

  #sayOpen(): void {
    const { frameBytes: maxFrameBytes, idleTimeoutMs, sessions } = amqpLimits
    this.#say(0, { type: 'open', containerId: this.#containerId, maxFrameBytes, channelMax: sessions - 1, idleTimeoutMs })
  }

  #outOfOrder(): void {
    this.close({ condition: 'amqp:illegal-state', description: 'A frame came where it does not belong.' })
  }

  #take(
    channel: number,
    performative: Exclude<Performative, { readonly type: 'open' | 'sasl-init' | 'sasl-response' }>,
    payload: Buffer,
  ): AmqpError | undefined {
    if (performative.type === 'begin') {
      if (channel >= amqpLimits.sessions || performative.remoteChannel !== undefined)
        return { condition: 'amqp:connection:framing-error', description: 'A session was begun on a channel that may not be.' }
      if (this.#sessions.has(channel)) return { condition: 'amqp:illegal-state', description: 'The channel has a session.' }
      this.#sessions.set(channel, new Session(channel, performative, this.#sessionPort))
      return undefined
    }
    if (performative.type === 'close') {
      this.close()
      return undefined
    }
    const session = this.#sessions.get(channel)
    if (session === undefined) return { condition: 'amqp:connection:framing-error', description: 'The channel has no session.' }
    switch (performative.type) {
      case 'end':
        this.#sessions.delete(channel)
        session.gone()
        this.#say(channel, { type: 'end' })
        return undefined
      case 'attach':
        return session.attach(performative)
      case 'detach':
        return session.detach(performative)
      case 'flow':
        return session.flow(performative)
      case 'transfer':
        return session.transfer(performative, payload)
      case 'disposition':
        session.disposition(performative)
        return undefined
      default:
        return never(performative)
    }
  }

  get #sessionPort() {
    const hasRoomForLink = () =>
      [...this.#sessions.values()].reduce((sum, { links }) => sum + links.size, 0) <= amqpLimits.linksPerConnection
    const isWritable = () => this.#isWritable
    return {
      write: (channel: number, saying: Saying, payload?: Buffer) => this.#say(channel, saying, payload),
      attached: (link: Link) => this.#handler.attached(link),
      takePartial: (bytes: number) => {
        if (this.#partialBytes + bytes > amqpLimits.partialBytes) return false
        this.#partialBytes += bytes
        return true
      },
      givePartial: (bytes: number) => void (this.#partialBytes -= bytes),
      get hasRoomForLink() {
        return hasRoomForLink()
      },
      get isWritable() {
        return isWritable()
      },
      peerFrameBytes: this.#open?.maxFrameBytes ?? minMaxFrameBytes,
    }
  }

  #say(channel: number, saying: Saying, payload?: Buffer): void {
    if (this.#phase !== 'closed') this.#write(encodeFrame(channel, saying, payload))
  }

  /** What is said in one turn goes out in one write. */
  #write(bytes: Buffer): void {
    this.#wrote = true
    this.#gatheredBytes += bytes.length
    if (this.#gathered.push(bytes) === 1) queueMicrotask(() => this.flush())
  }
}
