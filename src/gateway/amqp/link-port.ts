import type { AmqpError, Attach, Outcome, Value } from '#wire/amqp'

/** What a link needs of its session. */
export type LinkPort = {
  /** Answers an attach; `refused` leaves out the address that the peer asked for (part 2, section 2.6.3). */
  attached(attach: Attach, how: 'refused' | undefined, maxMessageBytes?: number, more?: AttachAnswer): void
  detach(handle: number, error: AmqpError | undefined): void
  flow(link: { readonly handle: number; readonly deliveryCount: number; readonly credit: number; readonly drain: boolean }): void
  disposition(role: 'sender' | 'receiver', deliveryId: number, outcome: Outcome | undefined): void
  /** Sends one message. Returns its delivery id. */
  transfer(handle: number, tag: Buffer, payload: Buffer, settled: boolean): number
  /** Takes room for bytes of a message that has not come whole. False: the connection holds too many. */
  takePartial(bytes: number): boolean
  /** Gives such room back. */
  givePartial(bytes: number): void
  /** Whether the peer has room: in its window, and in what it has taken of us. */
  readonly hasRoom: boolean
}

/** What an answer to an attach says besides. */
export type AttachAnswer = {
  readonly offeredCapabilities?: readonly string[] | undefined
  readonly properties?: ReadonlyMap<string, Value> | undefined
}
