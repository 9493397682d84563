import { createHash } from 'node:crypto'
import { type Random, type Result, ok } from '#base'
import { algorithms, hashNumber } from './algorithms.ts'
import { sized, u16, u32 } from './cursor.ts'
import { type PublicArea, attributes, nameOf } from './public-area.ts'
import { encrypt, makeCredential, wrapForParent } from './seal.ts'

/** Longest HMAC key that goes into a TPM, in bytes: the block of SHA-256, which every TPM takes. */
export const maxHmacKeyBytes = 64

/**
 * What a device provisioning service sends a TPM (azure-wire 6.8): an HMAC-SHA256 key as a duplicate for the storage root key, in an inner wrapper
 * whose key is the credential that only the endorsement key's TPM opens. TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET, TPM2B_PRIVATE,
 * TPM2B_ENCRYPTED_SECRET, TPM2B_PUBLIC, TPM2B_DATA, one after the other. Refuses `tpm/not-a-storage-key`; a key of 0 or of more than
 * {@link maxHmacKeyBytes} bytes is our bug.
 */
export function sealHmacKey(endorsementKey: PublicArea, storageRootKey: PublicArea, key: Buffer, random: Random): Result<Buffer> {
  if (key.length === 0 || key.length > maxHmacKeyBytes) throw new Error('bug: the length of the HMAC key')
  const { area, sensitive } = hmacObject(key, random)
  const name = nameOf(area, 'sha256')
  const innerKey = random.bytes(16)
  const credential = makeCredential(endorsementKey, storageRootKey.name, innerKey, random)
  if (!credential.ok) return credential
  const outer = wrapForParent(storageRootKey, name, innerWrap(innerKey, name, sensitive), random)
  if (!outer.ok) return outer
  const { idObject, encryptedSecret } = credential.value
  return ok(Buffer.concat([idObject, encryptedSecret, outer.value.duplicate, outer.value.encryptedSecret, sized(area), trailer]))
}

// [R] Clients of Azure read a TPM2B_DATA there and use nothing of it; what the service puts in is not published.
const trailer = sized()

/** A keyed hash object that signs by HMAC-SHA256: its TPMT_PUBLIC and its TPM2B_SENSITIVE (part 2, sections 12.2.4 and 12.3.2). */
function hmacObject(key: Buffer, random: Random): { readonly area: Buffer; readonly sensitive: Buffer } {
  const seed = random.bytes(32)
  const unique = createHash('sha256').update(seed).update(key).digest()
  const sha256 = u16(hashNumber('sha256'))
  const area = Buffer.concat([
    u16(algorithms.keyedHash),
    sha256,
    // It came from outside and may leave again under its policy; there is none (empty), so it may not.
    u32(attributes.userWithAuth | attributes.noDictionaryAttack | attributes.sign),
    sized(),
    u16(algorithms.hmac),
    sha256,
    sized(unique),
  ])
  return { area, sensitive: sized(u16(algorithms.keyedHash), sized(), sized(seed), sized(key)) }
}

/** The inner wrapper (part 1, section 23.3.2.2): a digest over what is hidden and the name, and both encrypted. */
function innerWrap(key: Buffer, name: Buffer, sensitive: Buffer): Buffer {
  const integrity = createHash('sha256').update(sensitive).update(name).digest()
  return encrypt(key, Buffer.concat([sized(integrity), sensitive]))
}
