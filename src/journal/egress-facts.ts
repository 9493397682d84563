import { number, object, oneOf, text } from './shape.ts'

/** Facts of routes and of what is delivered by them. None of them is itself routed. See facts.ts for the rules. */
export const egressFactShapes = {
  /** Another set of routes is in force, from this record on. `digest` is SHA-256 of the whole set, hexadecimal. */
  'routes-changed': object({ actor: text, version: number, digest: text, what: text }, {}),
  'endpoint-changed': object({ actor: text, action: oneOf('create', 'change', 'delete'), endpoint: text, type: text }, {}),
  /** An endpoint takes nothing. Told once an outage, and now and then while it lasts; `since` in milliseconds since the epoch. */
  'egress-failed': object({ endpoint: text, reason: text, since: number, tries: number }, {}),
  'egress-recovered': object({ endpoint: text, durationMs: number }, {}),
  /** Records that retention had dropped before an endpoint was sent them, first and last offset. */
  'egress-lost': object({ endpoint: text, first: number, last: number }, {}),
  /** Events that an endpoint will not take, or did not take in time, were put aside. `first`: the offset of the first of them; `trimmed`: letters that were dropped for them. */
  'egress-dead-lettered': object({ endpoint: text, reason: text, count: number, first: number }, { trimmed: number }),
} as const
