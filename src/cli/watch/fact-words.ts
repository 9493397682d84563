/** What a person wants to read of one kind of fact: its parts in order, of which the empty ones are left out. `of` gives a member as text. */
export type Told = (of: (name: string) => string) => readonly string[]

/** A value where it is not the one that everybody expects. */
export const as = (word: string, value: string, expected: string): string => (value === '' || value === expected ? '' : `${word} ${value}`)

/** Who did it. */
export const by = (actor: string): string => (actor === '' ? '' : `by ${actor}`)

/** A decision to ask about. */
export const id = (decision: string): string => (decision === '' ? '' : `decision ${decision}`)

/** How often, where it was more than once. */
export const times = (count: string): string => (count === '' || count === '1' ? '' : `${count} times`)

/** How many messages. */
export const messages = (count: string): string => (count === '1' ? '1 message' : `${count} messages`)

/** How many, where there are some. */
export const unlessNone = (count: string, what: string): string => (count === '' || count === '0' ? '' : `${count} ${what}`)

/** A time that passed, in what reads best. */
export const seconds = (ms: string): string => (Number(ms) < 1000 ? `${Math.round(Number(ms))} ms` : `${(Number(ms) / 1000).toFixed(1)} s`)
