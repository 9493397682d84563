import { formatAddress, parseAddress } from './address.ts'
import { type DerNode, Fields, contentOf } from './der-reader.ts'
import { readAscii } from './der-values.ts'
import { implicit, sequence } from './der-writer.ts'
import { limits } from './limits.ts'
import { Malformed } from './malformed.ts'
import { readName } from './name.ts'
import { contextTag, tags } from './tags.ts'

/** One subject alternative name. `other` is a kind that we neither write nor match (its context tag is kept for the log). */
export type GeneralName =
  | { readonly kind: 'dns'; readonly value: string }
  | { readonly kind: 'address'; readonly value: string }
  | { readonly kind: 'uri'; readonly value: string }
  | { readonly kind: 'email'; readonly value: string }
  /** DER of a Name, in hex. Read, never written. */
  | { readonly kind: 'directory'; readonly value: string }
  | { readonly kind: 'other'; readonly value: string }

/** Encodes alternative names (RFC 5280 section 4.2.1.6). An address that is none, or `other`, is our bug. */
export function encodeGeneralNames(names: readonly GeneralName[]): Buffer {
  return sequence(
    ...names.map((name) => {
      if (name.kind === 'dns') return implicit(2, Buffer.from(name.value, 'latin1'))
      if (name.kind === 'uri') return implicit(6, Buffer.from(name.value, 'latin1'))
      if (name.kind === 'email') return implicit(1, Buffer.from(name.value, 'latin1'))
      const address = name.kind === 'address' ? parseAddress(name.value) : undefined
      if (!address) throw new Error('bug: a name that cannot be written')
      return implicit(7, address)
    }),
  )
}

/** Reads alternative names; an empty list is refused (RFC 5280: SIZE (1..MAX)). */
export function readGeneralNames(node: DerNode): readonly GeneralName[] {
  const fields = new Fields(node, tags.sequence, 'the alternative names')
  const names: GeneralName[] = []
  while (!fields.done) {
    const name = fields.any('a name')
    if (names.length === limits.generalNames) throw new Malformed(`it has more than ${limits.generalNames} alternative names`)
    names.push(readGeneralName(name))
  }
  if (names.length === 0) throw new Malformed('its list of alternative names is empty')
  return names
}

/** Reads one GeneralName. */
export function readGeneralName(node: DerNode): GeneralName {
  if (node.tag === contextTag(4, true)) {
    const [name, ...more] = node.children
    if (!name || more.length > 0) throw new Malformed('a directory name is not one name')
    return { kind: 'directory', value: readName(name, 'an alternative name').der.toString('hex') }
  }
  const content = contentOf(node)
  if (node.tag === contextTag(1, false)) return { kind: 'email', value: readAscii(content, 'a mail address') }
  if (node.tag === contextTag(2, false)) return { kind: 'dns', value: readAscii(content, 'a DNS name') }
  if (node.tag === contextTag(6, false)) return { kind: 'uri', value: readAscii(content, 'a URI') }
  if (node.tag === contextTag(7, false)) {
    const value = formatAddress(content)
    if (value === undefined) throw new Malformed('an IP address has a wrong length')
    return { kind: 'address', value }
  }
  if ((node.tag & 0xc0) !== 0x80 || (node.tag & 0x1f) > 8) throw new Malformed('an alternative name has an unknown type')
  return { kind: 'other', value: `[${node.tag & 0x1f}]` }
}
