import type { Clock, Result } from '#base'
import type { Problem } from './exit.ts'
import type { Hub } from './hub.ts'
import type { Terminal } from './terminal.ts'

/** What every command is given. Nothing in it does work until asked. */
export type Context = {
  readonly terminal: Terminal
  readonly clock: Clock
  /** The data directory, absolute. */
  readonly data: string
  /** The console address given with --url, or undefined. */
  readonly url: string | undefined
  /** Ends when the person presses Ctrl-C. */
  readonly signal: AbortSignal
  /** A client of the hub that lives in the data directory. */
  hub(): Result<Hub, Problem>
}
