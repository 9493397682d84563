import type { Instant, Subject } from '#base'
import type { Message } from './message.ts'
import type { SessionChange, StoredWill } from './session-change.ts'
import type { Session } from './session.ts'

/** What the engine asks at any time: whether a subject may still do what it once was allowed. Each answer is for the policy of now. */
export type BrokerPorts = {
  now(): Instant
  /** Some rule lets the subject subscribe to what matches this very topic: asked when a route is built, never for each message. */
  mayReceive(subject: Subject, topic: string): boolean
  /** `filter` as the client sent it, with any `$share/group/`. */
  maySubscribe(subject: Subject, filter: string): boolean
  mayPublish(subject: Subject, topic: string): boolean
}

/** Whether a subject may not have a message, asked once for each topic. */
export function refusing(subject: Subject, ports: BrokerPorts): (message: Message) => boolean {
  const verdicts = new Map<string, boolean>()
  return ({ topic }) => {
    const isRefused = verdicts.get(topic) ?? !ports.mayReceive(subject, topic)
    verdicts.set(topic, isRefused)
    return isRefused
  }
}

/** Why a message for a session was given up. Each is counted; the policy of the house allows it. */
export type DropReason = 'queue-full' | 'expired' | 'too-slow' | 'too-large' | 'denied' | 'retention'

/** What the door gives the engine once it is open. Before that nothing is recorded and nothing has to wait: the journal is being read back. */
export type BrokerDoor = {
  /** Journals a change of a session; returns the record's offset, or -1 when the journal has no room (its connection must end). */
  record(change: SessionChange): number
  /** Runs `then` when the record at `offset` is on disk, in line with PUBACKs: whoever asked earlier is served earlier. */
  whenDurable(offset: number, then: () => void): void
  /** A will whose time has come. The permission has to be asked again, and the message goes the way of every publication. */
  publishWill(session: Session, will: StoredWill): void
  /** Messages for this session were given up, `count` of them since it was last told; at most once a second for a session and reason. */
  dropped(session: Session, reason: DropReason, count: number): void
}
