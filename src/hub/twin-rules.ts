import { type Result, ok, refuse } from '#base'
import type { Json } from '#wire/json'
import type { TwinObject } from './twin.ts'

/** What a part of a twin may weigh, in bytes as {@link weightOf} counts, metadata apart (azure-wire 2.10). */
export const twinWeights = { tags: 8 * 1024, desired: 32 * 1024, reported: 32 * 1024 } as const

/** The parts of a twin that are written. */
export type TwinPart = keyof typeof twinWeights

const maxDepth = 10
const maxKeyBytes = 1024
const maxStringBytes = 4 * 1024
const minInteger = -4_503_599_627_370_496
const maxInteger = 4_503_599_627_370_495
const numberWeight = 8
const booleanWeight = 4

// A merge that is careless once would reach the prototype of every object.
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

/** Whether a JSON value is an object, arrays apart. */
export function isTwinObject(value: Json | undefined): value is TwinObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Looks at a patch or a replacement of one part of a twin, before anything is made of it (azure-wire 2.10). Refuses `hub/twin-malformed` for what is no object,
 * a key or a value that twins cannot hold, or more than ten levels; `hub/twin-too-large` for what cannot fit. Null stands for "delete" and is
 * allowed as a member, not in an array.
 */
export function checkTwinPart(part: TwinPart, value: Json): Result<TwinObject> {
  if (!isTwinObject(value)) return malformed(part, 'it must be an object')
  const problem = problemOf(value, 0)
  if (problem !== undefined) return malformed(part, problem)
  // Twice: it may delete as much as it sets.
  return weightOf(value) > 2 * twinWeights[part] ? tooLarge(part) : ok(value)
}

/** Looks at a part of a twin as it would become. Refuses `hub/twin-too-large`. */
export function checkTwinWeight(part: TwinPart, value: TwinObject): Result<void> {
  return weightOf(value) > twinWeights[part] ? tooLarge(part) : ok(undefined)
}

/**
 * What a value weighs: the UTF-8 length of each key and each string, 8 for a number, 4 for a boolean. What is empty weighs 1, or an array of
 * a million empty arrays would weigh nothing.
 */
export function weightOf(value: Json): number {
  if (typeof value === 'string') return Math.max(1, Buffer.byteLength(value))
  if (typeof value === 'number') return numberWeight
  if (typeof value === 'boolean') return booleanWeight
  if (value === null) return 1
  let weight = 0
  if (Array.isArray(value)) for (const element of value) weight += weightOf(element)
  else for (const [key, inner] of Object.entries(value)) weight += Buffer.byteLength(key) + weightOf(inner)
  return Math.max(1, weight)
}

/** What is wrong with a value, in words; undefined: nothing. `depth` counts the containers around it. */
function problemOf(value: Json, depth: number): string | undefined {
  if (typeof value === 'string') return problemOfString(value)
  if (typeof value === 'number') return problemOfNumber(value)
  if (typeof value !== 'object' || value === null) return undefined
  if (depth > maxDepth) return `it is nested more than ${maxDepth} levels deep`
  if (Array.isArray(value)) {
    for (const element of value) {
      const problem = element === null ? 'an array holds null' : problemOf(element, depth + 1)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  for (const [key, inner] of Object.entries(value)) {
    const problem = problemOfKey(key) ?? problemOf(inner, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

function problemOfKey(key: string): string | undefined {
  if (key === '') return 'a key is empty'
  if (Buffer.byteLength(key) > maxKeyBytes) return `a key is longer than ${maxKeyBytes} bytes`
  // Controls, half of a surrogate pair, and what paths and the reserved members use.
  if (/[\p{Cc} .$]/u.test(key) || !key.isWellFormed()) return 'a key has a control character, a dot, a dollar sign or a space'
  return forbiddenKeys.has(key) ? 'a key is __proto__, constructor or prototype' : undefined
}

function problemOfString(value: string): string | undefined {
  if (Buffer.byteLength(value) > maxStringBytes) return `a string is longer than ${maxStringBytes} bytes`
  return value.isWellFormed() ? undefined : 'a string is not valid Unicode'
}

function problemOfNumber(value: number): string | undefined {
  if (!Number.isFinite(value)) return 'a number is too large'
  if (Number.isInteger(value) && (value < minInteger || value > maxInteger)) return `an integer is not in ${minInteger} to ${maxInteger}`
  return undefined
}

function malformed(part: TwinPart, problem: string): Result<never> {
  return refuse('hub/twin-malformed', `The ${part} of a twin cannot be that: ${problem}.`)
}

function tooLarge(part: TwinPart): Result<never> {
  return refuse('hub/twin-too-large', `The ${part} of a twin may have at most ${twinWeights[part] / 1024} KB.`)
}
