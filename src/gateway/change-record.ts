import { type Instant, never } from '#base'
import { type SessionChange, optionsByte, willToJson } from '#broker'
import { type JsonFact, encodeSessionRecord } from '#journal'

/**
 * A change of a session as the journal keeps it: what was granted or given back is a fact that everybody may read, the rest is a record
 * from which a start rebuilds sessions.
 */
export function changeRecord(change: SessionChange, time: Instant): JsonFact | Buffer {
  switch (change.kind) {
    case 'subscribed': {
      const { session, connection, filters } = change
      return {
        kind: 'subscribed',
        time,
        device: session.owner,
        clientId: session.clientId,
        connection,
        filters: filters.map(({ filter }) => filter),
        options: filters.map(optionsByte),
        identifiers: filters.map(({ identifier }) => identifier ?? 0),
      }
    }
    case 'unsubscribed': {
      const { session, connection, filters } = change
      return { kind: 'unsubscribed', time, device: session.owner, clientId: session.clientId, connection, filters }
    }
    case 'session-opened': {
      const { will } = change
      return encodeSessionRecord({ ...change, will: will === undefined ? null : willToJson(will) }, time)
    }
    case 'session-left':
      return encodeSessionRecord({ ...change, willAt: change.willAt ?? null }, time)
    case 'will-sent':
    case 'session-ended':
    case 'qos2-released':
    case 'qos2-sent':
    case 'qos2-pubrec':
    case 'qos2-completed':
    case 'session-queued':
    case 'session-progress':
    case 'group-progress':
      return encodeSessionRecord(change, time)
    default:
      return never(change)
  }
}
