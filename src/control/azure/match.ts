import { type Result, ok, refuse } from '#base'

/** One piece of a path: a keyword (compared without case), or an id that is named. */
export type Segment = { readonly keyword: string } | { readonly name: string }

/** Reads `/devices/{id}/modules` into its segments. */
export function segmentsOf(path: string): readonly Segment[] {
  return path
    .split('/')
    .filter((part) => part !== '')
    .map((part) => (part.startsWith('{') ? { name: part.slice(1, -1) } : { keyword: part.toLowerCase() }))
}

/** The path of a request: its segments as they stand, still percent-encoded, without a trailing slash. Undefined for what is no path of ours. */
export function pathSegments(url: string): readonly string[] | undefined {
  const path = url.split('?', 1)[0] ?? ''
  if (!path.startsWith('/')) return undefined
  const parts = path.slice(1).split('/')
  if (parts.at(-1) === '') parts.pop()
  return parts.some((part) => part === '') ? undefined : parts
}

/** The ids of a path that has the shape of a route, percent-decoded; undefined when it has another. Refuses what does not decode to text, and slashes. */
export function matchPath(pattern: readonly Segment[], parts: readonly string[]): Result<ReadonlyMap<string, string>> | undefined {
  if (pattern.length !== parts.length) return undefined
  const ids = new Map<string, string>()
  for (const [at, segment] of pattern.entries()) {
    const part = parts[at] ?? ''
    if ('keyword' in segment) {
      if (part.toLowerCase() !== segment.keyword) return undefined
    } else ids.set(segment.name, part)
  }
  for (const [name, part] of ids) {
    const decoded = percentDecode(part)
    if (decoded === undefined) return refuse('control/azure-malformed', 'The path is not percent-encoded UTF-8.')
    // No id has one; with it an id would look like a longer path to whom the path is told.
    if (decoded.includes('/')) return refuse('control/azure-malformed', 'An id of the path has a slash.')
    ids.set(name, decoded)
  }
  return ok(ids)
}

/** A path as its route spells it, ids percent-decoded: what tokens are compared with, and what grants name. */
export function plainPath(pattern: readonly Segment[], ids: ReadonlyMap<string, string>): string {
  return pattern.map((segment) => `/${'keyword' in segment ? segment.keyword : (ids.get(segment.name) ?? '')}`).join('')
}

function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
