import { createHmac, createSecretKey } from 'node:crypto'
import { type Random, type Result, Secret } from '#base'
import type { SegmentKey } from './block.ts'
import { crc32c, viewOf } from './crc32c.ts'
import type { Offset } from './journal.ts'

/*
 * A segment file opens with its header, twice and far apart, so that no single hit and no single lost page takes the key of 64 MiB with it:
 *
 *   at 0 and at 4096   "TWJSEG01" | number u32 | first offset u32 low, u32 high | created f64 | wrapped length u16 | wrapped data key | CRC-32C
 *   from 8192 on       blocks
 */

/** Where the blocks begin. */
export const segmentHeaderBytes = 8192
const copyAt = [0, 4096] as const
const magic = Buffer.from('TWJSEG01')
const fixedBytes = 30
const maxWrappedBytes = 3_000

/** What a segment says of itself. `created` is milliseconds since the epoch; `wrapped` is its data key, wrapped by the vault. */
export type SegmentHeader = { readonly number: number; readonly first: Offset; readonly created: number; readonly wrapped: Buffer }

/** Seals and opens data keys; the vault's. */
export type KeyWrap = { readonly wrapKey: (key: Secret) => Buffer; readonly unwrapKey: (wrapped: Buffer) => Result<Secret> }

/** The file name of a segment: its number and first offset, so that `ls` sorts and a human sees what is there. */
export function segmentName(number: number, first: Offset): string {
  return `${String(number).padStart(10, '0')}-${String(first).padStart(16, '0')}.twj`
}

/** Number and first offset from a file name; `undefined` for any other file. */
export function parseSegmentName(name: string): { readonly number: number; readonly first: Offset } | undefined {
  const match = /^([0-9]{10})-([0-9]{16})\.twj$/.exec(name)
  return match === null ? undefined : { number: Number(match[1]), first: Number(match[2]) }
}

/** Both copies of the header, padded to {@link segmentHeaderBytes}. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  if (header.wrapped.length > maxWrappedBytes) throw new Error('bug: the wrapped key is too long for a segment header')
  const out = Buffer.alloc(segmentHeaderBytes)
  for (const at of copyAt) {
    magic.copy(out, at)
    out.writeUInt32LE(header.number, at + 8)
    out.writeUInt32LE(header.first % 0x1_0000_0000, at + 12)
    out.writeUInt32LE(Math.floor(header.first / 0x1_0000_0000), at + 16)
    out.writeDoubleLE(header.created, at + 20)
    out.writeUInt16LE(header.wrapped.length, at + 28)
    header.wrapped.copy(out, at + fixedBytes)
    const end = at + fixedBytes + header.wrapped.length
    out.writeInt32LE(crc32c(viewOf(out), at, end), end)
  }
  return out
}

/** Reads the header from either copy. `damaged` when one of them is; `undefined` when neither can be read. */
export function parseSegmentHeader(bytes: Buffer): { readonly header: SegmentHeader; readonly damaged: boolean } | undefined {
  const copies = copyAt.map((at) => parseCopy(bytes, at))
  const header = copies[0] ?? copies[1]
  return header && { header, damaged: copies.includes(undefined) }
}

function parseCopy(bytes: Buffer, at: number): SegmentHeader | undefined {
  if (at + fixedBytes + 4 > bytes.length || bytes.compare(magic, 0, 8, at, at + 8) !== 0) return undefined
  const end = at + fixedBytes + bytes.readUInt16LE(at + 28)
  if (end - at > fixedBytes + maxWrappedBytes || end + 4 > bytes.length || bytes.readInt32LE(end) !== crc32c(viewOf(bytes), at, end))
    return undefined
  return {
    number: bytes.readUInt32LE(at + 8),
    first: bytes.readUInt32LE(at + 12) + bytes.readUInt32LE(at + 16) * 0x1_0000_0000,
    created: bytes.readDoubleLE(at + 20),
    wrapped: Buffer.from(bytes.subarray(at + fixedBytes, end)),
  }
}

/** A fresh key for a new segment, and the same wrapped for its header. */
export function makeSegmentKey(random: Random, wrap: KeyWrap): { readonly key: SegmentKey; readonly wrapped: Buffer } {
  using secret = new Secret(random.bytes(32))
  return { key: keyFrom(secret), wrapped: wrap.wrapKey(secret) }
}

/** The key of an existing segment. Refuses what the vault refuses: it is another vault's. */
export function openSegmentKey(wrapped: Buffer, wrap: KeyWrap): Result<SegmentKey> {
  const secret = wrap.unwrapKey(wrapped)
  if (!secret.ok) return secret
  const key = keyFrom(secret.value)
  secret.value[Symbol.dispose]()
  return { ok: true, value: key }
}

function keyFrom(secret: Secret): SegmentKey {
  return secret.use((bytes) => ({
    data: createSecretKey(bytes),
    salt: createHmac('sha256', bytes).update('thingwall journal record check').digest().readInt32LE(0),
  }))
}
