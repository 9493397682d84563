import { constants, verify } from 'node:crypto'
import type { Result } from '#base'
import { type HashName, algorithms, hashOf } from './algorithms.ts'
import { Cursor } from './cursor.ts'
import { Malformed, decoding } from './malformed.ts'
import type { PublicArea } from './public-area.ts'

/** A signature that a TPM has made (TPMT_SIGNATURE). Of ECDSA, both numbers without leading zeros. */
export type TpmSignature =
  | { readonly scheme: 'rsassa' | 'rsapss'; readonly hash: HashName; readonly value: Buffer }
  | { readonly scheme: 'ecdsa'; readonly hash: HashName; readonly r: Buffer; readonly s: Buffer }

/** Reads a TPMT_SIGNATURE. */
export function parseTpmSignature(bytes: Buffer): Result<TpmSignature> {
  return decoding('signature', () => {
    const cursor = new Cursor(bytes)
    const signature = readSignature(cursor)
    cursor.finish()
    return signature
  })
}

function readSignature(cursor: Cursor): TpmSignature {
  const scheme = cursor.u16()
  if (scheme === algorithms.rsassa || scheme === algorithms.rsapss)
    return { scheme: scheme === algorithms.rsassa ? 'rsassa' : 'rsapss', hash: hashOf(cursor.u16()), value: cursor.sized(512) }
  if (scheme === algorithms.ecdsa) return { scheme: 'ecdsa', hash: hashOf(cursor.u16()), r: cursor.sized(48), s: cursor.sized(48) }
  throw new Malformed('its scheme is not one we take')
}

/** Whether this key has signed the message. False for a signature of another kind than the key. */
export function verifyTpmSignature(area: PublicArea, message: Buffer, signature: TpmSignature): boolean {
  const { kind } = area
  if (kind.type === 'rsa' && signature.scheme !== 'ecdsa') {
    const padding = signature.scheme === 'rsassa' ? constants.RSA_PKCS1_PADDING : constants.RSA_PKCS1_PSS_PADDING
    return verify(signature.hash, message, { key: kind.key, padding }, signature.value)
  }
  if (kind.type === 'ecc' && signature.scheme === 'ecdsa') {
    const bytes = kind.curve === 'P-256' ? 32 : 48
    if (signature.r.length > bytes || signature.s.length > bytes) return false
    const number = (value: Buffer) => Buffer.concat([Buffer.alloc(bytes - value.length), value])
    const both = Buffer.concat([number(signature.r), number(signature.s)])
    return verify(signature.hash, message, { key: kind.key, dsaEncoding: 'ieee-p1363' }, both)
  }
  return false
}
