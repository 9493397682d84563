import { isUtf8 } from 'node:buffer'
import type { Cursor } from './cursor.ts'
import { beyondLimit, malformed } from './malformed.ts'
import { type Value, nothing } from './value.ts'

/*
 * The type system of AMQP 1.0 (part 1). Everything that a peer states is held against the bytes that are there: a compound has no more items than
 * bytes, lies whole in what it is a part of, and ends where it said; so the work and the memory are linear in the bytes, whatever they claim. An
 * array of values without width (null, true) is the one thing that could be billions of items in ten bytes, and may have only a few.
 */

/** How deep values may lie in each other. What Azure's clients send has five levels. */
export const maxDepth = 16
const maxWeightless = 256

/** Reads one value. After a failure of the cursor what it gives means nothing. */
export function readValue(cursor: Cursor, depth = 0): Value {
  if (depth > maxDepth) {
    cursor.fail(beyondLimit('1.2', 'Values lie too deep in each other.'))
    return nothing
  }
  const code = cursor.u8()
  // A failed cursor gives zeros, and zero begins a descriptor: going on would double the work at every level.
  if (cursor.failure !== undefined) return nothing
  if (code !== 0x00) return readAs(code, cursor, depth)
  const descriptor = readValue(cursor, depth + 1)
  return { type: 'described', descriptor, value: readValue(cursor, depth + 1) }
}

function readAs(code: number, cursor: Cursor, depth: number): Value {
  if (code < 0x80) return readNarrow(code, cursor)
  switch (code) {
    case 0x80:
      return { type: 'ulong', value: cursor.left < 8 ? noBigint(cursor) : cursor.bytes(8).readBigUInt64BE() }
    case 0x81:
      return { type: 'long', value: cursor.left < 8 ? noBigint(cursor) : cursor.bytes(8).readBigInt64BE() }
    case 0x82:
      return { type: 'double', value: cursor.left < 8 ? Number(noBigint(cursor)) : cursor.bytes(8).readDoubleBE() }
    case 0x83:
      return { type: 'timestamp', value: Number(cursor.left < 8 ? noBigint(cursor) : cursor.bytes(8).readBigInt64BE()) }
    case 0x84:
      return { type: 'decimal', value: cursor.bytes(8) }
    case 0x94:
      return { type: 'decimal', value: cursor.bytes(16) }
    case 0x98:
      return { type: 'uuid', value: cursor.bytes(16) }
    case 0xa0:
      return { type: 'binary', value: cursor.bytes(cursor.u8()) }
    case 0xb0:
      return { type: 'binary', value: cursor.bytes(cursor.u32()) }
    case 0xa1:
      return { type: 'string', value: utf8(cursor, cursor.u8()) }
    case 0xb1:
      return { type: 'string', value: utf8(cursor, cursor.u32()) }
    case 0xa3:
      return { type: 'symbol', value: ascii(cursor, cursor.u8()) }
    case 0xb3:
      return { type: 'symbol', value: ascii(cursor, cursor.u32()) }
    case 0xc0:
    case 0xd0:
      return { type: 'list', value: readItems(cursor, code === 0xc0, depth) }
    case 0xc1:
    case 0xd1:
      return { type: 'map', value: inPairs(readItems(cursor, code === 0xc1, depth), cursor) }
    case 0xe0:
    case 0xf0:
      return readArray(cursor, code === 0xe0, depth)
    default:
      return unknown(cursor)
  }
}

