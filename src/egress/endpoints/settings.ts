import { isIP } from 'node:net'
import { type Result, ok, refuse } from '#base'
import { isName } from '../definition.ts'
import { isSecretReference } from '../kept-secrets.ts'

/** Bounds of one text of an endpoint's settings. `pattern` is matched against the whole. */
export type TextBounds = { readonly most: number; readonly pattern?: RegExp; readonly such?: string }

const hostPattern = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/
const pemPattern = /^(?:-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/
const maxPemLength = 32 * 1024

/**
 * Takes members out of an endpoint's settings, one by one, and remembers what is wrong with them. What was not asked for is unknown, and refused: a
 * misspelt setting must not be a setting that does nothing. Text with control characters is refused everywhere but in certificates.
 */
export class SettingsReader {
  readonly #members: ReadonlyMap<string, unknown>
  readonly #asked = new Set<string>()
  readonly #problems: string[] = []

  constructor(given: object) {
    this.#members = new Map<string, unknown>(Object.entries(given))
  }

  /** A text that must be there. The answer counts only when nothing is wrong at the end. */
  text(name: string, bounds: TextBounds): string {
    return this.optionalText(name, bounds) ?? this.#missing(name)
  }

  /** A text that may be left out. */
  optionalText(name: string, { most, pattern, such = 'characters that it may not have' }: TextBounds): string | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    if (typeof value !== 'string' || value.length === 0 || value.length > most)
      return this.#wrong(name, `is no text of 1 to ${most} characters`)
    if (hasControl(value) || (pattern !== undefined && !pattern.test(value))) return this.#wrong(name, `has ${such}`)
    return value
  }

  /** A host name or an address; an IPv6 address without brackets. */
  host(name: string): string {
    const value = this.text(name, { most: 253 })
    if (value !== '' && isIP(value) === 0 && !hostPattern.test(value)) this.wrong(`${name} is no host name`)
    return value
  }

  /** `host:port` texts, one at least. */
  hostsAndPorts(name: string, most: number): readonly { readonly host: string; readonly port: number }[] {
    const value = this.#take(name)
    if (!Array.isArray(value) || value.length === 0 || value.length > most) {
      this.wrong(`${name} is no list of 1 to ${most} texts host:port`)
      return []
    }
    return value.flatMap((one: unknown) => {
      const [, host = '', port = ''] = typeof one === 'string' && one.length <= 260 ? (/^([^:]+):(\d{1,5})$/.exec(one) ?? []) : []
      const number = Number(port)
      if ((isIP(host) !== 0 || hostPattern.test(host)) && number >= 1 && number <= 65_535) return [{ host, port: number }]
      this.wrong(`${name} has an entry that is not host:port`)
      return []
    })
  }

  /** A whole number between two others. */
  integer(name: string, { least, most, otherwise }: { readonly least: number; readonly most: number; readonly otherwise: number }): number {
    const value = this.#take(name)
    if (value === undefined) return otherwise
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
    this.wrong(`${name} is no whole number from ${least} to ${most}`)
    return otherwise
  }

  /** A port of TCP. */
  port(name: string, otherwise: number): number {
    return this.integer(name, { least: 1, most: 65_535, otherwise })
  }

  /** Yes or no. */
  flag(name: string, otherwise: boolean): boolean {
    const value = this.#take(name)
    if (value === undefined || typeof value === 'boolean') return value ?? otherwise
    this.wrong(`${name} is neither true nor false`)
    return otherwise
  }

  /** One of some words. */
  choice<Word extends string>(name: string, words: readonly Word[], otherwise: Word): Word {
    const value = this.#take(name)
    if (value === undefined) return otherwise
    const found = words.find((word) => word === value)
    if (found === undefined) this.wrong(`${name} is none of ${words.join(', ')}`)
    return found ?? otherwise
  }

  /** The name of a secret of this endpoint, or a reference to one of the vault; never the secret. */
  optionalSecret(name: string): string | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    return typeof value === 'string' && (isName(value) || isSecretReference(value)) ? value : this.#wrong(name, 'does not name a secret')
  }

  /** The name of a secret that must be given. */
  secret(name: string): string {
    return this.optionalSecret(name) ?? this.#missing(name)
  }

  /** Certificates as PEM, one or more. They are public. */
  optionalCertificates(name: string): string | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    if (typeof value === 'string' && value.length <= maxPemLength && pemPattern.test(value)) return value
    return this.#wrong(name, 'holds no certificates as PEM')
  }

  /** An https URL without credentials, query and fragment, and without a slash at its end. */
  url(name: string): string {
    const value = this.text(name, { most: 2_048 })
    if (value === '') return ''
    const url = URL.canParse(value) ? new URL(value) : undefined
    if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
      this.wrong(`${name} is no https URL without credentials, query and fragment`)
    return value.replace(/\/+$/, '')
  }

  /** Something is wrong that is about more than one member. */
  wrong(problem: string): void {
    if (this.#problems.length < 8) this.#problems.push(problem)
  }

  /** What was wrong, unknown members included; undefined: nothing. */
  problems(): string | undefined {
    for (const name of this.#members.keys())
      if (!this.#asked.has(name)) this.wrong(isName(name) ? `${name} is unknown` : 'a name is unknown')
    return this.#problems.length === 0 ? undefined : this.#problems.join('; ')
  }

  #take(name: string): unknown {
    this.#asked.add(name)
    return this.#members.get(name)
  }

  #wrong(name: string, problem: string): undefined {
    this.wrong(`${name} ${problem}`)
  }

  #missing(name: string): string {
    if (this.#members.get(name) === undefined) this.wrong(`${name} is missing`)
    return ''
  }
}

/** Reads settings by what `read` asks for. Refuses `egress/endpoint-malformed`, with everything that is wrong, and never with a value. */
export function readSettings<Settings>(kind: string, given: unknown, read: (reader: SettingsReader) => Settings): Result<Settings> {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
  if (!isObject) return refuse('egress/endpoint-malformed', `The settings of an endpoint of the kind ${kind} are an object.`)
  const reader = new SettingsReader(given)
  const settings = read(reader)
  const problems = reader.problems()
  if (problems === undefined) return ok(settings)
  return refuse('egress/endpoint-malformed', `These are no settings of an endpoint of the kind ${kind}: ${problems}.`)
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x20 || text.charCodeAt(i) === 0x7f) return true
  return false
}
