import { constants, createCipheriv, createHmac, diffieHellman, generateKeyPairSync, publicEncrypt } from 'node:crypto'
import { type Random, type Result, ok, refuse } from '#base'
import { hashBytes } from './algorithms.ts'
import { sized } from './cursor.ts'
import { kdfa, kdfe } from './derive.ts'
import { type PublicArea, type Symmetric, isStorageKey } from './public-area.ts'

/*
 * Theory of operation. Two structures leave for a TPM, and both are made alike (part 1, sections 23 and 24): a fresh seed is encrypted to a key
 * that only this TPM holds; from the seed come a key that encrypts and a key that authenticates, both bound to the name of the object in question.
 * A TPM opens the first only if it holds the object of that name (credential), and takes the second in only under that parent (duplicate).
 */

const empty = Buffer.alloc(0)

/** What a credential and a duplicate are sealed to: a restricted decryption key and its cipher. */
type Recipient = { readonly area: PublicArea; readonly symmetric: Symmetric }

function recipientOf(area: PublicArea): Result<Recipient> {
  const { kind } = area
  if (!isStorageKey(area) || kind.type === 'keyed-hash' || kind.symmetric === undefined)
    return refuse('tpm/not-a-storage-key', 'The key of the TPM is not a restricted decryption key.')
  return ok({ area, symmetric: kind.symmetric })
}

/** A fresh seed, encrypted to the key: the seed and a TPM2B_ENCRYPTED_SECRET (part 1, annexes B.10.3 and C.6.1). */
function shareSeed(
  { kind, nameHash }: PublicArea,
  label: 'IDENTITY' | 'DUPLICATE',
  random: Random,
): { readonly seed: Buffer; readonly secret: Buffer } {
  const bytes = hashBytes(nameHash)
  if (kind.type === 'rsa') {
    const seed = random.bytes(bytes)
    const oaepLabel = Buffer.from(`${label}\0`)
    const encrypted = publicEncrypt({ key: kind.key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: nameHash, oaepLabel }, seed)
    return { seed, secret: sized(encrypted) }
  }
  if (kind.type !== 'ecc') throw new Error('bug: a keyed hash receives nothing')
  const own = generateKeyPairSync('ec', { namedCurve: kind.curve })
  const jwk = own.publicKey.export({ format: 'jwk' })
  const x = Buffer.from(jwk.x ?? '', 'base64url')
  const y = Buffer.from(jwk.y ?? '', 'base64url')
  const z = diffieHellman({ privateKey: own.privateKey, publicKey: kind.key })
  const seed = kdfe(nameHash, z, label, x, kind.x, bytes * 8)
  return { seed, secret: sized(sized(x), sized(y)) }
}

/** Encrypts and authenticates for the holder of the seed: TPM2B_DIGEST of the HMAC, and the ciphertext. */
function protect({ area, symmetric }: Recipient, seed: Buffer, name: Buffer, plain: Buffer): Buffer {
  const { nameHash } = area
  const cipherKey = kdfa(nameHash, seed, 'STORAGE', name, empty, symmetric.keyBits)
  const hidden = encrypt(cipherKey, plain)
  const macKey = kdfa(nameHash, seed, 'INTEGRITY', empty, empty, hashBytes(nameHash) * 8)
  const mac = createHmac(nameHash, macKey).update(hidden).update(name).digest()
  return Buffer.concat([sized(mac), hidden])
}

/** AES-CFB with a zero vector, as the library prescribes: the key is used once. */
export function encrypt(key: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv(`aes-${key.length * 8}-cfb`, key, Buffer.alloc(16))
  return Buffer.concat([cipher.update(plain), cipher.final()])
}

/** A secret that a TPM gives out only if it holds both the endorsement key and the object of that name. */
export type Credential = { readonly idObject: Buffer; readonly encryptedSecret: Buffer }

/**
 * TPM2_MakeCredential (part 1, section 24) outside of a TPM: TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET. `secret` has at most as many bytes as the
 * digest of the key's name, as TPMs demand; more is our bug. Refuses `tpm/not-a-storage-key`.
 */
export function makeCredential(endorsementKey: PublicArea, name: Buffer, secret: Buffer, random: Random): Result<Credential> {
  if (secret.length > hashBytes(endorsementKey.nameHash)) throw new Error('bug: the secret of a credential is too long')
  const recipient = recipientOf(endorsementKey)
  if (!recipient.ok) return recipient
  const shared = shareSeed(endorsementKey, 'IDENTITY', random)
  return ok({ idObject: sized(protect(recipient.value, shared.seed, name, sized(secret))), encryptedSecret: shared.secret })
}

/** An object on its way into another TPM, with the outer wrapper alone: TPM2B_PRIVATE and TPM2B_ENCRYPTED_SECRET. */
export type Duplicate = { readonly duplicate: Buffer; readonly encryptedSecret: Buffer }

/** The outer wrapper of a duplicate (part 1, section 23.3.2.3): `sensitive` as it is, or already in its inner wrapper, for this parent. */
export function wrapForParent(parent: PublicArea, name: Buffer, sensitive: Buffer, random: Random): Result<Duplicate> {
  const recipient = recipientOf(parent)
  if (!recipient.ok) return recipient
  const shared = shareSeed(parent, 'DUPLICATE', random)
  return ok({ duplicate: sized(protect(recipient.value, shared.seed, name, sensitive)), encryptedSecret: shared.secret })
}
