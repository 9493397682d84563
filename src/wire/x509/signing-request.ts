import { type Brand, type Result, ok, refuse } from '#base'
import { type DerNode, Fields, readDer, wholeOf } from './der-reader.ts'
import { readBitBytes, readOid, readSmall } from './der-values.ts'
import { explicit, oid, sequence, setOf, smallInteger } from './der-writer.ts'
import { type Extensions, noExtensions, readExtensions } from './extension.ts'
import { Malformed, decoding } from './malformed.ts'
import { type Name, readName } from './name.ts'
import { oids } from './oids.ts'
import { type PublicKey, importPublicKey, readPublicKey, refuseWeakKey } from './public-key.ts'
import { type SignatureAlgorithm, readSignatureAlgorithm, verifySignature } from './signature.ts'
import { contextTag, tags } from './tags.ts'

type Request = {
  readonly subject: Name
  readonly publicKey: PublicKey
  /** What the requester would like. A wish, not a right: the profile decides. */
  readonly requested: Extensions
}

/**
 * A certificate signing request whose signature was verified: whoever made it holds the private key. Only
 * {@link parseSigningRequest} mints one.
 */
export type SigningRequest = Brand<Request, 'SigningRequest'>

type Signed = Request & { readonly signed: Buffer; readonly algorithm: SignatureAlgorithm | undefined; readonly signature: Buffer }

/**
 * Reads a DER signing request (RFC 2986), then verifies that it is signed by the key it is for. Refuses what is not strict DER,
 * weak keys, algorithms that we do not rely on, critical extensions that we do not understand, and a wrong signature.
 */
export function parseSigningRequest(der: Buffer): Result<SigningRequest> {
  const read = decoding('signing request', () => readRequest(der))
  if (!read.ok) return read
  const { signed, algorithm, signature, ...request } = read.value
  const strong = refuseWeakKey(request.publicKey)
  if (!strong.ok) return strong
  const [unknown] = request.requested.unknownCritical
  if (unknown !== undefined)
    return refuse(
      'x509/unknown-critical-extension',
      'The signing request asks for a critical extension that is not understood here.',
      unknown,
    )
  if (!algorithm)
    return refuse('x509/weak-signature', 'The signing request must be signed with ECDSA, RSA PKCS #1 or Ed25519, and SHA-256 or better.')
  const key = importPublicKey(request.publicKey)
  if (!key) return refuse('x509/weak-key', 'The public key of the signing request is not valid.')
  if (!verifySignature(algorithm, key, signed, signature))
    return refuse('x509/bad-signature', 'The signing request is not signed by its own key.')
  return ok(request as SigningRequest)
}

function readRequest(der: Buffer): Signed {
  const outer = new Fields(readDer(der), tags.sequence, 'the signing request')
  const infoNode = outer.next(tags.sequence, 'the signed part')
  const algorithm = readSignatureAlgorithm(outer.next(tags.sequence, 'the signature algorithm'), true)
  const signature = readBitBytes(outer.next(tags.bitString, 'the signature'), 'the signature')
  outer.finish()

  const info = new Fields(infoNode, tags.sequence, 'the signed part')
  if (readSmall(info.next(tags.integer, 'the version'), 'the version') !== 0) throw new Malformed('it is not version 1')
  const subject = readName(info.next(tags.sequence, 'the subject'), 'the subject')
  const publicKey = readPublicKey(info.next(tags.sequence, 'the public key'))
  const attributes = info.next(contextTag(0, true), 'the attributes')
  info.finish()
  return { subject, publicKey, requested: readAttributes(attributes), signed: wholeOf(infoNode), algorithm, signature }
}

// Other attributes (a challenge password, a vendor's version) mean nothing here and are passed over.
function readAttributes(node: DerNode): Extensions {
  let requested: Extensions | undefined
  for (const child of node.children) {
    const attribute = new Fields(child, tags.sequence, 'an attribute')
    const type = readOid(attribute.next(tags.oid, 'its type'), 'the type of an attribute')
    const values = attribute.next(tags.set, 'its values')
    attribute.finish()
    if (type !== oids.extensionRequest) continue
    if (requested) throw new Malformed('it asks for extensions twice')
    const [list, ...more] = values.children
    if (!list || more.length > 0) throw new Malformed('it does not ask for extensions in one list')
    requested = readExtensions(list)
  }
  return requested ?? noExtensions
}

/** The part of a signing request that its key signs (RFC 2986 section 4.1). Subject, key and extensions are DER already. */
export function encodeRequestInfo(fields: {
  readonly subject: Buffer
  readonly publicKey: Buffer
  readonly extensions: readonly Buffer[]
}): Buffer {
  const wish = sequence(oid(oids.extensionRequest), setOf(sequence(...fields.extensions)))
  return sequence(smallInteger(0), fields.subject, fields.publicKey, explicit(0, wish))
}
