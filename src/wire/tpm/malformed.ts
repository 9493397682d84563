import { type Result, ok, refuse } from '#base'

/** Thrown inside this folder where bytes are not what the library specification allows; {@link decoding} makes it a refusal. */
export class Malformed extends Error {}

/** Runs a decoder: its value, or `tpm/malformed` naming `what` was read. Any other exception is our bug and passes. */
export function decoding<T>(what: string, work: () => T): Result<T> {
  try {
    return ok(work())
  } catch (error) {
    if (error instanceof Malformed) return refuse('tpm/malformed', `The ${what} is malformed: ${error.message}.`)
    throw error
  }
}
