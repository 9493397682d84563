import { LineCounter, isCollection, isMap, parseAllDocuments } from 'yaml'
import type { Problem } from './read.ts'

/** A problem with the line of the text that it stands on, from 1; none when it is about no place in particular. */
export type PlacedProblem = Problem & { readonly line?: number }

/** Finds the lines of problems that {@link readDocuments} and the parsers behind it have named in `text`, so that an editor can show them there. */
export function placed(text: string, problems: readonly Problem[]): readonly PlacedProblem[] {
  if (problems.length === 0) return []
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { version: '1.2', uniqueKeys: false, prettyErrors: false, logLevel: 'silent', lineCounter: lines })
  const documents = Array.isArray(parsed) ? parsed.filter((one) => isMap(one.contents)) : []
  return problems.map((problem) => {
    // Text that is no YAML names its line itself.
    const said = /^Line ([0-9]{1,7})\b/.exec(problem.message)?.[1]
    if (said !== undefined) return { ...problem, line: Number(said) }
    const steps = stepsOf(problem.path)
    const index = steps[0] === 'document' && typeof steps[1] === 'number' ? steps[1] : 0
    const inside = steps[0] === 'document' && typeof steps[1] === 'number' ? steps.slice(2) : steps
    const document = documents[index]
    const start = document === undefined ? undefined : deepest(document.contents, inside)
    return start === undefined ? problem : { ...problem, line: lines.linePos(start).line }
  })
}

/** `spec.rules[2].topics` as steps: names and indexes. */
function stepsOf(path: string): readonly (string | number)[] {
  return path
    .split('.')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [name = '', ...indexes] = part.split('[')
      const steps: (string | number)[] = indexes.map((index) => Number(index.replace(']', '')))
      if (name !== '') steps.unshift(name)
      return steps
    })
}

/** Where the last step that is there begins: what is missing is shown at what should hold it. */
function deepest(contents: unknown, steps: readonly (string | number)[]): number | undefined {
  let at: unknown = contents
  let start = startOf(at)
  for (const step of steps) {
    if (!isCollection(at)) break
    const next: unknown = at.get(step, true)
    if (next === undefined) break
    at = next
    start = startOf(at) ?? start
  }
  return start
}

function startOf(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined
  const [start]: unknown[] = node.range
  return typeof start === 'number' ? start : undefined
}
