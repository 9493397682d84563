import { type DerNode, Fields, wholeOf } from './der-reader.ts'
import { readOid, readText } from './der-values.ts'
import { oid, sequence, setOf, utf8String } from './der-writer.ts'
import { Malformed } from './malformed.ts'
import { oids } from './oids.ts'
import { tags } from './tags.ts'

/** A distinguished name. Names are equal when their bytes are (stricter than RFC 5280 section 7.1, never laxer). */
export type Name = {
  readonly der: Buffer
  /** The only common name; undefined when there is none. A name with two is refused. */
  readonly commonName: string | undefined
  /** For people and logs: `CN=pump-1, O=Plant`. Never compared. */
  readonly text: string
}

const shortNames: ReadonlyMap<string, string> = new Map([
  [oids.commonName, 'CN'],
  [oids.organization, 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.5', 'serialNumber'],
])

/** Encodes a name of a common name and perhaps an organization, as UTF8String (RFC 5280 section 4.1.2.4). */
export function encodeName(name: { readonly commonName: string; readonly organization?: string }): Buffer {
  const attribute = (type: string, value: string) => setOf(sequence(oid(type), utf8String(value)))
  const common = attribute(oids.commonName, name.commonName)
  return name.organization === undefined ? sequence(common) : sequence(attribute(oids.organization, name.organization), common)
}

/** Reads a Name. Throws Malformed for two common names: programs disagree on which one counts. */
export function readName(node: DerNode, what: string): Name {
  const parts: string[] = []
  let commonName: string | undefined
  const relative = new Fields(node, tags.sequence, what)
  while (!relative.done) {
    const set = new Fields(relative.next(tags.set, 'a relative name'), tags.set, what)
    do {
      const attribute = new Fields(set.next(tags.sequence, 'an attribute'), tags.sequence, what)
      const type = readOid(attribute.next(tags.oid, 'an attribute type'), `an attribute type of ${what}`)
      const value = attribute.any('an attribute value')
      attribute.finish()
      const short = shortNames.get(type)
      if (type !== oids.commonName) {
        parts.push(short === undefined ? type : `${short}=${readText(value, what)}`)
        continue
      }
      if (commonName !== undefined) throw new Malformed(`${what} has two common names`)
      commonName = readText(value, `the common name of ${what}`)
      if (commonName === '') throw new Malformed(`the common name of ${what} is empty`)
      parts.unshift(`CN=${commonName}`)
    } while (!set.done)
  }
  return { der: wholeOf(node), commonName, text: parts.join(', ') }
}
