import { type DeviceId, type Result, ok, refuse } from '#base'

/** Longest name of a blob, the device included, in characters (Azure Blob storage). */
const maxNameLength = 1024

/**
 * The name of the blob that a device may write: `{device}/{its own name}`. Names are for people and never reach a disk; still nothing is taken that another
 * program could read as a way out. Refuses `hub/blob-name-malformed`: empty, too long, control characters or half ones, a backslash, an empty segment,
 * one that is `.` or `..`, or one that ends with a dot (Azure's rule).
 */
export function blobNameOf(device: DeviceId, name: string): Result<string> {
  const whole = `${device}/${name}`
  if (whole.length > maxNameLength || !whole.isWellFormed() || !isVisible(name)) return malformed()
  for (const segment of name.split('/')) if (segment === '' || segment.endsWith('.')) return malformed()
  return ok(whole)
}

/** A blob's name as a path: every segment escaped, slashes kept. */
export function escapedName(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/')
}

function isVisible(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x5c || code === 0x2028 || code === 0x2029) return false
  }
  return true
}

function malformed(): Result<never> {
  return refuse(
    'hub/blob-name-malformed',
    `A file name has 1 to ${maxNameLength} characters with the device, and no control characters, backslashes, empty segments, or segments that end with a dot.`,
  )
}
