import type { Line, Piece } from './line.ts'

/** A line that moves while long work goes on; off a terminal it speaks only now and then. */
export type Progress = {
  /** `done` of `total`; `total` undefined when it is not known. */
  at(done: number, total: number | undefined): void
  /** Takes the line away. */
  end(): void
}

/** Where a command speaks: data on stdout, talk on stderr. Both escape what they are given (see line.ts). */
export type Terminal = {
  /** Whether a person reads stdout: tables and colours, else tab-separated text. */
  readonly isPerson: boolean
  readonly columns: number
  /** One line of data. Waits while the reader is slow; throws the Fault `cli/reader-gone` when it has left. */
  print(line: Line): Promise<void>
  /** One line of data with a tab between cells, for programs. */
  printCells(cells: readonly Piece[]): Promise<void>
  /** One value of data as JSON. */
  printJson(value: unknown, indent?: number): Promise<void>
  /** One line of talk. */
  say(line: Line): void
  progress(label: string): Progress
  /** Asks the person for a yes; anything else is a no, and undefined says that there is nobody to ask. */
  confirm(question: string): Promise<boolean | undefined>
}
