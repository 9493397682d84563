import type { Result } from '#base'
import { type DerNode, Fields, readDer, wholeOf } from './der-reader.ts'
import { readOid, readSmall } from './der-values.ts'
import { element, explicit, oid, sequence, setOf, smallInteger } from './der-writer.ts'
import { Malformed, decoding } from './malformed.ts'
import { contextTag, tags } from './tags.ts'

const data = '1.2.840.113549.1.7.1'
const signedData = '1.2.840.113549.1.7.2'

/** Bytes and elements of an answer that a client of ours reads; a bundle of twenty authorities has about 20 KiB. */
const maxBytes = 256 * 1024
const maxNodes = 16_384
const maxCertificates = 64

/** A certs-only Simple PKI Response (RFC 5272 section 4.1, RFC 5652 section 5): SignedData with certificates (DER each), nothing signed and nobody signing. */
export function encodeCertsOnly(certificates: readonly Buffer[]): Buffer {
  const body = sequence(
    smallInteger(1),
    setOf(),
    sequence(oid(data)),
    // A SET OF, whose order DER fixes; the tag says [0] IMPLICIT in its place.
    element(contextTag(0, true), ...certificates.toSorted((a, b) => Buffer.compare(a, b))),
    setOf(),
  )
  return sequence(oid(signedData), explicit(0, body))
}

/**
 * Reads a certs-only response: its certificates, DER, in the order in which they stand. Nothing is verified, and what certificates say is not
 * looked at. Refuses what is not strict DER, content that is signed or is not there to hold certificates, and more than 64 of them.
 */
export function readCertsOnly(der: Buffer): Result<readonly Buffer[]> {
  return decoding('answer with certificates', () => {
    const outer = new Fields(readDer(der, maxBytes, maxNodes), tags.sequence, 'the content')
    if (readOid(outer.next(tags.oid, 'its type'), 'the type of the content') !== signedData) throw new Malformed('it is not signed data')
    const wrapped = outer.next(contextTag(0, true), 'the signed data')
    outer.finish()
    const [inner, ...more] = wrapped.children
    if (inner === undefined || more.length > 0) throw new Malformed('it does not hold one signed data')
    return readSignedData(inner)
  })
}

function readSignedData(node: DerNode): readonly Buffer[] {
  const fields = new Fields(node, tags.sequence, 'the signed data')
  if (readSmall(fields.next(tags.integer, 'the version'), 'the version') > 5) throw new Malformed('its version is not known')
  fields.next(tags.set, 'the digest algorithms')
  fields.next(tags.sequence, 'the content')
  const certificates = fields.optional(contextTag(0, true))
  fields.optional(contextTag(1, true))
  const signers = fields.next(tags.set, 'the signers')
  fields.finish()
  if (signers.children.length > 0) throw new Malformed('somebody signed it, where it only carries certificates')
  const found = certificates?.children ?? []
  if (found.length === 0) throw new Malformed('it holds no certificates')
  if (found.length > maxCertificates) throw new Malformed(`it holds more than ${maxCertificates} certificates`)
  return found.map((child) => {
    if (child.tag !== tags.sequence) throw new Malformed('it holds something other than certificates')
    return wholeOf(child)
  })
}
