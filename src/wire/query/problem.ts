import { type Result, fail } from '#base'

/**
 * Why a text is no query of ours: `malformed` is not the language, `unsupported` is the language but not for this source, `too-costly` is over a
 * limit. `at` is an offset in UTF-16 units; line and column count from 1.
 */
export type QueryProblem = {
  readonly kind: 'malformed' | 'unsupported' | 'too-costly'
  readonly message: string
  readonly hint: string | undefined
  readonly at: number
  readonly line: number
  readonly column: number
}

/** What is wrong, before it is known where that is in lines: thrown inside this folder only, and caught where parsing began. */
export class NotAQuery extends Error {
  readonly kind: QueryProblem['kind']
  readonly at: number
  readonly hint: string | undefined

  constructor(kind: QueryProblem['kind'], at: number, message: string, hint?: string) {
    super(message)
    this.kind = kind
    this.at = at
    this.hint = hint
  }
}

/** Turns what was thrown into a problem with its line and column. Anything else is our bug and goes on. */
export function problemOf(error: unknown, text: string): Result<never, QueryProblem> {
  if (!(error instanceof NotAQuery)) throw error
  const before = text.slice(0, error.at)
  const line = before.split('\n').length
  const column = before.length - before.lastIndexOf('\n')
  return fail({ kind: error.kind, message: error.message, hint: error.hint, at: error.at, line, column })
}

/** One line for the peer: `Line 1, column 30: expected a value, found end of text. Strings stand in single quotes.` */
export function printProblem({ line, column, message, hint }: QueryProblem): string {
  return `Line ${line}, column ${column}: ${message}.${hint === undefined ? '' : ` ${hint}`}`
}
