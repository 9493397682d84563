/**
 * Topic patterns of a policy. A pattern may hold `+`, a final `#` and tokens such as `{device}`; a token must be the whole
 * text of its level and always stands for itself as a literal: a value with `/`, `+`, `#` or NUL matches nothing
 * (CVE-2017-7650: a client id of `#` that became a wildcard).
 */
export type TopicPattern = readonly string[]

/** Values for the tokens of a pattern, from the authenticated identity. */
export type TokenValues = ReadonlyMap<string, string>

/** Splits `text` and puts the token values in. Undefined when a token has no value or an unsafe one: such a pattern matches nothing. */
export function bindPattern(text: string, values: TokenValues): TopicPattern | undefined {
  const levels: string[] = []
  for (const level of text.split('/')) {
    if (!level.startsWith('{')) {
      levels.push(level)
      continue
    }
    const value = values.get(level.slice(1, -1))
    if (value === undefined || value === '' || /[/+#\0]/.test(value)) return undefined
    levels.push(value)
  }
  return levels
}

/** Whether `pattern` matches the topic name. `#` also matches the parent level; wildcards at the start never match `$` topics [MQTT-4.7.2-1]. */
export function patternMatches(pattern: TopicPattern, topic: string): boolean {
  return covers(pattern, topic.split('/'), false)
}

/** Whether every topic that `filter` can match is matched by `pattern`. Refuses one case needlessly: `#` under `+/#`. */
export function patternCovers(pattern: TopicPattern, filter: string): boolean {
  return covers(pattern, filter.split('/'), true)
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