/** Values of at most four bytes. */
function readNarrow(code: number, cursor: Cursor): Value {
  switch (code) {
    case 0x40:
      return nothing
    case 0x41:
    case 0x42:
      return { type: 'boolean', value: code === 0x41 }
    case 0x43:
      return { type: 'uint', value: 0 }
    case 0x44:
      return { type: 'ulong', value: 0n }
    case 0x45:
      return { type: 'list', value: [] }
    case 0x50:
      return { type: 'ubyte', value: cursor.u8() }
    case 0x51:
      return { type: 'byte', value: (cursor.u8() << 24) >> 24 }
    case 0x52:
      return { type: 'uint', value: cursor.u8() }
    case 0x53:
      return { type: 'ulong', value: BigInt(cursor.u8()) }
    case 0x54:
      return { type: 'int', value: (cursor.u8() << 24) >> 24 }
    case 0x55:
      return { type: 'long', value: BigInt((cursor.u8() << 24) >> 24) }
    case 0x56:
      return { type: 'boolean', value: cursor.u8() !== 0 }
    case 0x60:
      return { type: 'ushort', value: cursor.u16() }
    case 0x61:
      return { type: 'short', value: (cursor.u16() << 16) >> 16 }
    case 0x70:
      return { type: 'uint', value: cursor.u32() }
    case 0x71:
      return { type: 'int', value: cursor.u32() | 0 }
    case 0x72:
      return { type: 'float', value: cursor.left < 4 ? Number(noBigint(cursor)) : cursor.bytes(4).readFloatBE() }
    case 0x73:
      return { type: 'char', value: cursor.u32() }
    case 0x74:
      return { type: 'decimal', value: cursor.bytes(4) }
    default:
      return unknown(cursor)
  }
}

function readItems(cursor: Cursor, isSmall: boolean, depth: number): readonly Value[] {
  const part = cursor.part(isSmall ? cursor.u8() : cursor.u32())
  const count = isSmall ? part.u8() : part.u32()
  if (count > part.left) part.fail(malformed('1.6.22', 'A list or map says that it has more items than it has bytes.'))
  const items: Value[] = []
  while (items.length < count && part.failure === undefined) items.push(readValue(part, depth + 1))
  if (part.left > 0) part.fail(malformed('1.6.22', 'A list or map goes on after its last item.'))
  return items
}

function inPairs(items: readonly Value[], cursor: Cursor): readonly (readonly [Value, Value])[] {
  if (items.length % 2 === 1) cursor.fail(malformed('1.6.23', 'A map has a key without a value.'))
  const pairs: (readonly [Value, Value])[] = []
  for (let i = 0; i + 1 < items.length; i += 2) pairs.push([items[i] ?? nothing, items[i + 1] ?? nothing])
  return pairs
}

function readArray(cursor: Cursor, isSmall: boolean, depth: number): Value {
  const part = cursor.part(isSmall ? cursor.u8() : cursor.u32())
  const count = isSmall ? part.u8() : part.u32()
  let code = part.u8()
  let descriptor: Value | undefined
  if (code === 0x00) {
    descriptor = readValue(part, depth + 1)
    code = part.u8()
  }
  const isWeightless = code >= 0x40 && code <= 0x4f
  if (count > (isWeightless ? maxWeightless : part.left))
    part.fail(malformed('1.6.24', 'An array says that it has more items than it has bytes.'))
  if (depth >= maxDepth) part.fail(beyondLimit('1.2', 'Values lie too deep in each other.'))
  const items: Value[] = []
  while (items.length < count && part.failure === undefined) {
    const item = readAs(code, part, depth + 1)
    items.push(descriptor === undefined ? item : { type: 'described', descriptor, value: item })
  }
  if (part.left > 0) part.fail(malformed('1.6.24', 'An array goes on after its last item.'))
  return { type: 'array', value: items }
}

function utf8(cursor: Cursor, length: number): string {
  const bytes = cursor.bytes(length)
  if (!isUtf8(bytes)) cursor.fail(malformed('1.6.20', 'A string is not well-formed UTF-8.'))
  return bytes.toString('utf8')
}

function ascii(cursor: Cursor, length: number): string {
  const bytes = cursor.bytes(length)
  if (bytes.some((byte) => byte >= 0x80)) cursor.fail(malformed('1.6.21', 'A symbol is not ASCII.'))
  return bytes.toString('latin1')
}

function unknown(cursor: Cursor): Value {
  cursor.fail(malformed('1.2', 'A value has a type that AMQP 1.0 does not have.'))
  return nothing
}

function noBigint(cursor: Cursor): bigint {
  cursor.fail(malformed('1.2', 'A value ends before it is complete.'))
  return 0n
}
