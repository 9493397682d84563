import { type DeviceId, instant } from '#base'
import { type SessionChange, subscriptionFrom, willFromJson } from '#broker'
import { type FactOf, type SessionRecord, decodeRecord, decodeSessionRecord, isSessionRecord, recordKind } from '#journal'

/** Whether a record is one that {@link changeOf} reads, by a look at two bytes. */
export function isRecordedChange(bytes: Uint8Array): boolean {
  if (isSessionRecord(bytes)) return true
  const kind = recordKind(bytes)
  return kind === 'subscribed' || kind === 'unsubscribed'
}

/** The change of a session that a record tells: the way back from `changeRecord`. Undefined: damaged, or none that this release knows. */
export function changeOf(bytes: Buffer): SessionChange | undefined {
  if (isSessionRecord(bytes)) {
    const record = decodeSessionRecord(bytes)
    return record.ok ? fromRecord(record.value) : undefined
  }
  const fact = decodeRecord(bytes)
  if (!fact.ok) return undefined
  if (fact.value.kind === 'subscribed') return fromSubscribed(fact.value)
  if (fact.value.kind !== 'unsubscribed') return undefined
  const { device, clientId, connection, filters } = fact.value
  return { kind: 'unsubscribed', session: sessionOf(device, clientId), connection, filters }
}

function fromRecord(record: SessionRecord): SessionChange | undefined {
  if (record.kind === 'group-progress') return record
  const session = sessionOf(record.session.owner, record.session.clientId)
  if (record.kind === 'session-opened') {
    const { will: told, subject } = record
    const will = told === null ? undefined : willFromJson(told)
    const isWhole = subject.identity === session.owner && subject.clientId === session.clientId && (told === null || will !== undefined)
    return isWhole ? { ...record, session, subject: { ...subject, identity: session.owner }, will } : undefined
  }
  if (record.kind !== 'session-left') return { ...record, session }
  const { willAt, endedAt } = record
  return { ...record, session, endedAt: instant(endedAt), willAt: willAt === null ? undefined : instant(willAt) }
}

function fromSubscribed({ device, clientId, connection, filters, options, identifiers }: FactOf<'subscribed'>): SessionChange | undefined {
  const granted = filters.map((filter, index) => subscriptionFrom(filter, options[index] ?? 0xff, identifiers[index] ?? 0))
  const whole = granted.filter((one) => one !== undefined)
  if (whole.length !== granted.length) return undefined
  return { kind: 'subscribed', session: sessionOf(device, clientId), connection, filters: whole }
}

/** We wrote the record, for an identity that had been authenticated. */
function sessionOf(owner: string, clientId: string): { readonly owner: DeviceId; readonly clientId: string } {
  return { owner: owner as DeviceId, clientId }
}
