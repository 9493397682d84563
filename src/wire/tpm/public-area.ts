import { type KeyObject, createHash, createPublicKey } from 'node:crypto'
import type { Result } from '#base'
import { type HashName, algorithms, hashNumber, hashOf } from './algorithms.ts'
import { Cursor, u16 } from './cursor.ts'
import { Malformed, decoding } from './malformed.ts'

/** Attributes of an object (TPMA_OBJECT, part 2, section 8.3) that decisions are made of. */
export const attributes = {
  fixedTpm: 0x0000_0002,
  fixedParent: 0x0000_0010,
  sensitiveDataOrigin: 0x0000_0020,
  userWithAuth: 0x0000_0040,
  noDictionaryAttack: 0x0000_0400,
  encryptedDuplication: 0x0000_0800,
  restricted: 0x0001_0000,
  decrypt: 0x0002_0000,
  sign: 0x0004_0000,
} as const

const reserved = 0xfff0_f309

/** How a parent encrypts its children. */
export type Symmetric = { readonly keyBits: 128 | 256 }

/** What kind of key it is. Asymmetric keys come with the key as OpenSSL sees it. */
export type PublicKind =
  | { readonly type: 'rsa'; readonly bits: number; readonly symmetric: Symmetric | undefined; readonly key: KeyObject }
  | {
      readonly type: 'ecc'
      readonly curve: 'P-256' | 'P-384'
      readonly symmetric: Symmetric | undefined
      readonly key: KeyObject
      readonly x: Buffer
      readonly y: Buffer
    }
  | { readonly type: 'keyed-hash' }

/** The public half of a TPM object (TPMT_PUBLIC). */
export type PublicArea = {
  /** TPMT_PUBLIC, as it came. */
  readonly bytes: Buffer
  /** The digest that names are made with. */
  readonly nameHash: HashName
  /** What a TPM calls the object: digest identifier and digest of the public area (part 1, section 16). */
  readonly name: Buffer
  /** TPMA_OBJECT. */
  readonly attributes: number
  readonly authPolicy: Buffer
  readonly kind: PublicKind
}

/** Reads a TPM2B_PUBLIC: the length and the area, nothing after it. `tpm/malformed` for anything else. */
export function parsePublicArea(bytes: Buffer): Result<PublicArea> {
  return decoding('public area', () => {
    const outer = new Cursor(bytes)
    const area = outer.sized()
    outer.finish()
    return readPublicArea(area)
  })
}

/** Reads a TPMT_PUBLIC. Throws {@link Malformed}. */
export function readPublicArea(bytes: Buffer): PublicArea {
  const cursor = new Cursor(bytes)
  const type = cursor.u16()
  const nameHash = hashOf(cursor.u16())
  const objectAttributes = cursor.u32()
  if ((objectAttributes & reserved) !== 0) throw new Malformed('it sets reserved attributes')
  const authPolicy = cursor.sized(64)
  const kind = readKind(cursor, type)
  cursor.finish()
  return { bytes, nameHash, name: nameOf(bytes, nameHash), attributes: objectAttributes, authPolicy, kind }
}

/** The name of an object with this public area (TPMT_PUBLIC). */
export function nameOf(area: Buffer, hash: HashName): Buffer {
  return Buffer.concat([u16(hashNumber(hash)), createHash(hash).update(area).digest()])
}

/** Whether all these attributes are set. */
export function has(area: PublicArea, ...wanted: readonly (keyof typeof attributes)[]): boolean {
  return wanted.every((name) => (area.attributes & attributes[name]) !== 0)
}

/** Whether this key only decrypts what a TPM made for it: an endorsement key, a storage key (part 1, section 25). */
export function isStorageKey(area: PublicArea): boolean {
  const { kind } = area
  return kind.type !== 'keyed-hash' && kind.symmetric !== undefined && has(area, 'restricted', 'decrypt') && !has(area, 'sign')
}

/** Whether the key was made in this TPM and can never leave it (part 1, section 25: fixedTPM, fixedParent, sensitiveDataOrigin). */
export function isBornInside(area: PublicArea): boolean {
  return has(area, 'fixedTpm', 'fixedParent', 'sensitiveDataOrigin')
}

function readKind(cursor: Cursor, type: number): PublicKind {
  if (type === algorithms.rsa) return readRsa(cursor)
  if (type === algorithms.ecc) return readEcc(cursor)
  if (type === algorithms.keyedHash) {
    readScheme(cursor, [algorithms.hmac])
    cursor.sized(64)
    return { type: 'keyed-hash' }
  }
  throw new Malformed(`the type 0x${type.toString(16)} is not one we take`)
}

function readRsa(cursor: Cursor): PublicKind {
  const symmetric = readSymmetric(cursor)
  readScheme(cursor, [algorithms.rsassa, algorithms.rsapss, algorithms.oaep])
  const bits = cursor.u16()
  const exponent = cursor.u32()
  const modulus = cursor.sized(512)
  if (bits < 2048 || bits > 4096 || modulus.length * 8 !== bits || (modulus[0] ?? 0) < 0x80)
    throw new Malformed('the size of the RSA key is not one we take')
  // 0 stands for the usual one (part 2, section 12.2.3.5).
  if (exponent !== 0 && exponent !== 65_537) throw new Malformed('the exponent of the RSA key is not 65537')
  const key = createPublicKey({ key: { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' }, format: 'jwk' })
  return { type: 'rsa', bits, symmetric, key }
}

function readEcc(cursor: Cursor): PublicKind {
  const symmetric = readSymmetric(cursor)
  readScheme(cursor, [algorithms.ecdsa, algorithms.ecdh])
  const curve = curveOf(cursor.u16())
  if (cursor.u16() !== algorithms.none) throw new Malformed('its key derivation scheme is not one we take')
  const bytes = curve === 'P-256' ? 32 : 48
  const x = coordinate(cursor.sized(bytes), bytes)
  const y = coordinate(cursor.sized(bytes), bytes)
  try {
    const key = createPublicKey({ key: { kty: 'EC', crv: curve, x: x.toString('base64url'), y: y.toString('base64url') }, format: 'jwk' })
    return { type: 'ecc', curve, symmetric, key, x, y }
  } catch {
    // The one thing that the library can find wrong: a point that is not on the curve.
    throw new Malformed('its point is not on the curve')
  }
}

function curveOf(curve: number): 'P-256' | 'P-384' {
  if (curve === 0x0003) return 'P-256'
  if (curve === 0x0004) return 'P-384'
  throw new Malformed(`the curve 0x${curve.toString(16)} is not one we take`)
}

// TPMs leave out leading zeros, or do not; a key derivation wants them.
function coordinate(bytes: Buffer, length: number): Buffer {
  return Buffer.concat([Buffer.alloc(length - bytes.length), bytes])
}

function readSymmetric(cursor: Cursor): Symmetric | undefined {
  const algorithm = cursor.u16()
  if (algorithm === algorithms.none) return undefined
  const keyBits = cursor.u16()
  const mode = cursor.u16()
  if (algorithm !== algorithms.aes || mode !== algorithms.cfb || (keyBits !== 128 && keyBits !== 256))
    throw new Malformed('its symmetric cipher is not AES in CFB mode')
  return { keyBits }
}

function readScheme(cursor: Cursor, known: readonly number[]): void {
  const scheme = cursor.u16()
  if (scheme === algorithms.none || scheme === algorithms.rsaes) return
  if (!known.includes(scheme)) throw new Malformed(`the scheme 0x${scheme.toString(16)} is not one we take`)
  hashOf(cursor.u16())
}
