import type { Result } from '#base'
import { Fields, readDer } from './der-reader.ts'
import { readOid } from './der-values.ts'
import { decoding } from './malformed.ts'
import { contextTag, tags } from './tags.ts'

/** Attributes of a signing request that ask for something special (RFC 7030 sections 3.5 and 4.4.1). */
export const attributeOids = {
  challengePassword: '1.2.840.113549.1.9.7',
  decryptKeyIdentifier: '1.2.840.113549.1.9.16.2.37',
  asymmetricDecryptKeyIdentifier: '1.2.840.113549.1.9.16.2.54',
} as const

/** The types of all attributes of a signing request (DER), as object identifiers. Refuses what is not strict DER. */
export function readAttributeTypes(der: Buffer): Result<readonly string[]> {
  return decoding('signing request', () => {
    const outer = new Fields(readDer(der), tags.sequence, 'the signing request')
    const info = new Fields(outer.next(tags.sequence, 'the signed part'), tags.sequence, 'the signed part')
    info.next(tags.integer, 'the version')
    info.next(tags.sequence, 'the subject')
    info.next(tags.sequence, 'the public key')
    const attributes = info.next(contextTag(0, true), 'the attributes')
    return attributes.children.map((child) => {
      const attribute = new Fields(child, tags.sequence, 'an attribute')
      return readOid(attribute.next(tags.oid, 'its type'), 'the type of an attribute')
    })
  })
}
