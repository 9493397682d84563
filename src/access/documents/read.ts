import { type Node, type ParsedNode, isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml'
import { type Result, fail, ok } from '#base'

/** One thing that is wrong with a document: where (`documents[0].spec.rules[2].topics`), a stable kebab-case code, and a sentence. */
export type Problem = { readonly path: string; readonly code: string; readonly message: string }

/** A value of a document, of bounded size. Keys that somebody else chose live in a `Map`. */
export type Value = null | boolean | number | string | readonly Value[] | Fields

/** An object of a document. */
export type Fields = ReadonlyMap<string, Value>

/** A resource as it was written. What it means is up to whoever knows its kind. */
export type Resource = {
  /** Where it stands in the text: `documents[0]`. */
  readonly path: string
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly name: string
  readonly namespace: string | undefined
  /** Every other member: `spec`, `data` and so on. `status` is left out: nobody but the server says it. */
  readonly members: Fields
}

/** Bounds of a text with documents. */
export const documentLimits = { bytes: 1024 * 1024, documents: 256, depth: 32, values: 100_000, keyCharacters: 253 } as const

/** Our own API group, and the one of the modelled product, which is accepted as the same (edge.md 0). */
export const apiGroups: readonly string[] = ['mqttbroker.thingwall.io', 'mqttbroker.iotoperations.azure.com']

/**
 * Reads YAML 1.2 or JSON text: several documents divided by `---`, each with `apiVersion`, `kind`, `metadata` and what its kind holds. Refuses
 * aliases, tags, duplicate keys and anything past {@link documentLimits}; all problems that were found come together.
 */
export function readDocuments(text: string): Result<readonly Resource[], readonly Problem[]> {
  const one = (code: string, message: string) => fail([{ path: 'documents', code, message }])
  if (text.length > documentLimits.bytes || Buffer.byteLength(text) > documentLimits.bytes)
    return one('too-large', `Documents may have at most ${documentLimits.bytes} bytes together.`)
  const lineCounter = new LineCounter()
  // Its own search for duplicate keys compares all with all: a minute for a megabyte. Ours is below.
  const parsed = parseAllDocuments(text, {
    version: '1.2',
    strict: true,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
    lineCounter,
  })
  if (!Array.isArray(parsed)) return one('empty', 'There is no document.')
  if (parsed.length > documentLimits.documents)
    return one('too-many', `At most ${documentLimits.documents} documents can stand in one text.`)
  const problems: Problem[] = []
  const walk: Walk = { problems, lineCounter, left: documentLimits.values }
  const resources: Resource[] = []
  for (const [at, document] of parsed.entries()) {
    const path = `documents[${at}]`
    for (const error of [...document.errors, ...document.warnings].slice(0, 10)) {
      const { line, col } = lineCounter.linePos(error.pos[0])
      problems.push({ path, code: 'malformed', message: `Line ${line}, column ${col}: this is not valid YAML (${error.code}).` })
    }
    if (document.errors.length > 0 || document.warnings.length > 0 || document.contents === null) continue
    const value = valueOf(document.contents, path, walk, 0)
    const resource = value === undefined ? undefined : resourceOf(value, path, problems)
    if (resource !== undefined) resources.push(resource)
  }
  if (problems.length > 0) return fail(problems)
  return resources.length === 0 ? one('empty', 'There is no document.') : ok(resources)
}

type Walk = { readonly problems: Problem[]; readonly lineCounter: LineCounter; left: number }

/** Plain values of a parsed node; undefined once something was wrong, which is then among the problems. */
function valueOf(node: Node | ParsedNode | null, path: string, walk: Walk, depth: number): Value | undefined {
  const no = (code: string, message: string) => {
    const start = node?.range?.[0]
    const line = start === undefined ? '' : `Line ${walk.lineCounter.linePos(start).line}: `
    walk.problems.push({ path, code, message: `${line}${message}` })
    return undefined
  }
  if (node === null) return null
  if (walk.left-- <= 0) return walk.left === -1 ? no('too-large', `There are more than ${documentLimits.values} values.`) : undefined
  if (depth > documentLimits.depth) return no('too-deep', `Values may be nested at most ${documentLimits.depth} levels deep.`)
  if (isAlias(node) || ('anchor' in node && node.anchor !== undefined))
    return no('alias', 'Anchors and aliases are not taken; write it out.')
  if (node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:')) return no('tag', 'Tags are not taken.')
  if (isScalar(node)) {
    const { value } = node
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
    return typeof value === 'number' && Number.isFinite(value)
      ? value
      : no('malformed', 'This value is none of text, number, true, false and null.')
  }
  if (isSeq<Node>(node)) return listOf(node.items, path, walk, depth)
  if (!isMap<Node, Node | null>(node)) return no('malformed', 'This value is of no kind that a document can have.')
  const fields = new Map<string, Value>()
  for (const { key, value } of node.items) {
    const name = isScalar(key) && !isAlias(key) && key.anchor === undefined ? key.value : undefined
    if (typeof name !== 'string' || name.length > documentLimits.keyCharacters)
      return no('key', `A name of a member is text of at most ${documentLimits.keyCharacters} characters.`)
    if (fields.has(name)) return no('duplicate-key', `The member ${show(name)} stands there twice.`)
    const read = valueOf(value, `${path}.${show(name)}`, walk, depth + 1)
    if (read === undefined) return undefined
    fields.set(name, read)
  }
  return fields
}

function listOf(items: readonly Node[], path: string, walk: Walk, depth: number): readonly Value[] | undefined {
  const values: Value[] = []
  for (const [at, item] of items.entries()) {
    const read = valueOf(item, `${path}[${at}]`, walk, depth + 1)
    if (read === undefined) return undefined
    values.push(read)
  }
  return values
}

const resourceName = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/

function resourceOf(value: Value, path: string, problems: Problem[]): Resource | undefined {
  const before = problems.length
  const no = (at: string, code: string, message: string) => void problems.push({ path: at, code, message })
  if (!isFields(value)) return no(path, 'not-an-object', 'A document is an object with apiVersion, kind and metadata.')
  const apiVersion = value.get('apiVersion')
  const kind = value.get('kind')
  const metadata = value.get('metadata')
  if (typeof apiVersion !== 'string' || apiVersion === '') no(`${path}.apiVersion`, 'missing', 'apiVersion must be there, as text.')
  if (typeof kind !== 'string' || kind === '') no(`${path}.kind`, 'missing', 'kind must be there, as text.')
  const fields = isFields(metadata) ? metadata : undefined
  if (fields === undefined) no(`${path}.metadata`, 'missing', 'metadata must be there, with a name.')
  const name = fields?.get('name')
  const namespace = fields?.get('namespace')
  for (const member of fields?.keys() ?? [])
    if (!metadataMembers.has(member)) no(`${path}.metadata.${show(member)}`, 'unknown-field', `metadata has no member ${show(member)}.`)
  if (fields !== undefined && (typeof name !== 'string' || !resourceName.test(name)))
    no(`${path}.metadata.name`, 'bad-name', 'A name has 3 to 63 lower-case letters, digits and -, with a letter or digit at both ends.')
  if (namespace !== undefined && (typeof namespace !== 'string' || !resourceName.test(namespace)))
    no(`${path}.metadata.namespace`, 'bad-name', 'A namespace is named as a resource is.')
  if (problems.length > before || typeof apiVersion !== 'string' || typeof kind !== 'string' || typeof name !== 'string') return undefined
  const slash = apiVersion.indexOf('/')
  const members = new Map([...value].filter(([key]) => !headMembers.has(key)))
  return {
    path,
    group: slash < 0 ? '' : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    kind,
    name,
    namespace: typeof namespace === 'string' ? namespace : undefined,
    members,
  }
}

const headMembers: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata', 'status'])
// What the modelled product's tools write into an exported manifest is let through and has no meaning here.
const metadataMembers: ReadonlySet<string> = new Set(['name', 'namespace', 'labels', 'annotations'])

/** Whether a value is an object. */
export function isFields(value: Value | undefined): value is Fields {
  return value instanceof Map
}

/** A name that somebody else chose, fit for a path or a sentence: short, on one line. */
export function show(name: string): string {
  const short = name.length > 64 ? `${name.slice(0, 64)}...` : name
  // oxlint-disable-next-line no-control-regex -- control characters are what must not get into a log line
  return short.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?')
}
