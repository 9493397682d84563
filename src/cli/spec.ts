import type { Context } from './context.ts'
import type { Outcome } from './exit.ts'
import type { Given } from './given.ts'

/*
 * Every command is data. Parsing, help, shell completion and docs/cli.md are all made from the same tree,
 * so none of them can forget an option. Only `load` reaches code, and only for the command that runs.
 */

/** A flag as it is typed. */
export type Flag = `--${string}`

/** One option: a switch, or with `takes` (the name of its value, upper case) an option with a value. */
export type OptionSpec = {
  readonly flag: Flag
  readonly takes?: string | undefined
  readonly help: string
  readonly default?: string | undefined
  readonly choices?: readonly string[] | undefined
  /** May be given many times. */
  readonly repeat?: boolean | undefined
  /** Environment variable that stands in when the flag is absent. */
  readonly env?: string | undefined
}

/** One positional argument. */
export type ArgumentSpec = {
  readonly name: string
  readonly help: string
  readonly optional?: boolean
  readonly many?: boolean
  readonly choices?: readonly string[]
}

/** A line that can be typed as it stands, and what it does. */
export type Example = readonly [line: string, what: string]

/** Does the work of a command. */
export type Run = (context: Context, given: Given) => Promise<Outcome>

/** A command with its words, or a group of commands. A leaf has `load`, a group has `commands`; a group may have both. */
export type CommandSpec = {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly summary: string
  readonly about?: string
  readonly arguments?: readonly ArgumentSpec[]
  readonly options?: readonly OptionSpec[]
  /** Options that live in a room too slow to load for every command. */
  readonly lateOptions?: () => Promise<readonly OptionSpec[]>
  readonly examples: readonly Example[]
  readonly commands?: readonly CommandSpec[]
  readonly load?: () => Promise<Run>
}
