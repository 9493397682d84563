import type { Principal } from '#access'
import type { Instant } from '#base'
import type { EndReason } from './end-reason.ts'
import type { LiveConnection } from './ports.ts'

/**
 * One live connection of an identity, by whichever protocol, as the desk and whoever sweeps, closes and lists connections treat it. An AMQP
 * connection that carries several identities is a member for each.
 */
export interface Member {
  /** Names it in the journal. */
  readonly id: string
  /** The client identifier of MQTT; other protocols have none, and name the identity. */
  readonly clientId: string
  readonly principal: Principal | undefined
  readonly isOpen: boolean
  /** Monotonic milliseconds of the last bytes, as exact as the desk's tick. */
  readonly lastHeard: number
  /** Milliseconds of silence after which the peer is taken for dead. */
  readonly patienceMs: number
  readonly transport: {
    readonly kind: LiveConnection['transport']
    readonly address: string
    /** Bytes written that the peer has not taken. */
    readonly bufferedBytes: number
    /** Resolves when nothing of it is left. */
    readonly gone: Promise<void>
    cut(): void
    destroy(): void
  }
  /** Ends it from our side. */
  end(reason: EndReason): void
  /** The same identity has connected elsewhere. */
  takenOver(): void
  /** Ends it if its credential has ended. */
  endIfExpired(now: Instant): void
  /** Judges it by the policy of now. False: it may not be here any more, and was ended. */
  judgeAgain(): boolean
  /** Called a few times a second. */
  wake(): void
  /** The journal takes messages again. */
  resume(): void
  /** A snapshot for operators. */
  describe(): LiveConnection | undefined
}
