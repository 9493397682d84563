import { never } from '#base'
import type { Value } from './value.ts'

/** Bytes being written; grows as it needs to. */
export class Writer {
  #buffer = Buffer.allocUnsafe(512)
  #at = 0

  /** What was written, as a copy of its own size. */
  toBuffer(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#at))
  }

  get length(): number {
    return this.#at
  }

  u8(value: number): void {
    this.#room(1)
    this.#buffer[this.#at++] = value
  }

  u16(value: number): void {
    this.#room(2)
    this.#at = this.#buffer.writeUInt16BE(value, this.#at)
  }

  u32(value: number): void {
    this.#room(4)
    this.#at = this.#buffer.writeUInt32BE(value, this.#at)
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  /** Puts the number of bytes written since `at` (without its own four) at `at`. */
  patchSize(at: number, includesItself = false): void {
    this.#buffer.writeUInt32BE(this.#at - at - (includesItself ? 0 : 4), at)
  }

  #room(count: number): void {
    if (this.#at + count <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + count))
    larger.set(this.#buffer.subarray(0, this.#at))
    this.#buffer = larger
  }
}

/** Writes one value in its shortest form. Throws a bug for a number that its type cannot hold, and for an array of anything but text. */
export function writeValue(writer: Writer, value: Value): void {
  switch (value.type) {
    case 'null':
      return writer.u8(0x40)
    case 'boolean':
      return writer.u8(value.value ? 0x41 : 0x42)
    case 'ulong':
      return writeUlong(writer, value.value)
    case 'long':
      return writeLong(writer, value.value)
    case 'uuid':
      return prefixed(writer, 0x98, value.value)
    case 'decimal':
      return prefixed(writer, value.value.length === 4 ? 0x74 : value.value.length === 8 ? 0x84 : 0x94, value.value)
    case 'binary':
      return variable(writer, 0xa0, value.value)
    case 'string':
      return variable(writer, 0xa1, Buffer.from(value.value, 'utf8'))
    case 'symbol':
      return variable(writer, 0xa3, Buffer.from(value.value, 'latin1'))
    case 'list':
      return writeItems(writer, value.value.length === 0 ? 0x45 : 0xd0, value.value)
    case 'map':
      return writeItems(writer, 0xd1, value.value.flat())
    case 'array':
      return writeArray(writer, value.value)
    case 'described':
      writer.u8(0x00)
      writeValue(writer, value.descriptor)
      return writeValue(writer, value.value)
    case 'ubyte':
    case 'ushort':
    case 'uint':
    case 'byte':
    case 'short':
    case 'int':
    case 'float':
    case 'double':
    case 'char':
    case 'timestamp':
      return writeNumber(writer, value.type, value.value)
    default:
      return never(value)
  }
}

/** One value as bytes. */
export function encodeValue(value: Value): Buffer {
  const writer = new Writer()
  writeValue(writer, value)
  return writer.toBuffer()
}

type NumberType = Extract<Value, { readonly value: number }>['type']

function writeNumber(writer: Writer, type: NumberType, value: number): void {
  const eight = Buffer.alloc(8)
  switch (type) {
    case 'ubyte':
    case 'byte':
      writer.u8(type === 'ubyte' ? 0x50 : 0x51)
      return writer.u8(value & 0xff)
    case 'ushort':
    case 'short':
      writer.u8(type === 'ushort' ? 0x60 : 0x61)
      return writer.u16(value & 0xffff)
    case 'uint':
      if (value === 0) return writer.u8(0x43)
      if (value < 256) return prefixed(writer, 0x52, Buffer.from([value]))
      writer.u8(0x70)
      return writer.u32(value)
    case 'int':
      if (value >= -128 && value < 128) return prefixed(writer, 0x54, Buffer.from([value & 0xff]))
      writer.u8(0x71)
      return writer.u32(value >>> 0)
    case 'char':
      writer.u8(0x73)
      return writer.u32(value)
    case 'float':
      eight.writeFloatBE(value)
      return prefixed(writer, 0x72, eight.subarray(0, 4))
    case 'double':
      eight.writeDoubleBE(value)
      return prefixed(writer, 0x82, eight)
    case 'timestamp':
      eight.writeBigInt64BE(BigInt.asIntN(64, BigInt(Math.trunc(value))))
      return prefixed(writer, 0x83, eight)
    default:
      return never(type)
  }
}

function writeUlong(writer: Writer, value: bigint): void {
  if (value === 0n) return writer.u8(0x44)
  if (value < 256n) return prefixed(writer, 0x53, Buffer.from([Number(value)]))
  const eight = Buffer.alloc(8)
  eight.writeBigUInt64BE(value)
  prefixed(writer, 0x80, eight)
}

function writeLong(writer: Writer, value: bigint): void {
  if (value >= -128n && value < 128n) return prefixed(writer, 0x55, Buffer.from([Number(value) & 0xff]))
  const eight = Buffer.alloc(8)
  eight.writeBigInt64BE(value)
  prefixed(writer, 0x81, eight)
}

function prefixed(writer: Writer, code: number, bytes: Uint8Array): void {
  writer.u8(code)
  writer.bytes(bytes)
}

/** The code of the long form is the short one's plus 0x10. */
function variable(writer: Writer, code: number, bytes: Uint8Array): void {
  if (bytes.length < 256) {
    writer.u8(code)
    writer.u8(bytes.length)
  } else {
    writer.u8(code + 0x10)
    writer.u32(bytes.length)
  }
  writer.bytes(bytes)
}

function writeItems(writer: Writer, code: number, items: readonly Value[]): void {
  writer.u8(code)
  if (code === 0x45) return
  const at = writer.length
  writer.u32(0)
  writer.u32(items.length)
  for (const item of items) writeValue(writer, item)
  writer.patchSize(at)
}

function writeArray(writer: Writer, items: readonly Value[]): void {
  const type = items[0]?.type ?? 'symbol'
  writer.u8(0xf0)
  const at = writer.length
  writer.u32(0)
  writer.u32(items.length)
  writer.u8(type === 'string' ? 0xb1 : 0xb3)
  for (const item of items) {
    if (item.type !== type || (item.type !== 'string' && item.type !== 'symbol')) throw new Error('bug: an array of anything but text')
    const bytes = Buffer.from(item.value, 'utf8')
    writer.u32(bytes.length)
    writer.bytes(bytes)
  }
  writer.patchSize(at)
}
