import { LineCounter, type Node, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import { type Result, ok, refuse } from '#base'

/** Plain data from a file: keys that somebody else chose live in a `Map`. */
export type Plain = null | boolean | number | string | readonly Plain[] | ReadonlyMap<string, Plain>

const maxBytes = 256 * 1024
const maxDepth = 16
const maxValues = 10_000

/**
 * Reads one document of YAML 1.2 (or JSON). Refuses with `server/settings-malformed`, naming the line, what is no plain data: syntax errors,
 * anchors and aliases, tags, a key twice, a key that is no text, more than one document, and more than a settings file can need.
 */
export function parseYaml(text: string): Result<Plain> {
  if (text.length > maxBytes) return refuse('server/settings-malformed', `A settings file may have at most ${maxBytes} bytes.`)
  const lines = new LineCounter()
  // Duplicate keys are found below: the parser's own search compares each with each.
  const document = parseDocument(text, {
    version: '1.2',
    strict: true,
    uniqueKeys: false,
    prettyErrors: false,
    // With 'silent' a second document would be passed over without a word.
    logLevel: 'error',
    lineCounter: lines,
  })
  const [error] = [...document.errors, ...document.warnings]
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0])
    return refuse('server/settings-malformed', `Line ${line}, column ${col}: this is not valid YAML (${error.code}).`)
  }
  return plainOf(document.contents, { lines, left: maxValues }, 0)
}

type Walk = { readonly lines: LineCounter; left: number }

function plainOf(node: Node | null, walk: Walk, depth: number): Result<Plain> {
  if (node === null) return ok(null)
  if (walk.left-- <= 0 || depth > maxDepth) return wrong(node, walk, 'A settings file has not so many values, or so deep ones.')
  if ('anchor' in node && node.anchor !== undefined) return wrong(node, walk, 'Anchors are not taken; write it out.')
  if (node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:')) return wrong(node, walk, 'Tags are not taken.')
  if (isScalar(node)) {
    const { value } = node
    const isPlain = value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number'
    return isPlain ? ok(value) : wrong(node, walk, 'This value is none of text, number, true, false and null.')
  }
  if (isSeq<Node>(node)) {
    const list: Plain[] = []
    for (const item of node.items) {
      const read = plainOf(item, walk, depth + 1)
      if (!read.ok) return read
      list.push(read.value)
    }
    return ok(list)
  }
  if (!isMap<Node, Node | null>(node)) return wrong(node, walk, 'Aliases are not taken; write it out.')
  const fields = new Map<string, Plain>()
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? key.value : undefined
    if (typeof name !== 'string') return wrong(key, walk, 'The name of a setting is text.')
    if (fields.has(name)) return wrong(key, walk, `${JSON.stringify(name.slice(0, 64))} stands there twice.`)
    const read = plainOf(value, walk, depth + 1)
    if (!read.ok) return read
    fields.set(name, read.value)
  }
  return ok(fields)
}

function wrong(node: Node, walk: Walk, message: string): Result<never> {
  const start = node.range?.[0]
  return refuse('server/settings-malformed', start === undefined ? message : `Line ${walk.lines.linePos(start).line}: ${message}`)
}
