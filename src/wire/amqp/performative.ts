import type { AmqpError, Outcome } from './outcome.ts'
import type { Value } from './value.ts'

/** The source or target of a link (part 3, section 3.5). `filter` holds what a receiver asks for. */
export type Terminus = { readonly address: string | undefined; readonly filter: ReadonlyMap<string, Value>; readonly whole: Value }

/** Opens a connection. */
export type Open = {
  readonly type: 'open'
  readonly containerId: string
  readonly hostname: string | undefined
  readonly maxFrameBytes: number
  readonly channelMax: number
  /** Undefined or 0: the peer does not mind silence. */
  readonly idleTimeoutMs: number | undefined
  readonly properties: ReadonlyMap<string, Value>
}

/** Begins a session. `remoteChannel` is set in the answer to a peer's begin. */
export type Begin = {
  readonly type: 'begin'
  readonly remoteChannel: number | undefined
  readonly nextOutgoingId: number
  readonly incomingWindow: number
  readonly outgoingWindow: number
  readonly handleMax: number
}

/** Attaches a link. `role` is that of who says it. Settle modes: sender 0 unsettled, 1 settled, 2 mixed; receiver 0 first, 1 second. */
export type Attach = {
  readonly type: 'attach'
  readonly name: string
  readonly handle: number
  readonly role: 'sender' | 'receiver'
  readonly sndSettleMode: number
  readonly rcvSettleMode: number
  readonly source: Terminus | undefined
  readonly target: Terminus | undefined
  readonly initialDeliveryCount: number | undefined
  readonly maxMessageBytes: number | undefined
  readonly desiredCapabilities: readonly string[]
  readonly properties: ReadonlyMap<string, Value>
}

/** Says how much may be sent: to the session, and to one link of it if `handle` is given. */
export type Flow = {
  readonly type: 'flow'
  readonly nextIncomingId: number | undefined
  readonly incomingWindow: number
  readonly nextOutgoingId: number
  readonly outgoingWindow: number
  readonly handle: number | undefined
  readonly deliveryCount: number | undefined
  readonly linkCredit: number | undefined
  readonly drain: boolean
  readonly echo: boolean
}

/** A message or a part of one. Its payload follows the performative. */
export type Transfer = {
  readonly type: 'transfer'
  readonly handle: number
  readonly deliveryId: number | undefined
  readonly deliveryTag: Buffer | undefined
  readonly messageFormat: number | undefined
  readonly settled: boolean
  readonly more: boolean
  readonly aborted: boolean
}

/** Says what became of deliveries `first` to `last`. `role` is that of who says it. */
export type Disposition = {
  readonly type: 'disposition'
  readonly role: 'sender' | 'receiver'
  readonly first: number
  readonly last: number
  readonly settled: boolean
  readonly state: Outcome | undefined
}

/** Detaches a link. */
export type Detach = { readonly type: 'detach'; readonly handle: number; readonly closed: boolean; readonly error: AmqpError | undefined }

/** Ends a session. */
export type End = { readonly type: 'end'; readonly error: AmqpError | undefined }

/** Ends the connection. */
export type Close = { readonly type: 'close'; readonly error: AmqpError | undefined }

/** What a client says of itself before AMQP begins (part 5, section 5.3). */
export type SaslInit = {
  readonly type: 'sasl-init'
  readonly mechanism: string
  readonly initialResponse: Buffer | undefined
  readonly hostname: string | undefined
}

/** What a client answers to a challenge of its mechanism (part 5, section 5.3.3.4). */
export type SaslResponse = { readonly type: 'sasl-response'; readonly response: Buffer }

/** Everything that a client may say. */
export type Performative = Open | Begin | Attach | Flow | Transfer | Disposition | Detach | End | Close | SaslInit | SaslResponse
