/*
 * Topic patterns of a policy. A pattern may hold `+`, a final `#` and tokens such as `{principal.username}`. A token is the whole text of
 * its level and stands for itself as a literal: a value with `/`, `+`, `#` or NUL matches nothing (CVE-2017-7650: a client id of `#` that
 * became a wildcard).
 */

/** The levels of a pattern with the values put in: text, `+`, or `#` as the last. */
export type TopicPattern = readonly string[]

/** Why a pattern with tokens matches nothing for somebody: no such attribute, or a value that could be read as more than text. */
export type Unbound = 'missing' | 'rejected'

/** The value of a token, by its name without braces; undefined when the principal has none. */
export type TokenValue = (token: string) => string | undefined

/** Whether a value may stand as one level of a topic: some text, without `/`, `+`, `#` and NUL. */
export function isSafeLevel(value: string): boolean {
  return value !== '' && !/[/+#\0]/.test(value)
}

/** Splits `text` and puts the token values in. */
export function bindPattern(text: string, valueOf: TokenValue): TopicPattern | Unbound {
  const levels: string[] = []
  for (const level of text.split('/')) {
    if (!isToken(level)) {
      levels.push(level)
      continue
    }
    const value = valueOf(level.slice(1, -1))
    if (value === undefined) return 'missing'
    if (!isSafeLevel(value)) return 'rejected'
    levels.push(value)
  }
  return levels
}

/** Whether one level of a pattern is a token and nothing else. */
export function isToken(level: string): boolean {
  return level.length > 2 && level.startsWith('{') && level.endsWith('}')
}

/** Whether a bound pattern has no wildcard, so that it matches one topic only. */
export function isExact(pattern: TopicPattern): boolean {
  return !pattern.includes('+') && pattern.at(-1) !== '#'
}

/** Whether `pattern` matches the topic name, given as levels. `#` also matches the parent level; wildcards at the start never match `$` topics [MQTT-4.7.2-1]. */
export function patternMatches(pattern: TopicPattern, topic: readonly string[]): boolean {
  return covers(pattern, topic, false)
}

/** Whether every topic that `filter`, given as levels, can match is matched by `pattern` (edge.md 1.11). Refuses one case needlessly: `#` under `+/#`. */
export function patternCovers(pattern: TopicPattern, filter: readonly string[]): boolean {
  return covers(pattern, filter, true)
}

function covers(pattern: TopicPattern, requested: readonly string[], isFilter: boolean): boolean {
  const first = pattern[0]
  if (requested[0]?.startsWith('$') && (first === '#' || first === '+')) return false
  for (let i = 0; ; i++) {
    const allowed = pattern[i]
    const wanted = requested[i]
    if (allowed === '#') return true
    if (allowed === undefined || wanted === undefined) return allowed === wanted
    if (isFilter && wanted === '#') return false
    if (allowed === '+') continue
    if ((isFilter && wanted === '+') || allowed !== wanted) return false
  }
}
