import { type Brand, type Result, ok, refuse } from '#base'

/** A registration id or the id of a group in the one form in which it is compared: lower case (azure-wire 1.1). */
export type IdKey = Brand<string, 'IdKey'>

/** Longest id, in characters. */
const maxLength = 128
const pattern = /^[A-Za-z0-9\-._:]*[A-Za-z0-9-]$/

/**
 * The only place where a text becomes an {@link IdKey}: 1 to 128 letters, digits and `- . _ :`, the last a letter, a digit or `-` (azure-wire 1.1).
 * Refuses `provisioning/id-malformed`.
 */
export function parseIdKey(text: string): Result<IdKey> {
  return text.length <= maxLength && pattern.test(text)
    ? ok(text.toLowerCase() as IdKey)
    : refuse('provisioning/id-malformed', `An id has 1 to ${maxLength} letters, digits, - . _ and :, and ends in a letter, a digit or -.`)
}
