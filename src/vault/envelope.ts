import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { type Random, type Result, Secret, ok, refuse } from '#base'

/*
 * Theory of operation. One root key of 32 bytes; it encrypts nothing itself. Every purpose ('pki/issuer', 'journal') has a key
 * of its own, derived by HKDF-SHA256 with the purpose as info, and the purpose is authenticated again with each sealed
 * value, so what was sealed for one use never opens in another. Layout of a sealed value:
 *   magic "TWV" and version 1 (4) | identifier of the root key (8) | nonce (12) | AES-256-GCM ciphertext | tag (16)
 * Nonces are random: 2^32 values under one purpose are the limit of SP 800-38D, far above what is sealed here.
 */

const magic = Buffer.from('TWV\u0001', 'latin1')
const headerBytes = 12
const nonceBytes = 12
const tagBytes = 16

/** Bytes that sealing adds. */
export const sealedOverhead: number = headerBytes + nonceBytes + tagBytes

/** The key for `purpose`, 32 bytes. The caller owns and zeroes it. */
export function deriveKey(root: Secret, purpose: string): Buffer {
  return root.use((key) => Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), `thingwall/v1/${purpose}`, 32)))
}

/** Names a root key without telling anything about it: 8 bytes. */
export function keyIdOf(root: Secret): Buffer {
  return deriveKey(root, 'key-id').subarray(0, 8)
}

/** AES-256-GCM: nonce, ciphertext, tag. `context` is authenticated and not included. */
export function encrypt(key: Buffer, context: Buffer, plaintext: Uint8Array, random: Random): Buffer {
  const nonce = random.bytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(context)
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

/** Opposite of {@link encrypt}; undefined when key, context or a single bit is not the one that was used. */
export function decrypt(key: Buffer, context: Buffer, box: Buffer): Buffer | undefined {
  if (box.length < nonceBytes + tagBytes) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, nonceBytes), { authTagLength: tagBytes })
  decipher.setAAD(context).setAuthTag(box.subarray(-tagBytes))
  const plaintext = decipher.update(box.subarray(nonceBytes, -tagBytes))
  try {
    decipher.final()
    return plaintext
  } catch {
    plaintext.fill(0)
    return undefined
  }
}

/** Seals `plaintext` for `purpose`. */
export function sealFor(root: Secret, keyId: Buffer, purpose: string, plaintext: Uint8Array, random: Random): Buffer {
  const header = Buffer.concat([magic, keyId])
  const key = deriveKey(root, purpose)
  try {
    return Buffer.concat([header, encrypt(key, contextOf(header, purpose), plaintext, random)])
  } finally {
    key.fill(0)
  }
}

/** Opens what {@link sealFor} made. Tells another hub's value from a damaged one, because the fixes differ. */
export function unsealFor(root: Secret, keyId: Buffer, purpose: string, sealed: Buffer): Result<Secret> {
  const header = sealed.subarray(0, headerBytes)
  if (sealed.length < sealedOverhead || !header.subarray(0, magic.length).equals(magic))
    return refuse('vault/not-sealed', 'This is not a value that this version of the vault sealed.')
  if (!header.subarray(magic.length).equals(keyId))
    return refuse(
      'vault/other-key',
      'This was sealed with another root key. Restore the key file that belongs to this data.',
      `sealed with ${header.subarray(magic.length).toString('hex')}, vault has ${keyId.toString('hex')}`,
    )
  const key = deriveKey(root, purpose)
  try {
    const plaintext = decrypt(key, contextOf(header, purpose), sealed.subarray(headerBytes))
    return plaintext
      ? ok(new Secret(plaintext))
      : refuse('vault/damaged', 'This sealed value was changed, or was sealed for another purpose.', purpose)
  } finally {
    key.fill(0)
  }
}

function contextOf(header: Buffer, purpose: string): Buffer {
  return Buffer.concat([header, Buffer.from(purpose, 'utf8')])
}
