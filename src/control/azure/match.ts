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

/** The ids of a path that has the shape of a route, percent-decoded; undefined when it has another. Refuses what does not decode to text. */
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
    ids.set(name, decoded)
  }
  return ok(ids)
}

/** Whether a token's resource covers a path: whole leading segments after the host, keywords without case (azure-wire 1.3). */
export function covers(scope: string, parts: readonly string[]): boolean {
  const [, ...covered] = scope.split('/').filter((part) => part !== '')
  return covered.every((segment, at) => {
    const part = percentDecode(parts[at] ?? '')
    if (part === undefined) return false
    // Keywords stand first, third and so on; what stands between them are ids, which have a case.
    return at % 2 === 0 ? part.toLowerCase() === segment.toLowerCase() : part === segment
  })
}

function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
