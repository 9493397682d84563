import { type Fields, type Problem, type Value, isFields, show } from './read.ts'

/**
 * Reads members of documents by their shape and gathers what is wrong with them, so that an author sees every problem at once. Each reader
 * returns undefined for what is absent or wrong; only the latter is a problem.
 */
export class Shape {
  readonly problems: Problem[] = []

  /** Adds a problem. */
  no(path: string, code: string, message: string): undefined {
    this.problems.push({ path, code, message })
  }

  /** An object that has no members but `known` ones. */
  object(value: Value | undefined, path: string, known: readonly string[]): Fields | undefined {
    if (value === undefined) return this.no(path, 'missing', 'This member must be there.')
    if (!isFields(value)) return this.no(path, 'not-an-object', 'This member must be an object.')
    for (const name of value.keys())
      if (!known.includes(name))
        this.no(`${path}.${show(name)}`, 'unknown-field', `There is no member ${show(name)} here; there are ${known.join(', ')}.`)
    return value
  }

  /** Text of 1 to `max` characters. */
  text(fields: Fields, path: string, name: string, max: number, need: 'required' | 'optional' = 'required'): string | undefined {
    const value = fields.get(name)
    if (value === undefined) return need === 'optional' ? undefined : this.no(`${path}.${name}`, 'missing', `${name} must be there.`)
    if (typeof value === 'string' && value.length >= 1 && value.length <= max) return value
    return this.no(`${path}.${name}`, 'not-text', `${name} must be text of 1 to ${max} characters.`)
  }

  /** One of a few words. */
  word<const T extends string>(
    fields: Fields,
    path: string,
    name: string,
    words: readonly T[],
    need: 'required' | 'optional' = 'required',
  ): T | undefined {
    const value = fields.get(name)
    if (value === undefined) return need === 'optional' ? undefined : this.no(`${path}.${name}`, 'missing', `${name} must be there.`)
    const word = words.find((known) => known === value)
    return word ?? this.no(`${path}.${name}`, 'unknown-value', `${name} must be one of ${words.join(', ')}.`)
  }

  /** A list with at most `max` elements. */
  list(fields: Fields, path: string, name: string, max: number, need: 'required' | 'optional' = 'required'): readonly Value[] | undefined {
    const value = fields.get(name)
    if (value === undefined) return need === 'optional' ? undefined : this.no(`${path}.${name}`, 'missing', `${name} must be there.`)
    if (!Array.isArray(value)) return this.no(`${path}.${name}`, 'not-a-list', `${name} must be a list.`)
    if (value.length > max) return this.no(`${path}.${name}`, 'too-many', `${name} may have at most ${max} elements.`)
    return value
  }

  /** A list of text, each of 1 to `maxCharacters` characters. */
  texts(fields: Fields, path: string, name: string, max: number, maxCharacters: number): readonly string[] | undefined {
    const list = this.list(fields, path, name, max)
    const before = this.problems.length
    const texts: string[] = []
    for (const [at, value] of (list ?? []).entries()) {
      if (typeof value === 'string' && value.length >= 1 && value.length <= maxCharacters) texts.push(value)
      else this.no(`${path}.${name}[${at}]`, 'not-text', `This must be text of 1 to ${maxCharacters} characters.`)
    }
    return list === undefined || this.problems.length > before ? undefined : texts
  }

  /** A map of names to text. Numbers and booleans are refused rather than turned into text: quote them. */
  textMap(value: Value | undefined, path: string, max: number, maxCharacters: number): ReadonlyMap<string, string> | undefined {
    if (!isFields(value)) return this.no(path, 'not-an-object', 'This must be an object of text.')
    if (value.size > max) return this.no(path, 'too-many', `This may have at most ${max} members.`)
    const before = this.problems.length
    const texts = new Map<string, string>()
    for (const [name, text] of value) {
      if (name !== '' && typeof text === 'string' && text.length <= maxCharacters) texts.set(name, text)
      else this.no(`${path}.${show(name)}`, 'not-text', `This must be text of at most ${maxCharacters} characters; put it in quotes.`)
    }
    return this.problems.length > before ? undefined : texts
  }
}
