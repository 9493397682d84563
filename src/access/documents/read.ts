import { type Node, type YAMLMap, LineCounter, isAlias, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml'
import { type Result, ok, refuse } from '#base'

/** One thing that is wrong with a document: where (`spec.rules[2].topics`), a stable kebab-case code, and a sentence. */
export type Problem = { readonly path: string; readonly code: string; readonly message: string }

/** A value of a document, of bounded size. Keys that somebody else chose live in a `Map`. */
export type Value = null | boolean | number | string | readonly Value[] | ReadonlyMap<string, Value>

/** One document: an object, of which nothing but its size is known. Where it stands among the others is its `index`, from 0; `text` says it, comments included. */
export type RawDocument = { readonly index: number; readonly fields: ReadonlyMap<string, Value>; readonly text: string }

/** Bounds of a text with documents. */
export const documentLimits = { bytes: 1024 * 1024, documents: 256, depth: 32, values: 100_000, keyCharacters: 253 } as const

/**
 * Reads YAML 1.2 or JSON text: documents divided by `---`, of which empty ones do not count. Refuses with `access/document-malformed` what is no
 * plain data: syntax errors, anchors and aliases, tags, a key twice, anything but objects at the top, and what is past {@link documentLimits}.
 */
export function readDocuments(text: string): Result<readonly RawDocument[]> {
  if (text.length > documentLimits.bytes || Buffer.byteLength(text) > documentLimits.bytes)
    return refuse('access/document-malformed', `Documents may have at most ${documentLimits.bytes} bytes together.`)
  const lines = new LineCounter()
  // Its own search for duplicate keys compares all with all: half a minute for a megabyte. Ours is below.
  const options = { version: '1.2', strict: true, uniqueKeys: false, prettyErrors: false, logLevel: 'silent', lineCounter: lines } as const
  const parsed = parseAllDocuments(text, options)
  if (!Array.isArray(parsed)) return ok([])
  if (parsed.length > documentLimits.documents)
    return refuse('access/document-malformed', `At most ${documentLimits.documents} documents can stand in one text.`)
  const walk: Walk = { lines, left: documentLimits.values }
  const documents: RawDocument[] = []
  for (const [index, document] of parsed.entries()) {
    const [error] = [...document.errors, ...document.warnings]
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0])
      return refuse('access/document-malformed', `Line ${line}, column ${col}: this is not valid YAML (${error.code}).`)
    }
    if (document.contents === null) continue
    const value = valueOf(document.contents, walk, 0)
    if (!value.ok) return value
    if (value.value === null) continue
    if (!isObject(value.value)) return wrong(document.contents, walk, 'A document must be an object with apiVersion, kind and metadata.')
    documents.push({ index, fields: value.value, text: text.slice(document.range[0], document.range[2]) })
  }
  return ok(documents)
}

type Walk = { readonly lines: LineCounter; left: number }

function wrong(node: Node | null, walk: Walk, message: string): Result<never> {
  const start = node?.range?.[0]
  return refuse('access/document-malformed', start === undefined ? message : `Line ${walk.lines.linePos(start).line}: ${message}`)
}

/** The plain value of a parsed node. The depth is bounded here, and by the parser before. */
function valueOf(node: Node | null, walk: Walk, depth: number): Result<Value> {
  if (node === null) return ok(null)
  if (walk.left-- <= 0) return wrong(node, walk, `There are more than ${documentLimits.values} values.`)
  if (depth > documentLimits.depth) return wrong(node, walk, `Values may be nested at most ${documentLimits.depth} levels deep.`)
  if (isAlias(node) || ('anchor' in node && node.anchor !== undefined))
    return wrong(node, walk, 'Anchors and aliases are not taken; write it out.')
  if (node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:')) return wrong(node, walk, 'Tags are not taken.')
  if (isScalar(node)) {
    const { value } = node
    return isPlain(value) ? ok(value) : wrong(node, walk, 'This value is none of text, number, true, false and null.')
  }
  if (isSeq<Node>(node)) return listOf(node.items, walk, depth)
  if (isMap<Node, Node | null>(node)) return mapOf(node, walk, depth)
  return wrong(node, walk, 'This value is of no kind that a document can have.')
}

function mapOf(node: YAMLMap<Node, Node | null>, walk: Walk, depth: number): Result<Value> {
  const fields = new Map<string, Value>()
  for (const { key, value } of node.items) {
    const name = isScalar(key) && key.anchor === undefined ? key.value : undefined
    if (typeof name !== 'string' || name.length > documentLimits.keyCharacters)
      return wrong(key, walk, `A field name is text of at most ${documentLimits.keyCharacters} characters.`)
    if (fields.has(name)) return wrong(key, walk, `The field ${JSON.stringify(name.slice(0, 64))} stands there twice.`)
    const read = valueOf(value, walk, depth + 1)
    if (!read.ok) return read
    fields.set(name, read.value)
  }
  return ok(fields)
}

function listOf(items: readonly Node[], walk: Walk, depth: number): Result<Value> {
  const values: Value[] = []
  for (const item of items) {
    const read = valueOf(item, walk, depth + 1)
    if (!read.ok) return read
    values.push(read.value)
  }
  return ok(values)
}

function isPlain(value: unknown): value is null | boolean | number | string {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
}

function isObject(value: Value): value is ReadonlyMap<string, Value> {
  return value instanceof Map
}
