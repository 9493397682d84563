import type { BrokerDoor } from '#broker'
import { reasonCodes } from '#wire/mqtt'
import { changeRecord } from './change-record.ts'
import type { Desk } from './desk.ts'
import { type Publication, isKept, takePublication } from './publication.ts'
import { tellDenied, tellDropped } from './records.ts'
import { TopicVerdicts } from './topic-verdict.ts'
import { markedAsWill } from './will.ts'

/** What the gateway does for the engine: the journal, the line of acknowledgements, and wills as publications like others. */
export function openDoor(desk: Desk): BrokerDoor {
  const { journal, broker, clock } = desk.ports
  return {
    record(change) {
      const record = changeRecord(change, clock.now())
      if (!Buffer.isBuffer(record)) return desk.facts.tellNow(record)
      return change.kind === 'session-progress' || change.kind === 'group-progress' ? journal.appendSoon(record) : journal.append(record)
    },
    whenDurable: (offset, then) => desk.acknowledgements.whenDurable(offset + 1, then),
    publishWill(session, will) {
      const verdicts = new TopicVerdicts(desk.ports.policyOf(session.subject))
      const asked = verdicts.publish(will.topic)
      // It was allowed when the client connected; what counts is the policy of now (edge.md 1.11).
      if (asked.rule === undefined) return tellDenied(desk, session, 'publish', will.topic)
      const verdict = asked.telemetry ? verdicts.publish(markedAsWill(will.topic)) : asked
      if (verdict.rule === undefined) return tellDenied(desk, session, 'publish', verdict.topic)
      const { payload, qos, retain, properties, stamp } = will
      const publication: Publication = { payload, qos, retain, properties, dup: false }
      const { subject, connection, mqttVersion, limits } = session
      const { messageExpirySeconds } = limits
      const keeps = isKept(verdict, publication) && broker.retained.hasRoom(verdict.topic, payload.length)
      const publisher = { subject, connection, stamp, mqttVersion, messageExpirySeconds }
      const message = takePublication(desk, publisher, verdict, publication, 0, keeps)
      if (message === undefined || message === false) return
      if (qos === 0) broker.publish(message)
      else desk.acknowledgements.wait(undefined, 0, reasonCodes.success, journal.end, message)
    },
    dropped: (session, reason, count) => tellDropped(desk, session, reason, count),
  }
}
