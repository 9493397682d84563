import { type Result, ok } from '#base'
import { type Problem, exit, stop } from './exit.ts'
import type { Flag } from './spec.ts'

/** What was typed, by flag and by position. Values are text until a reader here makes more of them. */
export type Given = {
  readonly positions: readonly (readonly string[])[]
  readonly options: ReadonlyMap<string, string | true | readonly string[]>
}

/** Whether a switch was given. */
export function isSet(given: Given, flag: Flag): boolean {
  return given.options.get(flag) === true
}

/** The value of an option, or undefined. Of a repeated option, the last. */
export function text(given: Given, flag: Flag): string | undefined {
  const value = given.options.get(flag)
  if (typeof value === 'string') return value
  return typeof value === 'object' ? value.at(-1) : undefined
}

/** All values of a repeated option. */
export function texts(given: Given, flag: Flag): readonly string[] {
  const value = given.options.get(flag)
  if (typeof value === 'string') return [value]
  return typeof value === 'object' ? value : []
}

/** A whole number within bounds; anything else is a mistake of the caller's (exit 2). */
export function wholeNumber(given: Given, flag: Flag, lowest: number, highest: number): Result<number | undefined, Problem> {
  const value = text(given, flag)
  if (value === undefined) return ok(undefined)
  const number = Number(value)
  if (/^[0-9]{1,15}$/.test(value) && number >= lowest && number <= highest) return ok(number)
  return stop(
    exit.usage,
    `${flag} does not take "${value}".`,
    `it is a whole number from ${lowest} to ${highest}.`,
    `give for example ${flag} ${lowest}.`,
  )
}

/** The argument at `index`; the parser has already demanded those that are required. */
export function position(given: Given, index: number): string {
  return given.positions[index]?.[0] ?? ''
}

/** All words of the argument at `index`, which may take many. */
export function positions(given: Given, index: number): readonly string[] {
  return given.positions[index] ?? []
}
