import type { Problem, RawDocument, Value } from './read.ts'

/** Our own API group. Fields that the modelled product does not have are accepted under it alone. */
export const ourApiVersion = 'mqttbroker.thingwall/v1'

/** The groups that documents may name. Those of the modelled product load unchanged (edge.md 0). */
export const apiVersions: readonly string[] = [
  ourApiVersion,
  'mqttbroker.iotoperations.azure.com/v1',
  'mqttbroker.iotoperations.azure.com/v1beta1',
]

const namePattern = /^[a-z0-9][a-z0-9-]*[a-z0-9]$/

/** Whether a text is a resource name: 3 to 63 lower-case letters, digits and inner hyphens (edge.md 0). */
export function isResourceName(name: string): boolean {
  return name.length >= 3 && name.length <= 63 && namePattern.test(name)
}

/** The fields of one object being read, where they stand, and what was found wrong so far. Every `take` wants the field to have a form. */
export class Fields {
  readonly path: string
  readonly #fields: ReadonlyMap<string, Value>
  readonly #problems: Problem[]

  constructor(fields: ReadonlyMap<string, Value>, path: string, problems: Problem[]) {
    this.#fields = fields
    this.path = path
    this.#problems = problems
  }

  /** Adds what is wrong at `name`, or at this object itself when it is ''. */
  wrong(name: string, code: string, message: string): void {
    this.#problems.push({ path: this.at(name), code, message })
  }

  /** The path of a field of this object. */
  at(name: string): string {
    if (name === '') return this.path
    return this.path === '' ? name : `${this.path}.${name}`
  }

  /** The names of all fields, for objects whose fields somebody else named. */
  names(): readonly string[] {
    return [...this.#fields.keys()]
  }

  has(name: string): boolean {
    return this.#fields.has(name)
  }

  /** Fields nobody knows are an error: a misspelt one must not quietly allow or deny. */
  only(...known: readonly string[]): void {
    for (const name of this.#fields.keys())
      if (!known.includes(name))
        this.wrong(name, 'unknown-field', `There is no field ${JSON.stringify(name.slice(0, 64))} here; known: ${known.join(', ')}.`)
  }

  /** A text, undefined when it is missing or (`wrong-type`, noted) something else. */
  text(name: string): string | undefined {
    const value = this.#fields.get(name)
    if (value === undefined) return undefined
    if (typeof value === 'string') return value
    return this.#wrongType(name, 'a text; put it in quotes')
  }

  /** A text that must be there (`missing-field`). */
  requiredText(name: string): string | undefined {
    this.required(name)
    return this.text(name)
  }

  /** Notes `missing-field` when it is not there. */
  required(name: string): void {
    if (!this.#fields.has(name)) this.wrong(name, 'missing-field', `The field ${name} is needed.`)
  }

  /** One of a few words, spelt exactly (`unknown-word`). */
  word<const T extends string>(name: string, ...words: readonly T[]): T | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const word = words.find((one) => one === value)
    if (word === undefined) this.wrong(name, 'unknown-word', `${JSON.stringify(value.slice(0, 64))} is none of ${words.join(', ')}.`)
    return word
  }

  /** The elements of a list with their paths; empty when missing. */
  list(name: string): readonly { readonly value: Value; readonly path: string }[] {
    const value = this.#fields.get(name)
    if (value === undefined) return []
    if (!isList(value)) return this.#wrongType(name, 'a list') ?? []
    return value.map((element, index) => ({ value: element, path: `${this.at(name)}[${index}]` }))
  }

  /** A list of texts; empty when missing. Elements that are no text are noted and left out. */
  texts(name: string): readonly string[] {
    return this.list(name).flatMap(({ value, path }) => {
      if (typeof value === 'string') return [value]
      this.#problems.push({ path, code: 'wrong-type', message: 'This must be a text; put it in quotes.' })
      return []
    })
  }

  /** The objects of a list, each to be read in its turn. Elements that are none are noted and left out. */
  objects(name: string): readonly Fields[] {
    return this.list(name).flatMap(({ value, path }) => {
      if (value instanceof Map) return [new Fields(value, path, this.#problems)]
      this.#problems.push({ path, code: 'wrong-type', message: 'This must be a map of fields.' })
      return []
    })
  }

  /** An object to be read in its turn; undefined when it is missing or something else. */
  object(name: string): Fields | undefined {
    const value = this.#fields.get(name)
    if (value === undefined) return undefined
    if (value instanceof Map) return new Fields(value, this.at(name), this.#problems)
    return this.#wrongType(name, 'a map of fields')
  }

  /** A map of texts, such as attributes, with any names; empty when missing. */
  textMap(): ReadonlyMap<string, string> {
    const out = new Map<string, string>()
    for (const [name, value] of this.#fields) {
      if (typeof value === 'string') out.set(name, value)
      else this.#wrongType(name, 'a text; put it in quotes')
    }
    return out
  }

  #wrongType(name: string, what: string): undefined {
    this.wrong(name, 'wrong-type', `This must be ${what}.`)
    return undefined
  }
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

/** What every document says about itself, and its `spec` to be read by who knows the kind. */
export type Envelope = {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace: string | undefined
  /** True under our own group, where our own fields are accepted. */
  readonly ours: boolean
  readonly document: Fields
  readonly spec: Fields | undefined
}

/**
 * Reads what all kinds have in common: apiVersion, kind, metadata. What is wrong is added to `problems`: `unknown-api-version`,
 * `bad-name` and the like. `beside` are fields that this kind may have beside `spec`.
 */
export function readEnvelope(raw: RawDocument, problems: Problem[], beside: readonly string[] = []): Envelope {
  const document = new Fields(raw.fields, '', problems)
  document.only('apiVersion', 'kind', 'metadata', 'spec', ...beside)
  const apiVersion = document.requiredText('apiVersion') ?? ''
  if (apiVersion !== '' && !apiVersions.includes(apiVersion))
    document.wrong('apiVersion', 'unknown-api-version', `This is none of ${apiVersions.join(', ')}.`)
  const kind = document.requiredText('kind') ?? ''
  document.required('metadata')
  const metadata = document.object('metadata')
  metadata?.only('name', 'namespace', 'labels', 'annotations')
  const name = metadata?.requiredText('name') ?? ''
  if (metadata?.has('name') === true && !isResourceName(name))
    metadata.wrong('name', 'bad-name', 'A name has 3 to 63 lower-case letters, digits and hyphens, and no hyphen at either end.')
  const namespace = metadata?.text('namespace')
  metadata?.object('labels')?.textMap()
  metadata?.object('annotations')?.textMap()
  return { apiVersion, kind, name, namespace, ours: apiVersion === ourApiVersion, document, spec: document.object('spec') }
}
