import type { Instant, Result } from '#base'
import { refuse } from '#base'
import { Fields, readDer, wholeOf } from './der-reader.ts'
import { readBitBytes, readSmall, readTime, readUnsigned } from './der-values.ts'
import { bitString, explicit, sequence, smallInteger, time, unsignedInteger } from './der-writer.ts'
import { type Extensions, noExtensions, readExtensions } from './extension.ts'
import { Malformed, decoding } from './malformed.ts'
import { type Name, readName } from './name.ts'
import { type PublicKey, readPublicKey } from './public-key.ts'
import { type SignatureAlgorithm, encodeSignatureAlgorithm, readSignatureAlgorithm } from './signature.ts'
import { contextTag, tags } from './tags.ts'

/** A certificate's meaning. Reading proves its form only: nothing here says that a signature was checked. */
export type Certificate = {
  readonly der: Buffer
  /** The bytes that the issuer signed. */
  readonly tbs: Buffer
  readonly version: 1 | 3
  /** Lower-case hex without leading zero bytes. */
  readonly serial: string
  readonly issuer: Name
  readonly subject: Name
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly publicKey: PublicKey
  readonly extensions: Extensions
  /** Undefined when it is one that we do not rely on (SHA-1 and the like). */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined
  readonly signature: Buffer
}

/**
 * Reads one DER certificate, version 1 or 3 (RFC 5280 section 4.1). Refuses what is not strict DER, and every critical
 * extension that we do not understand. The result shares memory with `der`.
 */
export function parseCertificate(der: Buffer): Result<Certificate> {
  const read = decoding('certificate', () => readCertificate(der))
  if (!read.ok) return read
  const [unknown] = read.value.extensions.unknownCritical
  if (unknown === undefined) return read
  return refuse('x509/unknown-critical-extension', 'The certificate has a critical extension that is not understood here.', unknown)
}

function readCertificate(der: Buffer): Certificate {
  const outer = new Fields(readDer(der), tags.sequence, 'the certificate')
  const tbsNode = outer.next(tags.sequence, 'the signed part')
  const algorithm = outer.next(tags.sequence, 'the signature algorithm')
  const signature = readBitBytes(outer.next(tags.bitString, 'the signature'), 'the signature')
  outer.finish()

  const tbs = new Fields(tbsNode, tags.sequence, 'the signed part')
  const version = readVersion(tbs)
  const serial = readUnsigned(tbs.next(tags.integer, 'the serial number'), 'the serial number')
  if (serial.length > 20) throw new Malformed('the serial number is longer than 20 bytes')
  const inner = tbs.next(tags.sequence, 'the signature algorithm')
  if (!wholeOf(inner).equals(wholeOf(algorithm))) throw new Malformed('it names two signature algorithms')
  const issuer = readName(tbs.next(tags.sequence, 'the issuer'), 'the issuer')
  const validity = new Fields(tbs.next(tags.sequence, 'the validity'), tags.sequence, 'the validity')
  const notBefore = readTime(validity.any('its begin'), 'the begin of validity')
  const notAfter = readTime(validity.any('its end'), 'the end of validity')
  validity.finish()
  const subject = readName(tbs.next(tags.sequence, 'the subject'), 'the subject')
  const publicKey = readPublicKey(tbs.next(tags.sequence, 'the public key'))
  const extensions = version === 3 ? tbs.optional(contextTag(3, true)) : undefined
  tbs.finish()
  return {
    der,
    tbs: wholeOf(tbsNode),
    version,
    serial: serial.toString('hex'),
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey,
    extensions: extensions ? readExplicitExtensions(extensions.children) : noExtensions,
    signatureAlgorithm: readSignatureAlgorithm(algorithm),
    signature,
  }
}

// Version 2 exists on paper only: its unique identifiers were never used, and RFC 5280 forbids them.
function readVersion(tbs: Fields): 1 | 3 {
  const node = tbs.optional(contextTag(0, true))
  if (!node) return 1
  const [version, ...more] = node.children
  if (!version || more.length > 0 || readSmall(version, 'the version') !== 2) throw new Malformed('it is neither version 1 nor 3')
  return 3
}

function readExplicitExtensions(children: readonly Parameters<typeof readExtensions>[0][]): Extensions {
  const [list, ...more] = children
  if (!list || more.length > 0) throw new Malformed('the extensions are not one list')
  return readExtensions(list)
}

/** Encodes the part of a version 3 certificate that is signed. Names, key and extensions are DER already; times lose fractions of a second. */
export function encodeTbsCertificate(fields: {
  /** Unsigned big-endian bytes, at most 20 once encoded. */
  readonly serial: Buffer
  readonly algorithm: SignatureAlgorithm
  readonly issuer: Buffer
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly subject: Buffer
  readonly publicKey: Buffer
  readonly extensions: readonly Buffer[]
}): Buffer {
  return sequence(
    explicit(0, smallInteger(2)),
    unsignedInteger(fields.serial),
    encodeSignatureAlgorithm(fields.algorithm),
    fields.issuer,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    fields.subject,
    fields.publicKey,
    explicit(3, sequence(...fields.extensions)),
  )
}

/** Puts a signed part and its signature together. */
export function encodeCertificate(tbs: Buffer, algorithm: SignatureAlgorithm, signature: Buffer): Buffer {
  return sequence(tbs, encodeSignatureAlgorithm(algorithm), bitString(signature))
}
