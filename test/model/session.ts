import type { Subject } from '#base'
import type { Publication, Step } from './history.ts'

/** One connection. */
export type Place = {
  readonly serial: number
  readonly version: 4 | 5
  readonly window: number
  readonly session: ModelSession
  /** When its credential ends. */
  readonly until: number
  isOpen: boolean
  /** The reason of DISCONNECT that MQTT 5 is told; undefined: none. */
  goodbye: number | undefined
  /** Packet identifiers of what was sent on it and is not completed. */
  readonly inflight: Set<number>
  /** Answers that the client waits for. */
  readonly answers: string[]
}

type Will = NonNullable<Extract<Step, { readonly do: 'connect' }>['will']>

/** A session. */
export type ModelSession = {
  readonly serial: number
  subject: Subject
  expirySeconds: number
  endedAt: number
  isOver: boolean
  will: (Will & { readonly body: string }) | undefined
  willAt: number | undefined
  place: Place | undefined
  readonly subscriptions: Map<string, Asked>
  /** Identifiers of QoS 2 messages that it published and did not release. */
  readonly received: Set<number>
}

/** What was asked of a subscription. */
export type Asked = Pick<
  Extract<Step, { readonly do: 'subscribe' }>,
  'qos' | 'noLocal' | 'retainAsPublished' | 'retainHandling' | 'identifier'
>

/** A message that was taken. */
export type Message = Publication & {
  readonly body: string
  readonly publisher: Subject
  readonly expiresAt: number
}

/** How a session gets a message, and by which connection if it must be now. */
export type How = { readonly qos: 0 | 1 | 2; readonly retain: boolean; readonly identifiers: string; readonly place: Place | undefined }

/** A time that does not come. */
export const never = Number.POSITIVE_INFINITY
/** Whose: identity and client identifier. */
export const key = ({ identity, clientId }: Subject) => `${identity} ${clientId}`
