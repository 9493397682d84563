import { type Result, ok } from '#base'
import { type Problem, exit, stop } from './exit.ts'

/** An object while it is put together; keys are the caller's own. */
type Tree = { [key: string]: unknown }

/**
 * Puts `desired.interval=5` and `tags.site=north` together as one object. A value is JSON where it can be read as such, and text otherwise; null
 * deletes. `roots` are the first words that may stand in a key. Refuses what has no `=`, another root, and a key inside another.
 */
export function assignmentsOf(words: readonly string[], roots: readonly string[]): Result<Readonly<Tree>, Problem> {
  const whole: Tree = {}
  for (const word of words) {
    const at = word.indexOf('=')
    const path = word.slice(0, Math.max(0, at)).split('.')
    const [root = ''] = path
    if (at <= 0 || path.length < 2 || path.includes('') || !roots.includes(root) || path.some(isForbidden))
      return stop(
        exit.usage,
        `"${word}" sets nothing.`,
        `it is written as ${roots.map((one) => `${one}.KEY=VALUE`).join(' or ')}.`,
        `give for example ${roots.at(-1) ?? ''}.interval=5.`,
      )
    if (!place(whole, path, valueOf(word.slice(at + 1))))
      return stop(exit.usage, `"${word}" stands in the way of another key.`, undefined, 'name each key once.')
  }
  return ok(whole)
}

function place(whole: Tree, path: readonly string[], value: unknown): boolean {
  let at = whole
  for (const key of path.slice(0, -1)) {
    const inner = Object.hasOwn(at, key) ? at[key] : undefined
    if (inner !== undefined && !isTree(inner)) return false
    const next: Tree = inner ?? {}
    at[key] = next
    at = next
  }
  const last = path.at(-1) ?? ''
  if (Object.hasOwn(at, last)) return false
  at[last] = value
  return true
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)
const isForbidden = (key: string) => key === '__proto__' || key === 'constructor' || key === 'prototype'

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** `name=value` pairs, each value as text. */
export function pairsOf(words: readonly string[], flag: string): Result<Readonly<Record<string, string>>, Problem> {
  const pairs: [string, string][] = []
  for (const word of words) {
    const at = word.indexOf('=')
    if (at <= 0)
      return stop(exit.usage, `${flag} does not take "${word}".`, 'it is written as NAME=VALUE.', `give for example ${flag} site=north.`)
    pairs.push([word.slice(0, at), word.slice(at + 1)])
  }
  return ok(Object.fromEntries(pairs))
}
