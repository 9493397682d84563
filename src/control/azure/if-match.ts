import { type Result, ok, refuse } from '#base'

/** What a condition asks for: nothing, anything that exists, or this etag. */
export type IfMatch = { readonly kind: 'none' } | { readonly kind: 'any' } | { readonly kind: 'etag'; readonly etag: string }

/** Reads an If-Match header: `*`, `"*"`, `"etag"` or a bare etag (azure-wire 5.1). Refuses one that is empty or too long. */
export function parseIfMatch(header: string | undefined): Result<IfMatch> {
  if (header === undefined) return ok({ kind: 'none' })
  const bare = /^(?:W\/)?"(.*)"$/.exec(header.trim())?.[1] ?? header.trim()
  if (bare === '*') return ok({ kind: 'any' })
  if (bare === '' || bare.length > 256) return refuse('control/azure-malformed', 'If-Match must be an etag or *.')
  return ok({ kind: 'etag', etag: bare })
}

/** The etag that a change insists on; undefined: whatever there is. */
export function etagOf(match: IfMatch): string | undefined {
  return match.kind === 'etag' ? match.etag : undefined
}
