/** Deepest object and most fields looked at in one body: telemetry is flat, and a page must stay quick on any. */
const maxDepth = 4
const maxFields = 32

/** The numbers in a JSON body by dotted path: `{"a":{"b":1}}` gives `a.b`. Anything that is not JSON gives none. */
export function numericFields(body: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  const walk = (value: unknown, path: string, depth: number): void => {
    if (found.size >= maxFields) return
    if (typeof value === 'number' && Number.isFinite(value)) found.set(path === '' ? 'value' : path, value)
    else if (typeof value === 'object' && value !== null && depth < maxDepth)
      for (const [key, inner] of Object.entries(value)) walk(inner, path === '' ? key : `${path}.${key}`, depth + 1)
  }
  try {
    walk(JSON.parse(body), '', 0)
  } catch {
    // Not JSON: nothing to plot.
  }
  return found
}

/** Columns for a plot: shared times in seconds, ascending, and one row of values a field; null where a body lacked it. */
export function toColumns(
  points: readonly { readonly time: number; readonly fields: ReadonlyMap<string, number> }[],
  names: readonly string[],
): readonly (readonly (number | null)[])[] {
  const sorted = points.toSorted((a, b) => a.time - b.time)
  return [sorted.map((point) => point.time / 1000), ...names.map((name) => sorted.map((point) => point.fields.get(name) ?? null))]
}
