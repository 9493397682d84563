import { type Result, ok, refuse } from '#base'

const slot = '{serial}'
const part = /^[A-Za-z0-9\-._:]*$/
const serialNumber = /^[A-Za-z0-9\-._]{0,63}[A-Za-z0-9-]$/

/** Longest name of a device that a pattern may make: what a common name holds (RFC 5280). */
const maxNameCharacters = 64

/** Takes the name of a lot: 1 to 32 lower-case letters, digits and hyphens. Refuses `factory/name-malformed`. */
export function parseLotName(text: string): Result<string> {
  return /^[a-z0-9][a-z0-9-]{0,31}$/.test(text)
    ? ok(text)
    : refuse('factory/name-malformed', 'A lot is named by 1 to 32 lower-case letters, digits and hyphens.')
}

/** Takes a pattern of names: text with `{serial}` in it once, as in `pump-{serial}`. Refuses `factory/pattern-malformed`. */
export function parseNamePattern(text: string): Result<string> {
  const [before, after, ...more] = text.split(slot)
  const isOne = before !== undefined && after !== undefined && more.length === 0 && part.test(before) && part.test(after)
  return isOne && text.length - slot.length < maxNameCharacters && !/[._:]$/.test(after)
    ? ok(text)
    : refuse(
        'factory/pattern-malformed',
        'A pattern has {serial} in it once, and besides it letters, digits and - . _ : only, as in pump-{serial}.',
      )
}

/** The name of the device with this serial number of its maker's. Refuses `factory/serial-malformed`. */
export function nameOf(pattern: string, serial: string): Result<string> {
  const name = pattern.replace(slot, () => serial)
  return serialNumber.test(serial) && name.length <= maxNameCharacters
    ? ok(name)
    : refuse(
        'factory/serial-malformed',
        `A serial number has letters, digits and - . _ only, and makes a name of at most ${maxNameCharacters} characters.`,
      )
}

/** Whether a name could have come from the pattern; case does not count, as in registration ids. */
export function isNameOf(pattern: string, name: string): boolean {
  const [before = '', after = ''] = pattern.toLowerCase().split(slot)
  const lower = name.toLowerCase()
  if (!lower.startsWith(before) || !lower.endsWith(after) || lower.length <= before.length + after.length) return false
  return serialNumber.test(lower.slice(before.length, lower.length - after.length))
}
