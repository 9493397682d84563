import { number, object, oneOf, text } from './shape.ts'

/** Facts of lots that a factory makes. See facts.ts for the rules. */
export const factoryFactShapes = {
  'lot-changed': object({ actor: text, action: oneOf('create', 'export', 'revoke'), lot: text, group: text, count: number }, {}),
  /** A ledger came in. `refused` counts what was made and should not have been. */
  'lot-reported': object({ actor: text, lot: text, merged: number, known: number, refused: number }, {}),
  /** A certificate of a lot was shown that the lot may not have made: a stolen key, a copied station, or a mistake. */
  'lot-device-refused': object({ lot: text, serial: text, registration: text, reason: text }, {}),
} as const
