import { Malformed } from './malformed.ts'

/** Algorithm identifiers (TPM 2.0 library, part 2, section 6.3): those that we read. */
export const algorithms = {
  rsa: 0x0001,
  sha1: 0x0004,
  hmac: 0x0005,
  aes: 0x0006,
  keyedHash: 0x0008,
  sha256: 0x000b,
  sha384: 0x000c,
  sha512: 0x000d,
  none: 0x0010,
  rsassa: 0x0014,
  rsaes: 0x0015,
  rsapss: 0x0016,
  oaep: 0x0017,
  ecdsa: 0x0018,
  ecdh: 0x0019,
  ecc: 0x0023,
  cfb: 0x0043,
} as const

/** A digest as this folder uses it. SHA-1 is read in lists of banks, and nowhere else. */
export type HashName = 'sha256' | 'sha384' | 'sha512'

const hashes: ReadonlyMap<number, HashName> = new Map([
  [algorithms.sha256, 'sha256'],
  [algorithms.sha384, 'sha384'],
  [algorithms.sha512, 'sha512'],
])
const sizes: Readonly<Record<HashName, number>> = { sha256: 32, sha384: 48, sha512: 64 }
const numbers: Readonly<Record<HashName, number>> = { sha256: algorithms.sha256, sha384: algorithms.sha384, sha512: algorithms.sha512 }

/** The digest with this identifier. Throws {@link Malformed} for SHA-1 and what we do not know. */
export function hashOf(algorithm: number): HashName {
  const name = hashes.get(algorithm)
  if (name === undefined) throw new Malformed(`the digest 0x${algorithm.toString(16)} is not one we take`)
  return name
}

/** The identifier of a digest. */
export function hashNumber(name: HashName): number {
  return numbers[name]
}

/** Bytes of a digest. */
export function hashBytes(name: HashName): number {
  return sizes[name]
}

/** The name of a bank of registers: digests, SHA-1 among them. Undefined for others. */
export function bankName(algorithm: number): HashName | 'sha1' | undefined {
  return algorithm === algorithms.sha1 ? 'sha1' : hashes.get(algorithm)
}
