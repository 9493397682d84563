import { list, number, object, oneOf, text } from './shape.ts'

/** What revocation tells of: see `factShapes`. */
export const revocationFactShapes = {
  /** Revoked, and ended what rested on it. `value` is what `by` names; for devices, their number. */
  'certificates-revoked': object(
    {
      actor: text,
      by: oneOf('serial', 'fingerprint', 'key', 'issuer', 'devices', 'group', 'where'),
      value: text,
      reason: text,
      certificates: number,
      sessions: number,
      closed: number,
      durationMs: number,
    },
    {},
  ),
  /** A revocation list nears its end, or is past it, and no newer one has come. `share` of its life that is over, in percent: 50, 80 or 100. */
  'revocation-list-ageing': object({ issuer: text, whose: oneOf('ours', 'theirs'), share: number, nextUpdate: number }, {}),
  /** Lists could not be signed, or can be again; `issuers` by their key identifiers. */
  'revocation-lists-stuck': object({ issuers: list(text), message: text }, {}),
  /** A certificate that signs answers about certificates was made. */
  'responder-renewed': object({ issuer: text, serial: text, notAfter: number }, {}),
} as const
