import { type Static, Type } from 'typebox'
import { isoTime } from '#base'
import type { Lot, LotProgress } from '#provisioning'
import { time } from './schema.ts'

/* The shapes of lots that a factory makes; see schema.ts for the rules. */

const closed = { additionalProperties: false } as const
const count = Type.Integer({ minimum: 0 })
const name = Type.String({ minLength: 1, maxLength: 128 })

/** A lot to be. Seconds to make its devices in, and then to register them in. */
export const lotInput = Type.Object(
  {
    lot: name,
    group: name,
    pattern: name,
    count: Type.Integer({ minimum: 1 }),
    expiresInSeconds: Type.Integer({ minimum: 1 }),
    shelfSeconds: Type.Integer({ minimum: 1 }),
    strict: Type.Optional(Type.Boolean()),
  },
  { ...closed, title: 'LotInput' },
)

/** A lot, and how far it is. */
export const lot = Type.Object(
  {
    lot: Type.String(),
    group: Type.String(),
    pattern: Type.String(),
    count,
    strict: Type.Boolean(),
    state: Type.Union([Type.Literal('open'), Type.Literal('exported'), Type.Literal('revoked')]),
    createdAt: time,
    makeUntil: time,
    registerUntil: time,
    issuerSerial: Type.Optional(Type.String()),
    known: count,
    reported: count,
    registered: count,
  },
  { ...closed, title: 'Lot' },
)

/** What came of a station's ledger. */
export const lotReport = Type.Object(
  {
    merged: count,
    known: count,
    refused: Type.Array(Type.Object({ number: count, serial: Type.String(), registration: Type.String(), reason: Type.String() }, closed)),
    broken: Type.Optional(Type.Object({ line: count, reason: Type.String() }, closed)),
  },
  { ...closed, title: 'LotReport' },
)

/** A lot as the API shows it. */
export function lotView(one: Lot & Partial<LotProgress>): Static<typeof lot> {
  const { known = 0, reported = 0, registered = 0, issuer } = one
  return {
    lot: one.lot,
    group: one.group,
    pattern: one.pattern,
    count: one.count,
    strict: one.strict,
    state: one.state,
    createdAt: isoTime(one.createdAt),
    makeUntil: isoTime(one.makeUntil),
    registerUntil: isoTime(one.registerUntil),
    ...(issuer === undefined ? {} : { issuerSerial: issuer.serial }),
    known,
    reported,
    registered,
  }
}
