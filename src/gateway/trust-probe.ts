import { type Result, fail } from '#base'
import { type ConnectPacket, FrameReader, type Malformed, type MqttPacket, encode, reasonCodes } from '#wire/mqtt'
import type { Ticket } from './admission.ts'
import { Connection } from './connection.ts'
import type { Desk } from './desk.ts'
import { type EndReason, disconnectCode } from './end-reason.ts'
import type { ListenerLimits } from './listener-limits.ts'
import { type NotOpened, type Opening, acceptance, isDenial, judgeConnect, notJudged, refusalPacket } from './opening.ts'
import { encodeExplained, endReasonString } from './reason-string.ts'
import { tellRefused } from './records.ts'
import type { Transport } from './transport.ts'

/*
 * A device that shows that it trusts a new root: it finished a handshake in which the new root alone vouched for us, and signs in. It gets no session and takes
 * none over: its own connection goes on meanwhile. CONNACK says that its proof is on disk; after that it may only say goodbye.
 */

// After CONNACK: whoever does not say goodbye by then is told so.
const lingerMs = 5_000

/** A peer that has not proven who it is, or whose proof is all that it came for. */
export interface Stranger {
  readonly transport: Transport
  readonly lastHeard: number
  readonly patienceMs: number
  receive(chunk: Buffer): void
  lost(): void
  end(reason: EndReason): void
}

/** What a peer that finished its handshake becomes: a connection, or a probe of trust. */
export function openStranger(transport: Transport, desk: Desk, limits: ListenerLimits, ticket: Ticket): Stranger {
  return transport.isTrustProbe === true ? new TrustProbe(transport, desk, limits, ticket) : new Connection(transport, desk, limits, ticket)
}

/** See the theory of operation above. */
export class TrustProbe implements Stranger {
  readonly transport: Transport
  readonly lastHeard: number
  readonly #desk: Desk
  readonly #limits: ListenerLimits
  readonly #ticket: Ticket
  readonly #reader: FrameReader
  #phase: 'connecting' | 'judging' | 'proven' | 'closed' = 'connecting'
  #version: 4 | 5 = 4

  constructor(transport: Transport, desk: Desk, limits: ListenerLimits, ticket: Ticket) {
    this.transport = transport
    this.lastHeard = desk.ports.clock.monotonic()
    this.#desk = desk
    this.#limits = limits
    this.#ticket = ticket
    this.#reader = new FrameReader({ role: 'server' }, limits.reader)
  }

  get patienceMs(): number {
    return this.#limits.connectMs + lingerMs
  }

  /** Takes bytes from the transport. */
  receive(chunk: Buffer): void {
    if (this.#phase === 'closed') return
    this.#reader.push(chunk)
    if (this.#phase === 'judging') return this.end('malformed')
    for (;;) {
      const packet = this.#reader.next()
      if (packet === undefined) return
      if (!this.#take(packet)) return
    }
  }

  /** The transport is gone. */
  lost(): void {
    this.#phase = 'closed'
  }

  /** Ends it from our side; MQTT 5 is told why, where there was a CONNACK. */
  end(reason: EndReason): void {
    if (this.#phase === 'closed') return
    const code = disconnectCode(reason)
    if (this.#phase === 'proven' && this.#version === 5 && code !== undefined && reason !== 'client-disconnected')
      this.transport.write(
        encodeExplained({ type: 'disconnect', reasonCode: code }, endReasonString(reason, code), this.#limits.maxPacketBytes),
      )
    this.#phase = 'closed'
    this.transport.end()
  }

  /** False: nothing more is read. */
  #take(packet: MqttPacket | Malformed): boolean {
    if (packet.type === 'connect' && this.#phase === 'connecting') {
      void this.#connect(packet)
      return true
    }
    if (packet.type === 'pingreq' && this.#phase === 'proven') {
      this.transport.write(encode({ type: 'pingresp' }, this.#version))
      return true
    }
    this.end(packet.type === 'disconnect' ? 'client-disconnected' : 'malformed')
    return false
  }

  async #connect(connect: ConnectPacket): Promise<void> {
    this.#version = connect.version
    this.#phase = 'judging'
    const judged = await this.#judge(connect).catch((error: unknown) => notJudged(this.#desk, error))
    if (this.#phase !== 'judging') return
    if (!judged.ok) return this.#refuse(judged.error, connect.clientId)
    this.#phase = 'proven'
    this.transport.write(encode(acceptance(connect, judged.value, false, this.#limits), connect.version))
    this.#desk.ports.clock.after(lingerMs, () => this.end('keep-alive-timeout'))
  }

  async #judge(connect: ConnectPacket): Promise<Result<Opening, NotOpened>> {
    // A resumed session shows what was trusted when it began, and no certificate of ours.
    if (this.transport.tls().resumed) return fail(resumed)
    const judged = await judgeConnect(connect, this.transport, this.#desk, this.#limits, this.#ticket)
    if (!judged.ok) return judged
    const { device, authentication } = judged.value.principal
    return (await this.#desk.ports.trustProven?.(device, authentication.thumbprint)) === true ? judged : fail(unasked)
  }

  #refuse(refused: NotOpened, clientId: string): void {
    tellRefused(this.#desk, this.transport, refused, clientId)
    this.#phase = 'closed'
    const finish = () => {
      this.transport.write(encode(refusalPacket(refused, this.#version), this.#version))
      this.transport.end()
    }
    // Whoever guesses waits for each answer, as everywhere else.
    const waitMs = isDenial(refused) ? this.#ticket.denied() : 0
    if (waitMs === 0) finish()
    else this.#desk.ports.clock.after(waitMs, finish)
  }
}

const resumed: NotOpened = {
  code: 'gateway/probe-resumed',
  message: 'A probe of trust needs a full handshake. Resume no session.',
  reasonCode: reasonCodes['implementation-specific-error'],
}
const unasked: NotOpened = {
  code: 'gateway/probe-unasked',
  message: 'No campaign asks for proof of trust now.',
  reasonCode: reasonCodes['implementation-specific-error'],
}
