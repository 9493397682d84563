import { type KeyObject, argon2, createPrivateKey, createPublicKey } from 'node:crypto'
import { promisify } from 'node:util'
import { CompactEncrypt, compactDecrypt } from 'jose'
import { type Result, Secret, ok, refuse } from '#base'

/*
 * Theory of operation. A backup is encrypted under a fresh key, and that to each recipient as JWE (RFC 7516: ECDH-ES on X25519, A256GCM). A passphrase is a
 * recipient too: Argon2id makes the private key of it, whose public half alone the hub is given. So a hub never learns what opens its backups.
 */

/** Who may open a backup. `publicKey` is the 32 bytes of X25519; `salt` is that of a passphrase. */
export type Recipient = { readonly publicKey: Buffer; readonly salt: Buffer | undefined }

/** How a recipient stands in the head of a backup. */
export type SealedFor = { readonly salt: string | null; readonly jwe: string }

const derive = promisify(argon2)
const cost = { parallelism: 1, tagLength: 32, memory: 64 * 1024, passes: 3 } as const
const publicHead = Buffer.from('302a300506032b656e032100', 'hex')
const privateHead = Buffer.from('302e020100300506032b656e04220420', 'hex')
/** Bytes of a salt. */
export const saltBytes = 16

/** The recipient that a passphrase makes with a salt. */
export async function passphraseRecipient(passphrase: Secret, salt: Buffer): Promise<Recipient> {
  return { publicKey: rawOf(createPublicKey(await passphraseKey(passphrase, salt))), salt }
}

/** The recipient of a public key on X25519, PEM. Refuses `vault/backup-recipient`. */
export function keyRecipient(pem: string): Result<Recipient> {
  try {
    const key = createPublicKey(pem)
    if (key.asymmetricKeyType === 'x25519') return ok({ publicKey: rawOf(key), salt: undefined })
  } catch {
    // Told below.
  }
  return refuse('vault/backup-recipient', 'A recipient of backups is a public key on X25519, PEM: openssl genpkey -algorithm X25519.')
}

/** Encrypts the key of a backup to a recipient. */
export async function sealFor(recipient: Recipient, key: Secret): Promise<SealedFor> {
  const publicKey = createPublicKey({ key: Buffer.concat([publicHead, recipient.publicKey]), format: 'der', type: 'spki' })
  const plain = key.use((bytes) => Uint8Array.from(bytes))
  const jwe = await new CompactEncrypt(plain).setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' }).encrypt(publicKey)
  plain.fill(0)
  return { salt: recipient.salt?.toString('base64url') ?? null, jwe }
}

/** What opens a backup: a passphrase, or a private key on X25519 as PEM. */
export type Opener = { readonly passphrase: Secret } | { readonly pem: Secret }

/** Opens the key of a backup by the first recipient that fits. Refuses `vault/backup-not-yours`. */
export async function openFor(recipients: readonly SealedFor[], opener: Opener): Promise<Result<Secret>> {
  for (const { salt, jwe } of recipients) {
    if ('passphrase' in opener !== (salt !== null)) continue
    try {
      const key =
        'passphrase' in opener
          ? await passphraseKey(opener.passphrase, Buffer.from(salt ?? '', 'base64url'))
          : opener.pem.use((bytes) => createPrivateKey(bytes))
      const { plaintext } = await compactDecrypt(jwe, key, {
        keyManagementAlgorithms: ['ECDH-ES'],
        contentEncryptionAlgorithms: ['A256GCM'],
      })
      if (plaintext.length === 32) return ok(new Secret(Buffer.from(plaintext)))
    } catch {
      // Not this one.
    }
  }
  return refuse('vault/backup-not-yours', 'Neither passphrase nor key opens this backup. Use one that it was made for.')
}

async function passphraseKey(passphrase: Secret, salt: Buffer): Promise<KeyObject> {
  const seed = await passphrase.use((message) => derive('argon2id', { ...cost, message, nonce: salt }))
  const key = createPrivateKey({ key: Buffer.concat([privateHead, seed]), format: 'der', type: 'pkcs8' })
  seed.fill(0)
  return key
}

function rawOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ type: 'spki', format: 'der' }).subarray(publicHead.length))
}
