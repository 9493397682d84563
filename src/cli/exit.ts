import type { Result } from '#base'

/** Exit codes of the command, stable for scripts. */
export const exit = { ok: 0, failed: 1, usage: 2, denied: 3, notFound: 4, conflict: 5, unreachable: 6 } as const

/** One of {@link exit}. */
export type ExitCode = (typeof exit)[keyof typeof exit]

/** A no, as a person reads it on stderr: what happened, why, and how to mend it. `code` is the hub's refusal code, if it was the hub. */
export type Problem = {
  readonly exit: ExitCode
  readonly what: string
  readonly why?: string | undefined
  readonly fix?: string | undefined
  readonly code?: string | undefined
  /** Further lines, for example one a faulty line of a file. */
  readonly more?: readonly string[] | undefined
}

/** What a command ends with: an exit code (a failed check is an answer, not a problem), or the problem that stopped it. */
export type Outcome = Result<ExitCode, Problem>

/** Builds a failed {@link Result} that carries a {@link Problem}. */
export function stop(code: ExitCode, what: string, why?: string, fix?: string): { readonly ok: false; readonly error: Problem } {
  return { ok: false, error: { exit: code, what, why, fix } }
}

/** The outcome of a command that did what it was asked. */
export const done: Outcome = { ok: true, value: exit.ok }
