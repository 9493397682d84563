import type { Result } from '#base'
import { type DerNode, Fields, contentOf, readDer, wholeOf } from './der-reader.ts'
import { readBoolean, readOctets, readOid, readUnsigned } from './der-values.ts'
import { nothing, octetString, oid, sequence, unsignedInteger } from './der-writer.ts'
import { limits } from './limits.ts'
import { Malformed, decoding } from './malformed.ts'
import { oids } from './oids.ts'
import { contextTag, tags } from './tags.ts'

/** The digests by which a certificate's issuer may be named. SHA-1 is what every client sends (RFC 5019); it identifies, it proves nothing. */
export const issuerDigests = { '1.3.14.3.2.26': 'sha1', '2.16.840.1.101.3.4.2.1': 'sha256' } as const

/** One of the {@link issuerDigests}. */
export type IssuerDigest = (typeof issuerDigests)[keyof typeof issuerDigests]

/** The certificate that a client asks about (RFC 6960 section 4.1.1). */
export type CertificateId = {
  /** As it came: an answer repeats it. */
  readonly der: Buffer
  /** Undefined: a digest that we do not compute, so an issuer that we do not know. */
  readonly digest: IssuerDigest | undefined
  readonly issuerNameHash: Buffer
  readonly issuerKeyHash: Buffer
  /** Lower-case hex without leading zero bytes. */
  readonly serial: string
}

/** Names a certificate as a client would: by SHA-1 digests of its issuer's name and key. `serial` in lower-case hex. */
export function certificateId(issuerNameHash: Buffer, issuerKeyHash: Buffer, serial: string): CertificateId {
  const digest = sequence(oid('1.3.14.3.2.26'), nothing)
  const number = unsignedInteger(Buffer.from(serial, 'hex'))
  const der = sequence(digest, octetString(issuerNameHash), octetString(issuerKeyHash), number)
  return { der, digest: 'sha1', issuerNameHash, issuerKeyHash, serial }
}

/** What a client asks. A signature on it is passed over: nobody has to sign, and nothing hangs on who asks. */
export type OcspRequest = {
  /** At least one. */
  readonly certificates: readonly CertificateId[]
  /** 1 to 128 bytes, which the answer repeats (RFC 9654). */
  readonly nonce: Buffer | undefined
}

/**
 * Reads one DER request (RFC 6960 section 4.1). Refuses what is not strict DER, more certificates than {@link limits} allow, a nonce of a
 * length that RFC 9654 does not allow, and critical extensions other than the nonce.
 */
export function parseOcspRequest(der: Buffer): Result<OcspRequest> {
  return decoding('request', () => readRequest(der))
}

function readRequest(der: Buffer): OcspRequest {
  const outer = new Fields(readDer(der, limits.ocspRequestBytes), tags.sequence, 'the request')
  const tbs = new Fields(outer.next(tags.sequence, 'what is asked'), tags.sequence, 'what is asked')
  outer.optional(contextTag(0, true))
  outer.finish()
  // Version 1 is the default, which DER does not spell out, and there is no other.
  tbs.optional(contextTag(1, true))
  const list = new Fields(tbs.next(tags.sequence, 'its list'), tags.sequence, 'the list')
  const extensions = tbs.optional(contextTag(2, true))
  tbs.finish()
  const certificates: CertificateId[] = []
  while (!list.done) {
    if (certificates.length === limits.ocspCertificates)
      throw new Malformed(`it asks for more than ${limits.ocspCertificates} certificates`)
    const one = new Fields(list.next(tags.sequence, 'an entry'), tags.sequence, 'an entry')
    certificates.push(readCertificateId(one.next(tags.sequence, 'the certificate')))
    const more = one.optional(contextTag(0, true))
    one.finish()
    if (more !== undefined) readNonce(more)
  }
  if (certificates.length === 0) throw new Malformed('it asks for nothing')
  return { certificates, nonce: extensions && readNonce(extensions) }
}

function readCertificateId(node: DerNode): CertificateId {
  const fields = new Fields(node, tags.sequence, 'the certificate asked for')
  const algorithm = new Fields(fields.next(tags.sequence, 'the digest'), tags.sequence, 'the digest')
  const type = readOid(algorithm.next(tags.oid, 'its type'), 'the digest')
  const parameters = algorithm.optional(tags.null)
  algorithm.finish()
  if (parameters !== undefined && contentOf(parameters).length > 0) throw new Malformed('the parameters of the digest are not NULL')
  const issuerNameHash = readOctets(fields.next(tags.octetString, 'the name of the issuer'), 'the name of the issuer')
  const issuerKeyHash = readOctets(fields.next(tags.octetString, 'the key of the issuer'), 'the key of the issuer')
  const serial = readUnsigned(fields.next(tags.integer, 'the serial number'), 'the serial number')
  fields.finish()
  if (serial.length > 20) throw new Malformed('the serial number is longer than 20 bytes')
  const [, digest] = Object.entries(issuerDigests).find(([known]) => known === type) ?? []
  return { der: wholeOf(node), digest, issuerNameHash, issuerKeyHash, serial: serial.toString('hex') }
}

/** The nonce of a list of extensions. Another critical extension is refused: an answer that ignores it would say too much. */
function readNonce(explicitly: DerNode): Buffer | undefined {
  const [list, ...more] = explicitly.children
  if (list === undefined || more.length > 0) throw new Malformed('the extensions are not one list')
  const fields = new Fields(list, tags.sequence, 'the extensions')
  let nonce: Buffer | undefined
  while (!fields.done) {
    const extension = new Fields(fields.next(tags.sequence, 'an extension'), tags.sequence, 'an extension')
    const type = readOid(extension.next(tags.oid, 'its type'), 'the type of an extension')
    const flag = extension.optional(tags.boolean)
    const isCritical = flag !== undefined && readBoolean(flag, 'the critical flag')
    const value = readOctets(extension.next(tags.octetString, 'its value'), 'the value of an extension')
    extension.finish()
    if (type !== oids.ocspNonce) {
      if (isCritical) throw new Malformed('it has a critical extension that is not understood here')
      continue
    }
    if (nonce !== undefined) throw new Malformed('it has two nonces')
    nonce = readOctets(readDer(value), 'the nonce')
    if (nonce.length === 0 || nonce.length > 128) throw new Malformed('the nonce does not have 1 to 128 bytes')
  }
  return nonce
}
