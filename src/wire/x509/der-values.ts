import { type Instant, instant } from '#base'
import { type DerNode, contentOf } from './der-reader.ts'
import { Malformed } from './malformed.ts'
import { tags } from './tags.ts'

function expectTag(node: DerNode, tag: number, what: string): Buffer {
  if (node.tag !== tag) throw new Malformed(`${what} has the wrong type`)
  return contentOf(node)
}

/** INTEGER that is not negative, as unsigned big-endian bytes without leading zeros (zero is one 00 byte). */
export function readUnsigned(node: DerNode, what: string): Buffer {
  const body = expectTag(node, tags.integer, what)
  const first = body[0]
  const second = body[1]
  if (first === undefined) throw new Malformed(`${what} is an empty integer`)
  if (first & 0x80) throw new Malformed(`${what} is negative`)
  if (first !== 0 || second === undefined) return body
  if (second < 0x80) throw new Malformed(`${what} is not in its shortest form`)
  return body.subarray(1)
}

/** INTEGER from 0 to 65535. */
export function readSmall(node: DerNode, what: string): number {
  const bytes = readUnsigned(node, what)
  if (bytes.length > 2) throw new Malformed(`${what} is too large`)
  return bytes.readUIntBE(0, bytes.length)
}

/** BOOLEAN, 00 or FF (X.690 section 11.1). */
export function readBoolean(node: DerNode, what: string): boolean {
  const body = expectTag(node, tags.boolean, what)
  if (body.length !== 1 || (body[0] !== 0 && body[0] !== 0xff)) throw new Malformed(`${what} is not a DER boolean`)
  return body[0] === 0xff
}

/** OBJECT IDENTIFIER as dotted text, arcs below 2^53 in their shortest form. */
export function readOid(node: DerNode, what: string): string {
  const body = expectTag(node, tags.oid, what)
  const arcs: number[] = []
  let arc = 0
  let inside = false
  for (const byte of body) {
    if (!inside && byte === 0x80) throw new Malformed(`${what} is not in its shortest form`)
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER) throw new Malformed(`${what} is too large`)
    inside = (byte & 0x80) !== 0
    if (inside) continue
    if (arcs.length === 0) {
      const top = Math.min(2, Math.floor(arc / 40))
      arcs.push(top, arc - top * 40)
    } else arcs.push(arc)
    arc = 0
  }
  if (inside || arcs.length === 0) throw new Malformed(`${what} is cut off`)
  return arcs.join('.')
}

/** BIT STRING of whole bytes, as keys and signatures are. */
export function readBitBytes(node: DerNode, what: string): Buffer {
  const body = expectTag(node, tags.bitString, what)
  if (body[0] !== 0) throw new Malformed(`${what} is not made of whole bytes`)
  return body.subarray(1)
}

/** The numbers of the bits that are set in a named-bit BIT STRING, with no trailing zero bits (X.690 section 11.2.2). */
export function readNamedBits(node: DerNode, what: string): readonly number[] {
  const body = expectTag(node, tags.bitString, what)
  const unused = body[0]
  const last = body.length > 1 ? body.at(-1) : undefined
  if (unused === undefined || unused > 7 || body.length > 5) throw new Malformed(`${what} is not a bit string`)
  // The lowest used bit must be set, and every bit below it clear.
  if (last === undefined ? unused !== 0 : (last & ((1 << (unused + 1)) - 1)) !== 1 << unused)
    throw new Malformed(`${what} has trailing bits`)
  const bits: number[] = []
  for (let bit = 0; bit < (body.length - 1) * 8; bit++) if ((body[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) bits.push(bit)
  return bits
}

/** OCTET STRING. */
export function readOctets(node: DerNode, what: string): Buffer {
  return expectTag(node, tags.octetString, what)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
// oxlint-disable-next-line no-control-regex -- control characters are what this refuses
const control = /[\u0000-\u001f\u007f-\u009f]/

/** UTF8String, PrintableString or IA5String; refuses control characters (NUL hides the rest of a name from C programs). */
export function readText(node: DerNode, what: string): string {
  const body = contentOf(node)
  let text: string
  if (node.tag === tags.utf8String) {
    try {
      text = utf8.decode(body)
    } catch {
      throw new Malformed(`${what} is not UTF-8`)
    }
  } else if (node.tag === tags.printableString) {
    text = body.toString('latin1')
    if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)) throw new Malformed(`${what} is not a printable string`)
  } else if (node.tag === tags.ia5String) text = readAscii(body, what)
  else throw new Malformed(`${what} has a string type that we do not take`)
  if (control.test(text)) throw new Malformed(`${what} holds control characters`)
  return text
}

/** The content of an IA5String: ASCII without control characters. */
export function readAscii(body: Buffer, what: string): string {
  const text = body.toString('latin1')
  if (!/^[\u0020-\u007e]*$/.test(text)) throw new Malformed(`${what} is not plain ASCII`)
  return text
}

const utcTime = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const generalizedTime = /^(\d\d\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/

/** UTCTime (1950 to 2049) or GeneralizedTime (from 2050): seconds, no fraction, `Z` (RFC 5280 section 4.1.2.5). */
export function readTime(node: DerNode, what: string): Instant {
  const utc = node.tag === tags.utcTime
  if (!utc && node.tag !== tags.generalizedTime) throw new Malformed(`${what} is not a time`)
  const match = (utc ? utcTime : generalizedTime).exec(contentOf(node).toString('latin1'))
  if (!match) throw new Malformed(`${what} is not written as RFC 5280 wants`)
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number)
  const fullYear = utc ? (year >= 50 ? 1900 + year : 2000 + year) : year
  if (!utc && fullYear < 2050) throw new Malformed(`${what} is before 2050 and must be a UTCTime`)
  const at = new Date(Date.UTC(fullYear, month - 1, day, hour, minute, second))
  const kept = at.getUTCMonth() === month - 1 && at.getUTCDate() === day && at.getUTCHours() === hour && at.getUTCMinutes() === minute
  if (!kept || at.getUTCSeconds() !== second) throw new Malformed(`${what} is no date of the calendar`)
  return instant(at.getTime())
}
