import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import { type Random, type Result, Secret, ok, refuse } from '#base'
import { parseJson } from '#wire/json'
import { type Opener, type Recipient, type SealedFor, openFor, sealFor } from './recipient.ts'

/*
 * Theory of operation. A backup file is
 *   thingwall-backup-1 LF | head, JSON on one line, LF | chunks
 * A chunk is 64 KiB (the last one less, perhaps none) under AES-256-GCM with the key of this backup, its nonce the number of the chunk and whether it is the
 * last, the digest of the head authenticated with it. So chunks cannot be moved, repeated or cut off, nor put behind another head (STREAM, Hoang et al. 2015).
 */
const magic = 'thingwall-backup-1\n'
const chunkBytes = 64 * 1024
const tagBytes = 16
const maxHeadBytes = 64 * 1024

/** What a backup says of itself in the clear. */
export type BackupHead = { readonly createdAt: number; readonly hub: string; readonly recipients: readonly SealedFor[] }

/** The bytes of a backup: `plain`, encrypted to the recipients. */
export async function* encryptBackup(
  about: Pick<BackupHead, 'createdAt' | 'hub'>,
  recipients: readonly Recipient[],
  plain: AsyncIterable<Buffer>,
  random: Random,
): AsyncGenerator<Buffer> {
  using key = new Secret(random.bytes(32))
  const sealed = []
  for (const recipient of recipients) sealed.push(await sealFor(recipient, key))
  const head = Buffer.from(`${magic}${JSON.stringify({ ...about, recipients: sealed })}\n`, 'utf8')
  const context = createHash('sha256').update(head).digest()
  yield head
  let number = 0
  for await (const { bytes, isLast } of chunksOf(plain, chunkBytes)) {
    const cipher = key.use((held) => createCipheriv('aes-256-gcm', held, nonceOf(number++, isLast)).setAAD(context))
    yield Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
  }
}

/** A backup that was opened: what it says of itself, and its content. The content throws {@link DamagedBackup} where it was changed or cut. */
export type OpenedBackup = { readonly head: BackupHead; readonly plain: AsyncIterable<Buffer> }

/** A backup that is not as it was made. */
export class DamagedBackup extends Error {
  constructor() {
    super('The backup is damaged: it was changed, or its end is missing.')
    this.name = 'DamagedBackup'
  }
}

/** Opens the bytes of a backup. Refuses `vault/backup-head` and `vault/backup-not-yours`. */
export async function decryptBackup(bytes: AsyncIterable<Buffer>, opener: Opener): Promise<Result<OpenedBackup>> {
  const source = bytes[Symbol.asyncIterator]()
  let held = Buffer.alloc(0)
  let end = -1
  while (end < 0 && held.length <= maxHeadBytes) {
    const next = await source.next()
    if (next.done === true) break
    held = Buffer.concat([held, next.value])
    end = held.indexOf('\n', magic.length)
  }
  const head = end < 0 ? undefined : headOf(held.subarray(0, end + 1))
  if (head === undefined) return refuse('vault/backup-head', 'This is no backup of a hub that this release can read.')
  const opened = await openFor(head.recipients, opener)
  if (!opened.ok) return opened
  const context = createHash('sha256')
    .update(held.subarray(0, end + 1))
    .digest()
  const rest = async function* (): AsyncGenerator<Buffer> {
    yield held.subarray(end + 1)
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value
  }
  return ok({ head, plain: decrypted(opened.value, context, rest()) })
}

async function* decrypted(owned: Secret, context: Buffer, sealed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  using key = owned
  let number = 0
  for await (const { bytes, isLast } of chunksOf(sealed, chunkBytes + tagBytes)) {
    if (bytes.length < tagBytes) throw new DamagedBackup()
    const decipher = key.use((held) => createDecipheriv('aes-256-gcm', held, nonceOf(number++, isLast), { authTagLength: tagBytes }))
    decipher.setAAD(context).setAuthTag(bytes.subarray(-tagBytes))
    const plain = decipher.update(bytes.subarray(0, -tagBytes))
    try {
      decipher.final()
    } catch {
      throw new DamagedBackup()
    }
    yield plain
  }
}

/** Cuts a stream into pieces of one size; the last has what is left, which may be nothing. */
async function* chunksOf(
  source: AsyncIterable<Buffer>,
  size: number,
): AsyncGenerator<{ readonly bytes: Buffer; readonly isLast: boolean }> {
  let held: Buffer[] = []
  let count = 0
  for await (const part of source) {
    held.push(part)
    count += part.length
    if (count <= size) continue
    let all = Buffer.concat(held)
    // One byte more than a piece must be there to know that it is not the last.
    for (; all.length > size; all = all.subarray(size)) yield { bytes: all.subarray(0, size), isLast: false }
    held = [all]
    count = all.length
  }
  yield { bytes: Buffer.concat(held), isLast: true }
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(number, 0, 6)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

function headOf(bytes: Buffer): BackupHead | undefined {
  const text = bytes.toString('utf8')
  const json = text.startsWith(magic) ? parseJson(text.slice(magic.length), maxHeadBytes) : undefined
  if (json?.ok !== true) return undefined
  const { createdAt, hub, recipients }: { createdAt?: unknown; hub?: unknown; recipients?: unknown } = Object(json.value)
  if (typeof createdAt !== 'number' || typeof hub !== 'string' || !Array.isArray(recipients)) return undefined
  const sealed = recipients.flatMap((one: unknown): SealedFor[] => {
    const { salt, jwe }: { salt?: unknown; jwe?: unknown } = Object(one)
    return typeof jwe === 'string' && (salt === null || typeof salt === 'string') ? [{ salt, jwe }] : []
  })
  return { createdAt, hub, recipients: sealed.slice(0, 16) }
}
