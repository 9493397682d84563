import { type Line, type Piece, plain, styled, textOf } from './line.ts'
import type { Terminal } from './terminal.ts'

/** One row: as many cells as there are columns. */
export type Row = readonly Piece[]

/**
 * Prints rows for whoever reads: an aligned table for a person, and for a program lines with a tab between cells and no header,
 * whose columns never change order. Cells are escaped, so a tab or line break inside one cannot forge another.
 */
export async function printTable(terminal: Terminal, columns: readonly string[], rows: readonly Row[]): Promise<void> {
  if (!terminal.isPerson) {
    for (const row of rows) await terminal.printCells(row)
    return
  }
  for (const line of align(columns, rows, terminal.columns)) await terminal.print(line)
}

/** Prints the members of one thing: name and value a line, aligned for a person. */
export async function printMembers(terminal: Terminal, members: readonly (readonly [string, Piece])[]): Promise<void> {
  const widest = Math.max(0, ...members.map(([name]) => name.length))
  for (const [name, value] of members) {
    if (terminal.isPerson) await terminal.print([styled('dim', name.padEnd(widest + 2)), value])
    else await terminal.printCells([name, value])
  }
}

const gap = '  '

/** Lines of an aligned table under a header. The last column is cut to what is left of `columns`; the others are never cut. */
export function align(names: readonly string[], rows: readonly Row[], columns: number): readonly Line[] {
  const widths = names.map((name, i) => Math.max(name.length, ...rows.map((row) => widthOf(plain(textOf(row[i] ?? ''))))))
  const last = names.length - 1
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + gap.length, 0)
  const room = Math.max(12, columns - before - 1)
  const header = names.map((name, i) => (i === last ? name : name.padEnd((widths[i] ?? 0) + gap.length))).join('')
  const lines = rows.map((row) =>
    row.flatMap((cell, i): Piece[] => {
      if (i === last) return [cut(cell, room)]
      return [cell, ' '.repeat((widths[i] ?? 0) - widthOf(plain(textOf(cell))) + gap.length)]
    }),
  )
  return [styled(['bold', 'dim'], header), ...lines]
}

/** A cell that takes at most `room` cells of the terminal; what is left out is marked by an ellipsis. */
export function cut(cell: Piece, room: number): Piece {
  const text = plain(textOf(cell))
  if (widthOf(text) <= room) return cell
  let kept = ''
  let used = 0
  for (const char of text) {
    used += widthOf(char)
    if (used > room - 1) break
    kept += char
  }
  const short = `${kept}…`
  return typeof cell === 'string' ? short : styled(cell.style, short)
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
const none = /\p{M}/u

/** Cells that `text` takes on a terminal: two for East Asian wide characters and emoji, none for combining marks. */
export function widthOf(text: string): number {
  let width = 0
  for (const char of text) width += none.test(char) ? 0 : wide.test(char) ? 2 : 1
  return width
}
