import { type KeyObject, createHash, createPublicKey } from 'node:crypto'
import { type Result, ok, refuse } from '#base'
import { type DerNode, Fields, contentOf, readDer, wholeOf } from './der-reader.ts'
import { readBitBytes, readOid, readUnsigned } from './der-values.ts'
import { limits } from './limits.ts'
import { Malformed, decoding } from './malformed.ts'
import { oids } from './oids.ts'
import { tags } from './tags.ts'

/** A public key (SubjectPublicKeyInfo) and what kind it is. Explicit curve parameters are `unsupported`, never interpreted. */
export type PublicKey = {
  readonly der: Buffer
  /** The key's own bits, of which identifiers are made. */
  readonly bits: Buffer
  readonly kind:
    | { readonly type: 'ec'; readonly curve: 'P-256' | 'P-384' }
    | { readonly type: 'rsa'; readonly bits: number; readonly exponent: number }
    | { readonly type: 'ed25519' }
    | { readonly type: 'unsupported'; readonly algorithm: string }
}

/** Reads a SubjectPublicKeyInfo from DER bytes. */
export function parsePublicKey(der: Buffer): Result<PublicKey> {
  return decoding('public key', () => readPublicKey(readDer(der)))
}

/** Reads a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). */
export function readPublicKey(node: DerNode): PublicKey {
  const info = new Fields(node, tags.sequence, 'the public key')
  const algorithm = new Fields(info.next(tags.sequence, 'the algorithm'), tags.sequence, 'the key algorithm')
  const type = readOid(algorithm.next(tags.oid, 'the type'), 'the key algorithm')
  const parameters = algorithm.done ? undefined : algorithm.any('the parameters')
  algorithm.finish()
  const bits = readBitBytes(info.next(tags.bitString, 'the key'), 'the public key')
  info.finish()
  return { der: wholeOf(node), bits, kind: kindOf(type, parameters, bits) }
}

function kindOf(type: string, parameters: DerNode | undefined, bits: Buffer): PublicKey['kind'] {
  if (type === oids.ecPublicKey && parameters?.tag === tags.oid) {
    const curve = readOid(parameters, 'the curve')
    if (curve === oids.p256) return point(bits, 'P-256', 65)
    if (curve === oids.p384) return point(bits, 'P-384', 97)
    return { type: 'unsupported', algorithm: curve }
  }
  if (type === oids.rsaEncryption) {
    if (parameters?.tag !== tags.null || contentOf(parameters).length > 0) throw new Malformed('the parameters of the RSA key are not NULL')
    const key = new Fields(readDer(bits), tags.sequence, 'the RSA key')
    const modulus = readUnsigned(key.next(tags.integer, 'the modulus'), 'the modulus')
    const exponent = readUnsigned(key.next(tags.integer, 'the exponent'), 'the exponent')
    key.finish()
    const size = (modulus.length - 1) * 8 + (32 - Math.clz32(modulus[0] ?? 0))
    return { type: 'rsa', bits: size, exponent: exponent.length > 4 ? Number.POSITIVE_INFINITY : exponent.readUIntBE(0, exponent.length) }
  }
  if (type === oids.ed25519 && parameters === undefined) {
    if (bits.length !== 32) throw new Malformed('the Ed25519 key does not have 32 bytes')
    return { type: 'ed25519' }
  }
  return { type: 'unsupported', algorithm: type }
}

// Compressed points are legal but nobody sends them, and one form a key keeps "the same key" a comparison of bytes.
function point(bits: Buffer, curve: 'P-256' | 'P-384', length: number): PublicKey['kind'] {
  if (bits.length !== length || bits[0] !== 4) throw new Malformed('the EC key is not an uncompressed point of its curve')
  return { type: 'ec', curve }
}

/** Refuses keys that we do not rely on: anything but P-256, P-384, Ed25519, or RSA of 2048 to 4096 bits with an odd exponent >= 65537. */
export function refuseWeakKey(key: PublicKey): Result<PublicKey> {
  const { kind } = key
  if (kind.type === 'unsupported')
    return refuse(
      'x509/weak-key',
      'The key must be EC P-256, EC P-384, Ed25519, or RSA of at least 2048 bits.',
      `algorithm ${kind.algorithm}`,
    )
  if (kind.type === 'rsa') {
    if (kind.bits < limits.rsaBitsMin || kind.bits > limits.rsaBitsMax)
      return refuse('x509/weak-key', `An RSA key must have ${limits.rsaBitsMin} to ${limits.rsaBitsMax} bits.`, `${kind.bits} bits`)
    if (kind.exponent < 65537 || kind.exponent % 2 === 0 || !Number.isFinite(kind.exponent))
      return refuse('x509/weak-key', 'The exponent of an RSA key must be odd, at least 65537 and below 2^32.')
  }
  return ok(key)
}

/** The key as node:crypto takes it, or undefined when the library finds that it is none (a point off the curve). */
export function importPublicKey(key: PublicKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: key.der, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

/** Key identifier: the leftmost 160 bits of SHA-256 of the key's bits (RFC 7093 section 2, method 1). */
export function keyIdentifier(key: PublicKey): Buffer {
  return createHash('sha256').update(key.bits).digest().subarray(0, 20)
}
