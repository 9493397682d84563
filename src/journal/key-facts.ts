import { number, object, text } from './shape.ts'

/** Facts about the places where keys of issuers are kept. */
export const keyFactShapes = {
  /** Nothing can be signed there now; devices still connect. `message` says what happened and what to do. */
  'key-store-away': object({ place: text, title: text, message: text }, {}),
  'key-store-back': object({ place: text, title: text, durationMs: number }, {}),
} as const
