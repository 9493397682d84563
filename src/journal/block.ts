import { type KeyObject, createCipheriv, createDecipheriv } from 'node:crypto'
import { crc32c, viewOf } from './crc32c.ts'
import type { JournalRecord, Offset } from './journal.ts'
import { salvage } from './salvage.ts'

/*
 * A block is what one batch of records becomes on disk:
 *
 *   header, 64 bytes | ciphertext, bodyBytes | GCM tag, 16 | trailer, 64: the header again
 *
 *   header   magic u32 | version u8 | 3 zero | first offset u32 low, u32 high | count u32 | bodyBytes u32 | nonce, 12 |
 *            flush u32 | time f64 | 12 zero | CRC-32C of the 60 bytes before
 *   body     count times: length u32 | check u32 | bytes          (see salvage.ts for the check)
 *
 * One GCM operation a block; the header is its additional data. The nonce counts the blocks of a segment, whose key is never used for another
 * segment, and a block is never written twice: a retry goes to a new segment. The header is given twice and each record has its own check, so that a
 * hit costs what was hit and nothing else: if the tag does not fit, the keystream still does.
 */

/** Bytes of a header, and of a trailer. */
export const headerBytes = 64
const tagBytes = 16
/** What a block costs besides its body. */
export const blockOverhead = headerBytes + tagBytes + headerBytes

/** Marks of a header and of a trailer, as they stand on disk. */
export const headerMagic: Buffer = Buffer.from('TWB1')
/** See {@link headerMagic}. */
export const trailerMagic: Buffer = Buffer.from('TWE1')

/** What a block says of itself. `flush` counts the flushes of the segment from 1, `block` its blocks from 0; `time` is milliseconds since the epoch. */
export type BlockHeader = {
  readonly first: Offset
  readonly count: number
  readonly bodyBytes: number
  readonly block: number
  readonly flush: number
  readonly time: number
}

/** The keys of one segment: the data key, and the secret that keeps a payload from posing as a record (salvage.ts). */
export type SegmentKey = { readonly data: KeyObject; readonly salt: number }

/** Encrypts `plain` (records with lengths; checks are filled in by {@link writeChecks}) as one block, in pieces for one `writev`. */
export function sealBlock(key: SegmentKey, header: BlockHeader, plain: Buffer): readonly Buffer[] {
  const head = encodeHeader(header)
  const cipher = createCipheriv('aes-256-gcm', key.data, nonceOf(head))
  cipher.setAAD(head)
  const body = cipher.update(plain)
  cipher.final()
  const tail = Buffer.allocUnsafe(tagBytes + headerBytes)
  cipher.getAuthTag().copy(tail)
  head.copy(tail, tagBytes)
  trailerMagic.copy(tail, tagBytes)
  tail.writeInt32LE(crc32c(viewOf(tail), tagBytes, tagBytes + headerBytes - 4), tagBytes + headerBytes - 4)
  return [head, body, tail]
}

/**
 * Decrypts the block `bytes` (whole, `header` from either copy). Never fails: every offset of the header comes back as a record or as damaged.
 * `damage` says what was wrong with the block as a whole.
 */
export function openBlock(
  key: SegmentKey,
  header: BlockHeader,
  bytes: Buffer,
): { readonly records: readonly JournalRecord[]; readonly damage: string | undefined } {
  const head = encodeHeader(header)
  const body = bytes.subarray(headerBytes, headerBytes + header.bodyBytes)
  const decipher = createDecipheriv('aes-256-gcm', key.data, nonceOf(head), { authTagLength: tagBytes })
  decipher.setAAD(head)
  decipher.setAuthTag(bytes.subarray(headerBytes + header.bodyBytes, headerBytes + header.bodyBytes + tagBytes))
  // GCM decrypts in counter mode, so these are the right bytes wherever the ciphertext was not hit; whether to believe them is another question.
  const plain = decipher.update(body)
  let authentic = true
  try {
    decipher.final()
  } catch {
    authentic = false
  }
  const whole =
    parseHeader(bytes, 0, headerMagic) !== undefined && parseHeader(bytes, bytes.length - headerBytes, trailerMagic) !== undefined
  const records = salvage(plain, header.first, header.count, key.salt, authentic)
  return { records, damage: authentic ? (whole ? undefined : 'one copy of the block header is damaged') : 'the block is not authentic' }
}

/** Reads a header (or, by its magic, a trailer) at `at`; `undefined` when none stands there whole. */
export function parseHeader(bytes: Buffer, at: number, magic: Buffer): BlockHeader | undefined {
  if (at < 0 || at + headerBytes > bytes.length) return undefined
  if (bytes.compare(magic, 0, 4, at, at + 4) !== 0 || bytes[at + 4] !== 1) return undefined
  if (bytes.readInt32LE(at + headerBytes - 4) !== crc32c(viewOf(bytes), at, at + headerBytes - 4)) return undefined
  return {
    first: bytes.readUInt32LE(at + 8) + bytes.readUInt32LE(at + 12) * 0x1_0000_0000,
    count: bytes.readUInt32LE(at + 16),
    bodyBytes: bytes.readUInt32LE(at + 20),
    block: bytes.readUInt32LE(at + 32),
    flush: bytes.readUInt32LE(at + 36),
    time: bytes.readDoubleLE(at + 40),
  }
}

/** Bytes that the block takes on disk. */
export function blockBytes(header: BlockHeader): number {
  return blockOverhead + header.bodyBytes
}

function encodeHeader(header: BlockHeader): Buffer {
  const out = Buffer.alloc(headerBytes)
  headerMagic.copy(out)
  out[4] = 1
  out.writeUInt32LE(header.first % 0x1_0000_0000, 8)
  out.writeUInt32LE(Math.floor(header.first / 0x1_0000_0000), 12)
  out.writeUInt32LE(header.count, 16)
  out.writeUInt32LE(header.bodyBytes, 20)
  out.writeUInt32LE(header.block, 32) // the nonce: 8 zero bytes, then the block number
  out.writeUInt32LE(header.flush, 36)
  out.writeDoubleLE(header.time, 40)
  out.writeInt32LE(crc32c(viewOf(out), 0, headerBytes - 4), headerBytes - 4)
  return out
}

function nonceOf(head: Buffer): Buffer {
  return head.subarray(24, 36)
}
