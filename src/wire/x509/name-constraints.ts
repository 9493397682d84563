import { formatAddress, parseAddress } from './address.ts'
import { type DerNode, Fields, contentOf } from './der-reader.ts'
import { readAscii } from './der-values.ts'
import { element, explicit, implicit, sequence } from './der-writer.ts'
import { limits } from './limits.ts'
import { Malformed } from './malformed.ts'
import { readName } from './name.ts'
import { contextTag, tags } from './tags.ts'

/** One subtree of names (RFC 5280 section 4.2.1.10). `other` is a form that we do not process; whoever meets one must refuse the chain. */
export type NameSubtree =
  /** A host and everything below it; `''` is every name. */
  | { readonly kind: 'dns'; readonly value: string }
  /** A mailbox, all mailboxes of a host, or with a leading dot those of every host below a domain. */
  | { readonly kind: 'email'; readonly value: string }
  /** A host, or with a leading dot every host below a domain. */
  | { readonly kind: 'uri'; readonly value: string }
  /** `10.1.0.0/16`, `2001:db8::/32`. */
  | { readonly kind: 'address'; readonly value: string }
  /** Names that begin like this one (DER of a Name). */
  | { readonly kind: 'directory'; readonly value: Buffer }
  | { readonly kind: 'other'; readonly value: string }

/** What an authority may name: something of `permitted` where a form is there at all, and nothing of `excluded`. */
export type NameConstraints = { readonly permitted: readonly NameSubtree[]; readonly excluded: readonly NameSubtree[] }

/** The bytes and the length of the prefix of `10.1.0.0/16`; undefined when it is none, or has bits set behind its prefix. */
export function parseNetwork(text: string): { readonly bytes: Buffer; readonly prefixBits: number } | undefined {
  const [address = '', length = '', ...more] = text.split('/')
  const bytes = parseAddress(address)
  if (!bytes || more.length > 0 || !/^\d{1,3}$/.test(length) || Number(length) > bytes.length * 8) return undefined
  const prefixBits = Number(length)
  return bytes.equals(masked(bytes, prefixBits)) ? { bytes, prefixBits } : undefined
}

/** The first `prefixBits` bits of an address, the rest zero. */
export function masked(bytes: Uint8Array, prefixBits: number): Buffer {
  return Buffer.from(bytes.map((byte, at) => byte & (0xff00 >> Math.max(0, Math.min(8, prefixBits - at * 8)))))
}

/** The value of a NameConstraints extension. A subtree that cannot be written is our bug: lint it before. */
export function encodeNameConstraints({ permitted, excluded }: NameConstraints): Buffer {
  const list = (number: number, subtrees: readonly NameSubtree[]) =>
    subtrees.length === 0 ? [] : [explicit(number, ...subtrees.map((subtree) => sequence(encodeSubtree(subtree))))]
  return sequence(...list(0, permitted), ...list(1, excluded))
}

function encodeSubtree(subtree: NameSubtree): Buffer {
  switch (subtree.kind) {
    case 'email':
      return implicit(1, Buffer.from(subtree.value, 'latin1'))
    case 'dns':
      return implicit(2, Buffer.from(subtree.value, 'latin1'))
    case 'directory':
      return explicit(4, subtree.value)
    case 'uri':
      return implicit(6, Buffer.from(subtree.value, 'latin1'))
    case 'address': {
      const network = parseNetwork(subtree.value)
      if (!network) throw new Error('bug: a network that cannot be written')
      const mask = masked(Buffer.alloc(network.bytes.length, 0xff), network.prefixBits)
      return element(contextTag(7, false), network.bytes, mask)
    }
    case 'other':
    default:
      throw new Error('bug: a subtree that cannot be written')
  }
}

/** Reads NameConstraints. Throws Malformed for an empty one, for lengths of subtrees other than "all" (RFC 5280 forbids them) and masks with holes. */
export function readNameConstraints(node: DerNode): NameConstraints {
  const fields = new Fields(node, tags.sequence, 'the name constraints')
  const permitted = fields.optional(contextTag(0, true))
  const excluded = fields.optional(contextTag(1, true))
  fields.finish()
  if (!permitted && !excluded) throw new Malformed('the name constraints are empty')
  return { permitted: permitted ? readSubtrees(permitted) : [], excluded: excluded ? readSubtrees(excluded) : [] }
}

function readSubtrees(list: DerNode): readonly NameSubtree[] {
  if (list.children.length === 0) throw new Malformed('a list of subtrees is empty')
  if (list.children.length > limits.nameSubtrees) throw new Malformed(`it has more than ${limits.nameSubtrees} subtrees of names`)
  return list.children.map((child) => {
    const subtree = new Fields(child, tags.sequence, 'a subtree')
    const base = subtree.any('the base of a subtree')
    if (!subtree.done) throw new Malformed('a subtree of names has a minimum or a maximum')
    return readBase(base)
  })
}

function readBase(node: DerNode): NameSubtree {
  if (node.tag === contextTag(4, true)) {
    const [name, ...more] = node.children
    if (!name || more.length > 0) throw new Malformed('a directory name is not one name')
    return { kind: 'directory', value: readName(name, 'a subtree').der }
  }
  const content = contentOf(node)
  if (node.tag === contextTag(1, false)) return { kind: 'email', value: readAscii(content, 'a mail domain') }
  if (node.tag === contextTag(2, false)) return { kind: 'dns', value: readAscii(content, 'a DNS domain') }
  if (node.tag === contextTag(6, false)) return { kind: 'uri', value: readAscii(content, 'a URI domain') }
  if (node.tag === contextTag(7, false)) return { kind: 'address', value: readNetwork(content) }
  if ((node.tag & 0xc0) !== 0x80 || (node.tag & 0x1f) > 8) throw new Malformed('a subtree of names has an unknown type')
  return { kind: 'other', value: `[${node.tag & 0x1f}]` }
}

function readNetwork(content: Buffer): string {
  const half = content.length / 2
  if (half !== 4 && half !== 16) throw new Malformed('a subtree of addresses has a wrong length')
  const bits = [...content.subarray(half)].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const prefixBits = bits.indexOf('0') === -1 ? bits.length : bits.indexOf('0')
  if (bits.includes('1', prefixBits)) throw new Malformed('the mask of a subtree of addresses has a hole')
  return `${formatAddress(masked(content.subarray(0, half), prefixBits))}/${prefixBits}`
}
