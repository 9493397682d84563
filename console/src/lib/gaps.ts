/** Samples further apart than this many usual steps have silence between them. */
const steps = 4
/** Never calls less than this a silence, in seconds. */
const least = 5

/** A row of a plot: times in seconds, or the values of one line. */
type Row = readonly (number | null)[]

/** The step above which points in time, in seconds and ascending, count as interrupted: a few times the usual one. */
export function silenceAfter(times: Row): number {
  const gaps = times
    .slice(1)
    .map((time, n) => (time ?? 0) - (times[n] ?? 0))
    .toSorted((a, b) => a - b)
  return Math.max(least, steps * (gaps[Math.floor(gaps.length / 2)] ?? 0))
}

/** Puts a point without values into every silence longer than `limit` seconds, so that no line is drawn where nothing came. */
export function withGaps(columns: readonly Row[], limit: number): readonly Row[] {
  const times = columns[0] ?? []
  const after = times.flatMap((time, n) => {
    const next = times[n + 1]
    return typeof time === 'number' && typeof next === 'number' && next - time > limit ? [n] : []
  })
  if (after.length === 0) return columns
  const holes = new Set(after)
  return columns.map((row, column) =>
    row.flatMap((value, n) => {
      if (!holes.has(n)) return [value]
      return [value, column === 0 ? ((times[n] ?? 0) + (times[n + 1] ?? 0)) / 2 : null]
    }),
  )
}

/** Where a point stands alone between silences: no line reaches it, so it must be drawn as a point. */
export function lonely(row: readonly (number | null | undefined)[]): readonly number[] {
  const none = (value: number | null | undefined): boolean => value === null || value === undefined
  return row.flatMap((value, n) => (!none(value) && none(row[n - 1]) && none(row[n + 1]) ? [n] : []))
}
