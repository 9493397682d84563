import { type Result, ok, refuse } from '#base'
import type { Json } from '#wire/json'
import { type GeneralName, formatAddress, masked, parseAddress, parseNetwork } from '#wire/x509'
import { acmeLimits } from './limits.ts'

/** What a certificate may be for: a host name, or an address (RFC 8738), in the one form that is compared. */
export type Identifier = { readonly type: 'dns' | 'ip'; readonly value: string }

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** Whether this is a host name as certificates of ours have them: lower case, no wildcard, no address in disguise. */
function isHost(name: string): boolean {
  const labels = name.split('.')
  return name.length <= 253 && labels.every((part) => label.test(part)) && !/^\d+$/.test(labels.at(-1) ?? '')
}

/** Reads the `identifiers` of an order: each once, 1 to 50 of them. */
export function readIdentifiers(json: Json | undefined): Result<readonly Identifier[]> {
  if (!Array.isArray(json) || json.length === 0 || json.length > acmeLimits.identifiers)
    return refuse('pki/acme-order-malformed', `An order has 1 to ${acmeLimits.identifiers} identifiers.`)
  const found = new Map<string, Identifier>()
  for (const one of json) {
    const read = readIdentifier(one)
    if (!read.ok) return read
    found.set(`${read.value.type}:${read.value.value}`, read.value)
  }
  return ok([...found.values()])
}

function readIdentifier(json: Json): Result<Identifier> {
  const [type, value] =
    typeof json === 'object' && json !== null && !Array.isArray(json) ? [memberOf(json, 'type'), memberOf(json, 'value')] : []
  if (typeof type !== 'string' || typeof value !== 'string')
    return refuse('pki/acme-order-malformed', 'An identifier has a type and a value.')
  if (type === 'dns') {
    const name = value.toLowerCase()
    if (isHost(name)) return ok({ type, value: name })
    return refuse(
      'pki/acme-identifier',
      'That is not a name that certificates are made for here; wildcards are not issued.',
      name.slice(0, 253),
    )
  }
  if (type !== 'ip') return refuse('pki/acme-identifier-type', 'Identifiers are of the types dns and ip.')
  const bytes = parseAddress(value)
  const address = bytes === undefined ? undefined : formatAddress(bytes)
  return address === undefined ? refuse('pki/acme-identifier', 'That is not an IP address.') : ok({ type, value: address })
}

/** A member of an object of a peer; undefined when it has none of its own. */
export function memberOf(json: Json | undefined, name: string): Json | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
  const found: Json | undefined = Object.hasOwn(json, name) ? Reflect.get(json, name) : undefined
  return found
}

/** Reads what an account may have certificates for. Refuses `pki/acme-names` for none, too many, and what is no name, no `*.name` and no network. */
export function readPatterns(given: readonly string[]): Result<readonly string[]> {
  const patterns = [...new Set(given.map((one) => one.trim().toLowerCase()))]
  if (patterns.length === 0 || patterns.length > acmeLimits.patterns)
    return refuse('pki/acme-names', `An account is for 1 to ${acmeLimits.patterns} names.`)
  const wrong = patterns.find((one) => !isPattern(one))
  return wrong === undefined
    ? ok(patterns)
    : refuse(
        'pki/acme-names',
        'A name is a host such as scada.plant.example, all hosts below a domain such as *.plant.example, or a network such as 10.1.0.0/16.',
        wrong,
      )
}

function isPattern(text: string): boolean {
  if (text.startsWith('*.')) return isHost(text.slice(2))
  return isHost(text) || parseAddress(text) !== undefined || parseNetwork(text) !== undefined
}

/** Whether one of the patterns is for it. `*.plant.example` is every host below that domain, however deep, and not the domain itself. */
export function covers(patterns: readonly string[], { type, value }: Identifier): boolean {
  return patterns.some((pattern) => {
    if (type === 'dns')
      return pattern.startsWith('*.') ? value.endsWith(pattern.slice(1)) && value.length >= pattern.length : pattern === value
    const address = parseAddress(value)
    const network = parseNetwork(pattern)
    if (address === undefined) return false
    if (network === undefined) return parseAddress(pattern)?.equals(address) === true
    return network.bytes.length === address.length && masked(address, network.prefixBits).equals(network.bytes)
  })
}

/** The identifier as it stands in a certificate. */
export function alternativeNameOf({ type, value }: Identifier): GeneralName {
  return { kind: type === 'dns' ? 'dns' : 'address', value }
}
