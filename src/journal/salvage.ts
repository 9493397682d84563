import { crc32c, viewOf } from './crc32c.ts'
import type { JournalRecord, Offset } from './journal.ts'

/*
 * The check of a record is its CRC-32C, mixed with its place in the block and a secret of the segment. So a reader that lost its footing (a
 * length was hit) can try any position and knows, when the check fits, which record stands there; and a device cannot plant bytes in a payload that
 * would pass for a record, for it does not know the secret.
 */

/** Bytes before each record: its length and its check. */
export const frameBytes = 8

// Odd, so that it has an inverse modulo 2^32 and every place gives another mix.
const spread = 0x9e3779b1
const unspread = 0x0e8b2f51

/** Fills in the check of each record of a body whose lengths are written. Once per block, over all of it. */
export function writeChecks(plain: Buffer, count: number, salt: number): void {
  const view = viewOf(plain)
  let at = 0
  for (let index = 0; index < count; index++) {
    const length = view.getUint32(at, true)
    view.setInt32(at + 4, crc32c(view, at + frameBytes, at + frameBytes + length) ^ Math.imul(index, spread) ^ salt, true)
    at += frameBytes + length
  }
}

/**
 * Reads the records of a decrypted body. Where a check does not fit, looks for the next record that fits and reports those in between as
 * damaged: every offset from `first` on is answered. The search is bounded, so that a hostile payload cannot make it long.
 */
export function salvage(plain: Buffer, first: Offset, count: number, salt: number, authentic: boolean): readonly JournalRecord[] {
  const records: JournalRecord[] = []
  const search = { budget: maxSearchBytes }
  const view = viewOf(plain)
  let at = 0
  for (let index = 0; index < count;) {
    if (placeOf(view, at, salt) === index) {
      const end = at + frameBytes + plain.readUInt32LE(at)
      records.push({ offset: first + index, bytes: plain.subarray(at + frameBytes, end), authentic })
      at = end
      index++
      continue
    }
    const found = findNext(view, at, index, count, salt, search)
    for (const until = found?.index ?? count; index < until; index++)
      records.push({ offset: first + index, damaged: 'its check does not fit' })
    at = found?.at ?? plain.length
  }
  return records
}

/** Bytes that the search may run through the CRC for one block. */
const maxSearchBytes = 64 * 1024 * 1024

type Found = { readonly at: number; readonly index: number }

function findNext(view: DataView, at: number, index: number, count: number, salt: number, search: { budget: number }): Found | undefined {
  // Most often the bytes were hit and not the length: look right behind first.
  const behind = at + frameBytes <= view.byteLength ? at + frameBytes + view.getUint32(at, true) : view.byteLength
  if (placeOf(view, behind, salt) === index + 1 && index + 1 < count) return { at: behind, index: index + 1 }
  for (let q = at + 1; q + frameBytes < view.byteLength && search.budget > 0; q++) {
    const length = view.getUint32(q, true)
    if (length === 0 || q + frameBytes + length > view.byteLength) continue
    search.budget -= length
    const place = placeOf(view, q, salt)
    if (place !== undefined && place > index && place < count) return { at: q, index: place }
  }
  return undefined
}

/** The place in the block that the record at `at` claims by its check; a number without meaning when there is no record there. */
function placeOf(view: DataView, at: number, salt: number): number | undefined {
  if (at + frameBytes > view.byteLength) return undefined
  const end = at + frameBytes + view.getUint32(at, true)
  if (end > view.byteLength) return undefined
  return Math.imul(view.getInt32(at + 4, true) ^ crc32c(view, at + frameBytes, end) ^ salt, unspread) >>> 0
}
