/**
 * Puts a rule, a list element in YAML that begins with `- `, first into the `rules` of a document in block style. Undefined when there is no
 * such list: JSON, a list in one line, no rules at all.
 */
export function withRule(document: string, rule: string): string | undefined {
  const lines = document.split('\n')
  const head = lines.findIndex((line) => /^ *rules:\s*(?:#.*)?$/.test(line))
  if (head < 0) return undefined
  const first = lines.slice(head + 1).find((line) => !/^\s*(?:#.*)?$/.test(line))
  const indent = first === undefined ? undefined : /^( *)- /.exec(first)?.[1]
  if (indent === undefined) return undefined
  const added = rule.split('\n').map((line) => (line === '' ? line : indent + line))
  return [...lines.slice(0, head + 1), ...added, ...lines.slice(head + 1)].join('\n')
}
