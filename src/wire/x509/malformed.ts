import { type Result, ok, refuse } from '#base'

/**
 * Thrown inside this folder where bytes are not what the standard allows; {@link decoding} turns it into a refusal before
 * it can leave. Its message is one clause fit for the peer.
 */
export class Malformed extends Error {}

/** Runs a decoder: its value, or `x509/malformed` naming `what` was read. Any other exception is our bug and passes. */
export function decoding<T>(what: string, work: () => T): Result<T> {
  try {
    return ok(work())
  } catch (error) {
    if (error instanceof Malformed) return refuse('x509/malformed', `The ${what} is malformed: ${error.message}.`)
    throw error
  }
}
