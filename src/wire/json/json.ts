import { type Result, limits, ok, refuse } from '#base'

/** A JSON value that came from outside and has been bounded, but whose shape nobody has looked at yet. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * Parses JSON text from a peer. Refuses text over `bytes` (UTF-8), nesting deeper than `depth`, and any object with an own
 * key `__proto__`, `constructor` or `prototype`, which careless merging would turn into prototype pollution.
 */
export function parseJson(text: string, bytes: number = limits.jsonBytes, depth: number = limits.jsonDepth): Result<Json> {
  if (text.length > bytes || Buffer.byteLength(text) > bytes) return refuse('json/too-large', `JSON may have at most ${bytes} bytes.`)
  if (nesting(text) > depth) return refuse('json/too-deep', `JSON may be nested at most ${depth} levels deep.`)
  let value: Json
  try {
    value = JSON.parse(text)
  } catch {
    return refuse('json/malformed', 'This is not valid JSON.')
  }
  return hasForbiddenKey(value)
    ? refuse('json/forbidden-key', 'JSON objects may not have a key named __proto__, constructor or prototype.')
    : ok(value)
}

/** Deepest bracket nesting, found without recursion and without building anything. */
function nesting(text: string): number {
  let level = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === 0x5c) i++
      else if (code === 0x22) inString = false
    } else if (code === 0x22) inString = true
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++level)
    else if (code === 0x7d || code === 0x5d) level--
  }
  return deepest
}

function hasForbiddenKey(root: Json): boolean {
  const waiting: Json[] = [root]
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (value === null || typeof value !== 'object') continue
    if (Array.isArray(value)) {
      for (const inner of value) waiting.push(inner)
      continue
    }
    for (const [key, inner] of Object.entries(value)) {
      if (key === '__proto__' || key === 'constructor' || key === 'prototype') return true
      waiting.push(inner)
    }
  }
  return false
}
