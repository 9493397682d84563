/**
 * The decoder's no: the peer broke the standard or a limit of ours, and the connection must close. `condition` is the AMQP error condition that
 * tells it so; `clause` the part and section of the standard.
 */
export type Malformed = {
  readonly kind: 'malformed'
  readonly code: 'wire/amqp-malformed' | 'wire/amqp-limit'
  readonly condition: string
  readonly clause: string
  readonly message: string
}

/** Bytes that are not AMQP. */
export function malformed(clause: string, message: string, condition = 'amqp:decode-error'): Malformed {
  return { kind: 'malformed', code: 'wire/amqp-malformed', condition, clause, message }
}

/** AMQP, but more of it than we take. */
export function beyondLimit(clause: string, message: string): Malformed {
  return { kind: 'malformed', code: 'wire/amqp-limit', condition: 'amqp:resource-limit-exceeded', clause, message }
}
