import { type Result, ok, refuse } from '#base'
import {
  type Certificate,
  type GeneralName,
  type NameConstraints,
  type NameSubtree,
  comparableNames,
  masked,
  nameAttributes,
  oids,
  parseAddress,
  parseNetwork,
} from '#wire/x509'
import { limits } from './limits.ts'

/*
 * Theory of operation (RFC 5280 sections 4.2.1.10 and 6.1.4). What an authority is constrained to holds for everything below it but what it
 * issued to itself. Excluded wins over permitted; of a form that no permitted subtree speaks of, every name is permitted. Forms that we do not
 * process are refused wherever they are constrained. The work of one chain is bounded: names times subtrees.
 */

type Names = { readonly subject: Buffer; readonly names: readonly GeneralName[] }

/** Whether everything on a path (leaf first, anchor last) is named as the authorities above it allow. */
export function namesAllowed(path: readonly Certificate[]): Result<void> {
  let comparisons = 0
  for (const [height, authority] of path.entries()) {
    const constraints = authority.extensions.nameConstraints
    if (!constraints) continue
    const { permitted, excluded } = constraints
    if ([...permitted, ...excluded].some(({ kind }) => kind === 'other'))
      return refuse(
        'pki/unsupported-constraint',
        'An authority in the chain constrains names of a form that is not supported.',
        authority.subject.text,
      )
    for (const [depth, certificate] of path.slice(0, height).entries()) {
      if (depth > 0 && certificate.subject.der.equals(certificate.issuer.der)) continue
      const names = namesOf(certificate)
      if (!names.ok) return names
      comparisons += (names.value.names.length + 1) * (permitted.length + excluded.length)
      if (comparisons > limits.nameComparisons) return refuse('pki/chain-too-costly', 'Names and constraints in the chain are too many.')
      const allowed = within(names.value, constraints)
      if (!allowed.ok) return allowed
    }
  }
  return ok(undefined)
}

/** The subject and every alternative name; of a certificate without a mail address among them, those in its subject. */
function namesOf({ subject, extensions }: Certificate): Result<Names> {
  const names = extensions.alternativeNames ?? []
  if (names.some(({ kind }) => kind === 'email')) return ok({ subject: subject.der, names })
  const attributes = nameAttributes(subject)
  if (!attributes.ok) return attributes
  const mail = (attributes.value ?? []).filter(({ type }) => type === oids.emailAddress)
  return ok({ subject: subject.der, names: [...names, ...mail.map(({ value }) => ({ kind: 'email', value }) as const)] })
}

/** Whether a subject and alternative names keep to constraints. `pki/name-not-permitted` names the first that does not. */
export function within({ subject, names }: Names, { permitted, excluded }: NameConstraints): Result<void> {
  const all: readonly GeneralName[] = isEmpty(subject) ? names : [{ kind: 'directory', value: subject.toString('hex') }, ...names]
  for (const name of all) {
    const ofForm = permitted.filter(({ kind }) => kind === name.kind)
    const bad =
      excluded.some((subtree) => matches(name, subtree, 'excluded')) ||
      (ofForm.length > 0 && !ofForm.some((subtree) => matches(name, subtree, 'permitted')))
    if (bad)
      return refuse(
        'pki/name-not-permitted',
        'An authority in the chain may not vouch for this name.',
        name.kind === 'directory' ? 'the subject or a directory name' : `${name.kind} ${name.value}`,
      )
  }
  return ok(undefined)
}

const isEmpty = (name: Buffer) => name.length === 2

// Where a name cannot be understood it is outside what is permitted, and inside what is excluded.
function matches(name: GeneralName, subtree: NameSubtree, list: 'permitted' | 'excluded'): boolean {
  const unclear = list === 'excluded'
  if (name.kind === 'dns' && subtree.kind === 'dns') return dnsWithin(name.value, subtree.value, list)
  if (name.kind === 'email' && subtree.kind === 'email') return mailWithin(name.value, subtree.value) ?? unclear
  if (name.kind === 'uri' && subtree.kind === 'uri') {
    const host = hostOf(name.value)
    return host === undefined ? unclear : hostWithin(host, subtree.value)
  }
  if (name.kind === 'address' && subtree.kind === 'address') {
    const [address, network] = [parseAddress(name.value), parseNetwork(subtree.value)]
    if (!address || !network) return unclear
    return address.length === network.bytes.length && masked(address, network.prefixBits).equals(network.bytes)
  }
  if (name.kind === 'directory' && subtree.kind === 'directory') {
    const [whole, base] = [comparableNames(Buffer.from(name.value, 'hex')), comparableNames(subtree.value)]
    if (!whole.ok || !base.ok) return unclear
    return base.value.length <= whole.value.length && base.value.every((part, at) => part === whole.value[at])
  }
  return false
}

const folded = (host: string) => host.toLowerCase().replace(/\.$/, '')

function dnsWithin(name: string, base: string, list: 'permitted' | 'excluded'): boolean {
  const [host, domain] = [folded(name), folded(base)]
  if (domain === '') return true
  // A leading dot is not of the standard for DNS; others read it as "below, not itself". Both readings are denied what is excluded.
  if (domain.startsWith('.')) return host.endsWith(domain) || (list === 'excluded' && `.${host}` === domain)
  if (host === domain || host.endsWith(`.${domain}`)) return true
  // A wildcard may stand for the very name that is excluded.
  return list === 'excluded' && host.startsWith('*.') && domain.endsWith(host.slice(1))
}

function mailWithin(mail: string, base: string): boolean | undefined {
  const at = mail.lastIndexOf('@')
  if (at <= 0 || at === mail.length - 1) return undefined
  const host = mail.slice(at + 1)
  const split = base.lastIndexOf('@')
  if (split >= 0) return mail.slice(0, at) === base.slice(0, split) && folded(host) === folded(base.slice(split + 1))
  return hostWithin(host, base)
}

// For mail and URIs a host is that host alone; a leading dot means everything below the domain.
function hostWithin(host: string, base: string): boolean {
  const [name, domain] = [folded(host), folded(base)]
  return domain === '' || (domain.startsWith('.') ? name.endsWith(domain) : name === domain)
}

// Constraints speak of names of hosts: a URI without one, or with an address, is not clear (RFC 5280 section 4.2.1.10).
function hostOf(uri: string): string | undefined {
  const match = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([a-z0-9.-]+)(?::\d*)?(?:[/?#]|$)/i.exec(uri)
  const host = match?.[1]
  return host === undefined || /(^|\.)\d+\.?$/.test(host) ? undefined : host
}
