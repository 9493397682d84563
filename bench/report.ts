import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What was measured of one server: every value of every round, by its name. */
export type Figures = Record<string, number[]>

type Medians = Readonly<Record<string, Readonly<Record<string, number>>>>

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** Prints a table in Markdown: a row for each figure, a column for each server, then ours divided by each of theirs. */
export function printTable(title: string, medians: Medians): void {
  const ours = medians['thingwall'] ?? {}
  const columns = Object.keys(medians)
  const others = columns.filter((name) => name !== 'thingwall')
  const rows = [...new Set(columns.flatMap((name) => Object.keys(medians[name] ?? {})))]
  process.stdout.write(`\n| ${title} | ${columns.join(' | ')} | ${others.map((name) => `ours / ${name}`).join(' | ')} |\n`)
  process.stdout.write(`|${'---|'.repeat(1 + columns.length + others.length)}\n`)
  for (const row of rows) {
    const cells = columns.map((name) => medians[name]?.[row]?.toLocaleString('en') ?? '-')
    const ratios = others.map((name) => (ours[row] ?? Number.NaN) / (medians[name]?.[row] ?? Number.NaN))
    const shown = ratios.map((ratio) => (Number.isFinite(ratio) ? `${ratio.toFixed(2)}x` : '-'))
    process.stdout.write(`| ${row} | ${[...cells, ...shown].join(' | ')} |\n`)
  }
}

/** Writes the result as JSON to `out`, or to bench/results under the date and the commit. Called again it replaces what it wrote. */
export function keepResult(
  out: string | undefined,
  result: { readonly measuredAt: string; readonly commit: string; readonly [name: string]: unknown },
): void {
  const file = out ?? join(import.meta.dirname, 'results', `${result.measuredAt.slice(0, 10)}-${result.commit.slice(0, 8)}.json`)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
}
