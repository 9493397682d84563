import type { Instant } from '#base'
import { contextTag, tags } from './tags.ts'

/** One element: identifier, shortest definite length, content (X.690 section 10.1). */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  const header = length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : 5
  const out = Buffer.allocUnsafe(header + length)
  out[0] = tag
  if (header === 2) out[1] = length
  else {
    out[1] = 0x80 | (header - 2)
    out.writeUIntBE(length, 2, header - 2)
  }
  let at = header
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** SEQUENCE of elements that are already encoded. */
export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(tags.sequence, ...parts)
}

/** SET OF elements that are already encoded, in the order DER demands (X.690 section 11.6). */
export function setOf(...parts: readonly Uint8Array[]): Buffer {
  return element(tags.set, ...parts.toSorted((a, b) => Buffer.compare(a, b)))
}

/** `[number]` around elements that are already encoded. */
export function explicit(number: number, ...parts: readonly Uint8Array[]): Buffer {
  return element(contextTag(number, true), ...parts)
}

/** `[number] IMPLICIT` of a primitive type with this content. */
export function implicit(number: number, content: Uint8Array): Buffer {
  return element(contextTag(number, false), content)
}

/** INTEGER from an unsigned big-endian number, in as few bytes as it takes. */
export function unsignedInteger(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const body = bytes.subarray(start)
  const first = body[0]
  if (first === undefined) return element(tags.integer, zero)
  return first & 0x80 ? element(tags.integer, zero, body) : element(tags.integer, body)
}

const zero = Buffer.from([0])

/** INTEGER from 0 to 255. */
export function smallInteger(value: number): Buffer {
  if (!Number.isInteger(value) || value < 0 || value > 255) throw new Error('bug: not a small integer')
  return unsignedInteger(Buffer.from([value]))
}

/** BOOLEAN; DER knows 00 and FF only (X.690 section 11.1). */
export function boolean(value: boolean): Buffer {
  return element(tags.boolean, Buffer.from([value ? 0xff : 0]))
}

/** NULL. */
export const nothing: Buffer = element(tags.null)

const oidCache = new Map<string, Buffer>()

/** OBJECT IDENTIFIER from dotted text, ours only: text that is not one is a bug. Remembered, for the few that we write. */
export function oid(dotted: string): Buffer {
  const known = oidCache.get(dotted)
  if (known) return known
  const [first = -1, second = -1, ...rest] = dotted.split('.').map(Number)
  if (first < 0 || first > 2 || second < 0 || rest.some((arc) => !Number.isSafeInteger(arc) || arc < 0))
    throw new Error('bug: not an object identifier')
  const body: number[] = []
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(0x80 | (left % 128))
    body.push(...digits)
  }
  const encoded = element(tags.oid, Buffer.from(body))
  oidCache.set(dotted, encoded)
  return encoded
}

/** OCTET STRING. */
export function octetString(content: Uint8Array): Buffer {
  return element(tags.octetString, content)
}

/** BIT STRING of whole bytes. */
export function bitString(content: Uint8Array): Buffer {
  return element(tags.bitString, zero, content)
}

/** BIT STRING for a list of named bits, without trailing zero bits (X.690 section 11.2.2). `bits` are bit numbers from 0. */
export function namedBits(bits: readonly number[]): Buffer {
  const last = Math.max(-1, ...bits)
  const body = Buffer.alloc(last < 0 ? 0 : (last >> 3) + 1)
  for (const bit of bits) body[bit >> 3] = (body[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  return element(tags.bitString, Buffer.from([last < 0 ? 0 : 7 - (last & 7)]), body)
}

/** UTF8String. */
export function utf8String(text: string): Buffer {
  return element(tags.utf8String, Buffer.from(text, 'utf8'))
}

const lastUtcTime = Date.UTC(2050, 0, 1)

/** UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5). Whole seconds: a fraction is cut. */
export function time(at: Instant): Buffer {
  const digits = new Date(at).toISOString().slice(0, 19).replace(/[-T:]/g, '')
  if (digits.length !== 14) throw new Error('bug: time outside the years 0 to 9999')
  return at < lastUtcTime && at >= Date.UTC(1950, 0, 1)
    ? element(tags.utcTime, Buffer.from(`${digits.slice(2)}Z`, 'latin1'))
    : element(tags.generalizedTime, Buffer.from(`${digits}Z`, 'latin1'))
}
