import { type Instant, type Result, ok, parseDeviceId, refuse } from '#base'
import {
  type GeneralName,
  type NameConstraints,
  type NameSubtree,
  importPublicKey,
  parseAddress,
  parseNetwork,
  refuseWeakKey,
  x509Limits,
} from '#wire/x509'
import { limits } from './limits.ts'
import { within } from './name-constraints.ts'
import { type Template, profiles } from './profile.ts'
import { subjectOf } from './subject.ts'

/** What a template is held against: the issuer that would sign it. */
export type IssuerFacts = {
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly profiles: readonly Template['profile'][]
  /** What it may name. */
  readonly nameConstraints?: NameConstraints
}

type Rule = (template: Template, issuer: IssuerFacts) => Result<unknown>

const yes = ok(undefined)

const rules: readonly Rule[] = [
  ({ profile }, issuer) =>
    issuer.profiles.includes(profile) ? yes : refuse('pki/wrong-profile', 'This issuer does not make certificates of that kind.', profile),
  ({ serial }) => {
    if (!/^[0-9a-f]{32}$/.test(serial) || serial.startsWith('00'))
      return refuse('pki/weak-serial', 'The serial number is not a random one of 128 bits.')
    return yes
  },
  ({ notBefore, notAfter }) => {
    if (notBefore % 1000 !== 0 || notAfter % 1000 !== 0) return refuse('pki/validity-malformed', 'Validity is told in whole seconds.')
    return notAfter > notBefore ? yes : refuse('pki/validity-malformed', 'The validity ends before it begins.')
  },
  ({ notBefore, notAfter }, issuer) =>
    notBefore >= issuer.notBefore && notAfter <= issuer.notAfter
      ? yes
      : refuse('pki/outlives-issuer', 'The certificate would be valid when its issuer is not.'),
  ({ profile, notBefore, notAfter }) => {
    const days = profiles[profile].maxLifetimeMs / limits.dayMs
    if (notAfter - notBefore <= profiles[profile].maxLifetimeMs + limits.backdateMs) return yes
    return refuse('pki/lifetime-too-long', `A ${profile} certificate lives at most ${Math.floor(days)} days.`)
  },
  ({ publicKey }) => refuseWeakKey(publicKey),
  ({ publicKey }) => (importPublicKey(publicKey) ? yes : refuse('pki/invalid-key', 'The public key is not valid.')),
  ({ profile, commonName }) => (profile === 'device' ? lintDeviceName(commonName) : lintCommonName(commonName)),
  ({ profile, alternativeNames }) => {
    if (profiles[profile].alternativeNames === 'none')
      return alternativeNames.length === 0 ? yes : refuse('pki/names-not-allowed', `A ${profile} certificate has no alternative names.`)
    if (alternativeNames.length === 0 && profiles[profile].alternativeNames === 'optional') return yes
    if (alternativeNames.length === 0) return refuse('pki/names-missing', `A ${profile} certificate needs a DNS name or an address.`)
    if (alternativeNames.length > limits.serverNames)
      return refuse('pki/too-many-names', `A certificate has at most ${limits.serverNames} names.`)
    for (const name of alternativeNames) {
      const checked = lintAlternativeName(name)
      if (!checked.ok) return checked
    }
    return yes
  },
  ({ profile, nameConstraints }) => {
    if (!nameConstraints) return yes
    if (!profiles[profile].ca || profile === 'root' || profile === 'cross')
      return refuse('pki/constraints-not-allowed', `A ${profile} certificate does not constrain names.`)
    for (const list of [nameConstraints.permitted, nameConstraints.excluded]) {
      if (list.length > x509Limits.nameSubtrees)
        return refuse('pki/too-many-names', `An authority is constrained by at most ${x509Limits.nameSubtrees} names in each list.`)
      for (const subtree of list) {
        const checked = lintSubtree(subtree)
        if (!checked.ok) return checked
      }
    }
    return nameConstraints.permitted.length + nameConstraints.excluded.length > 0
      ? yes
      : refuse('pki/constraint-malformed', 'A constraint of names that names nothing is none.')
  },
  ({ profile, commonName, alternativeNames }, { nameConstraints }) =>
    nameConstraints ? within({ subject: subjectOf(profile, commonName), names: alternativeNames }, nameConstraints) : yes,
]

/** Holds a template against every rule; the first that says no is the answer. The order is fixed, so the same wish gets the same no. */
export function lintTemplate(template: Template, issuer: IssuerFacts): Result<void> {
  for (const rule of rules) {
    const said = rule(template, issuer)
    if (!said.ok) return said
  }
  return ok(undefined)
}

function lintCommonName(name: string): Result<unknown> {
  if (name.length > limits.commonNameCharacters)
    return refuse(
      'pki/common-name-too-long',
      `A name in a certificate has at most ${limits.commonNameCharacters} characters (RFC 5280); this one is longer.`,
    )
  return /^[\u0020-\u007e]+$/.test(name) && name.trim() === name
    ? yes
    : refuse('pki/common-name-malformed', 'The common name is empty or has characters that cannot stand in one.')
}

function lintDeviceName(name: string): Result<unknown> {
  const common = lintCommonName(name)
  return common.ok ? parseDeviceId(name) : common
}

function lintSubtree(subtree: NameSubtree): Result<unknown> {
  const malformed = refuse(
    'pki/constraint-malformed',
    'A constraint is a DNS domain, a mail or URI domain, or a network such as 10.1.0.0/16.',
  )
  if (subtree.kind === 'address') return parseNetwork(subtree.value) ? yes : malformed
  // Every name at all: for an authority whose certificates have none.
  if (subtree.kind === 'dns' && subtree.value === '') return yes
  if (subtree.kind !== 'dns' && subtree.kind !== 'email' && subtree.kind !== 'uri') return malformed
  const domain = subtree.kind === 'dns' ? subtree.value : subtree.value.replace(/^\./, '')
  const host = subtree.kind === 'email' ? domain.slice(domain.lastIndexOf('@') + 1) : domain
  return host.length <= limits.dnsNameCharacters && host.split('.').every((part) => label.test(part)) ? yes : malformed
}

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

function lintAlternativeName(name: GeneralName): Result<unknown> {
  if (name.kind === 'address') {
    return parseAddress(name.value) ? yes : refuse('pki/address-malformed', 'That is not an IP address.', name.value)
  }
  if (name.kind !== 'dns') return refuse('pki/names-not-allowed', 'A server certificate names DNS names and addresses only.')
  const labels = name.value.split('.')
  // A last label of digits would be read as an IPv4 address by some clients (WHATWG URL, ends-in-a-number).
  const fits =
    name.value.length <= limits.dnsNameCharacters && labels.every((part) => label.test(part)) && !/^\d+$/.test(labels.at(-1) ?? '')
  return fits
    ? yes
    : refuse(
        'pki/dns-name-malformed',
        'A DNS name is made of lower-case letters, digits and hyphens, in labels of 1 to 63; wildcards are not issued.',
        name.value,
      )
}
