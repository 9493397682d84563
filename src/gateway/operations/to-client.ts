import type { Instant } from '#base'
import type { Message, Session } from '#broker'

/** A message of the hub's own for the client of one session. It is in no journal, and nobody else can have it. */
export function toClient(session: Session, topic: string, payload: Buffer, expiresAt?: Instant): Message {
  return { topic, payload, qos: 0, retain: false, properties: undefined, publisher: session.subject, from: '', offset: -1, expiresAt }
}
