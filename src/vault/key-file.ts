import { argon2 } from 'node:crypto'
import { promisify } from 'node:util'
import { type Random, type Result, Secret, ok, refuse } from '#base'
import { decrypt, encrypt, keyIdOf } from './envelope.ts'

/*
 * Theory of operation. The key file is one line of text, so that it survives copying, printing and a password manager:
 *   thingwall-root-key-1 plain KEYID KEY
 *   thingwall-root-key-1 argon2id KEYID SALT BOX
 * KEYID is derived from the key and tells a damaged file from a wrong one. BOX is the key under AES-256-GCM with a key made
 * from the passphrase by Argon2id; everything before it on the line is authenticated with it.
 */

/** How the root key lies on the disk. */
export type Protection = 'plain-file' | 'passphrase-file'

const format = 'thingwall-root-key-1'
// RFC 9106 section 4, second recommended option: 3 passes over 64 MiB; on one lane, for a hub has two cores. Fixed by the format.
const cost = { parallelism: 1, tagLength: 32, memory: 64 * 1024, passes: 3 } as const
const minPassphraseBytes = 12
const derive = promisify(argon2)

/** The line of an unprotected key file. */
export function encodePlain(root: Secret): Buffer {
  return root.use((key) => Buffer.from(`${format} plain ${keyIdOf(root).toString('hex')} ${key.toString('base64url')}\n`, 'latin1'))
}

/** The line of a key file that opens with `passphrase` only. */
export async function encodeProtected(root: Secret, passphrase: Secret, random: Random): Promise<Buffer> {
  const salt = random.bytes(16)
  const head = `${format} argon2id ${keyIdOf(root).toString('hex')} ${salt.toString('base64url')}`
  const wrapping = await wrappingKey(passphrase, salt)
  const box = root.use((key) => encrypt(wrapping, Buffer.from(head, 'latin1'), key, random))
  wrapping.fill(0)
  return Buffer.from(`${head} ${box.toString('base64url')}\n`, 'latin1')
}

const plainLine = /^thingwall-root-key-1 plain ([0-9a-f]{16}) ([A-Za-z0-9_-]{43})\n?$/
const protectedLine = /^(thingwall-root-key-1 argon2id ([0-9a-f]{16}) ([A-Za-z0-9_-]{22})) ([A-Za-z0-9_-]{80})\n?$/

/** Reads a key file. Refuses a damaged one, and a protected one without its passphrase, each with what to do about it. */
export async function decodeKeyFile(
  bytes: Buffer,
  passphrase: Secret | undefined,
): Promise<Result<{ readonly root: Secret; readonly protection: Protection }>> {
  const line = bytes.toString('latin1')
  const plain = plainLine.exec(line)
  if (plain) {
    const root = new Secret(Buffer.from(plain[2] ?? '', 'base64url'))
    return keyIdOf(root).toString('hex') === plain[1] ? ok({ root, protection: 'plain-file' }) : damaged()
  }
  const kept = protectedLine.exec(line)
  if (!kept) return damaged()
  if (!passphrase)
    return refuse(
      'vault/passphrase-needed',
      'The root key is protected by a passphrase. Name the file that holds it as the passphrase file.',
    )
  const [, head = '', keyId, salt = '', box = ''] = kept
  const wrapping = await wrappingKey(passphrase, Buffer.from(salt, 'base64url'))
  const key = decrypt(wrapping, Buffer.from(head, 'latin1'), Buffer.from(box, 'base64url'))
  wrapping.fill(0)
  if (!key)
    return refuse(
      'vault/wrong-passphrase',
      'The passphrase does not open the root key. Check the passphrase file, or restore the key file from its backup.',
    )
  const root = new Secret(key)
  return keyIdOf(root).toString('hex') === keyId ? ok({ root, protection: 'passphrase-file' }) : damaged()
}

/** A passphrase from the content of its file: without the line end that editors add. Refuses a short one. */
export function parsePassphrase(content: Buffer): Result<Secret> {
  let end = content.length
  if (end > 0 && content[end - 1] === 0x0a) end--
  if (end > 0 && content[end - 1] === 0x0d) end--
  if (end < minPassphraseBytes) return refuse('vault/passphrase-short', `The passphrase must have at least ${minPassphraseBytes} bytes.`)
  return ok(new Secret(Buffer.from(content.subarray(0, end))))
}

async function wrappingKey(passphrase: Secret, salt: Buffer): Promise<Buffer> {
  return passphrase.use((message) => derive('argon2id', { ...cost, message, nonce: salt }))
}

function damaged(): { readonly ok: false; readonly error: ReturnType<typeof refuse>['error'] } {
  return refuse('vault/key-file-damaged', 'The key file is not readable as one. Restore it from its backup.')
}
