import type { Result } from '#base'
import { Fields, readDer } from './der-reader.ts'
import { readOid, readText } from './der-values.ts'
import { decoding } from './malformed.ts'
import type { Name } from './name.ts'
import { tags } from './tags.ts'

/** One attribute of a distinguished name: its type as a dotted object identifier, and its text. */
export type NameAttribute = { readonly type: string; readonly value: string }

const byShortName: ReadonlyMap<string, string> = new Map([
  ['cn', '2.5.4.3'],
  ['sn', '2.5.4.4'],
  ['serialnumber', '2.5.4.5'],
  ['c', '2.5.4.6'],
  ['l', '2.5.4.7'],
  ['st', '2.5.4.8'],
  ['s', '2.5.4.8'],
  ['street', '2.5.4.9'],
  ['o', '2.5.4.10'],
  ['ou', '2.5.4.11'],
  ['title', '2.5.4.12'],
  ['postalcode', '2.5.4.17'],
  ['gn', '2.5.4.42'],
  ['uid', '0.9.2342.19200300.100.1.1'],
  ['dc', '0.9.2342.19200300.100.1.25'],
  ['emailaddress', '1.2.840.113549.1.9.1'],
])

/** The object identifier of an attribute type as people write it: `CN`, `ou`, `2.5.4.3`. Undefined when it is neither. */
export function attributeType(text: string): string | undefined {
  return byShortName.get(text.toLowerCase()) ?? (/^[0-2](\.[0-9]{1,10}){1,20}$/.test(text) ? text : undefined)
}

/**
 * The attributes of a name in the order of its encoding. Undefined for a name in which one place has several attributes: lists cannot say
 * which belong together, so such a name equals none that was written as a list.
 */
export function nameAttributes(name: Name): Result<readonly NameAttribute[] | undefined> {
  return decoding('name', () => {
    const attributes: NameAttribute[] = []
    const relative = new Fields(readDer(name.der), tags.sequence, 'the name')
    while (!relative.done) {
      const set = new Fields(relative.next(tags.set, 'a relative name'), tags.set, 'a relative name')
      const attribute = new Fields(set.next(tags.sequence, 'an attribute'), tags.sequence, 'an attribute')
      const type = readOid(attribute.next(tags.oid, 'an attribute type'), 'an attribute type')
      attributes.push({ type, value: readText(attribute.any('an attribute value'), 'an attribute value') })
      attribute.finish()
      if (!set.done) return undefined
    }
    return attributes
  })
}

/**
 * The relative names of a name (DER), each as a text that is the same for what RFC 5280 section 7.1 calls the same: string types, letter case and
 * inner white space do not count. Refuses `x509/malformed`.
 */
export function comparableNames(der: Buffer): Result<readonly string[]> {
  return decoding('name', () => {
    const names: string[] = []
    const relative = new Fields(readDer(der), tags.sequence, 'the name')
    while (!relative.done) {
      const parts: string[] = []
      const set = new Fields(relative.next(tags.set, 'a relative name'), tags.set, 'a relative name')
      while (!set.done) {
        const attribute = new Fields(set.next(tags.sequence, 'an attribute'), tags.sequence, 'an attribute')
        const type = readOid(attribute.next(tags.oid, 'an attribute type'), 'an attribute type')
        const text = readText(attribute.any('an attribute value'), 'an attribute value')
        attribute.finish()
        parts.push(JSON.stringify([type, text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ')]))
      }
      names.push(parts.toSorted((a, b) => (a < b ? -1 : Number(a > b))).join())
    }
    return names
  })
}
