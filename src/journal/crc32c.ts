/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes a step. node:zlib has only the other CRC-32 and costs more for short records; the
 * figures are in NOTES.md.
 */

const tables = makeTables()

function makeTables(): Int32Array {
  const out = new Int32Array(8 * 256)
  for (let i = 0; i < 256; i++) {
    let c = i
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
    out[i] = c
  }
  for (let i = 0; i < 256; i++)
    for (let k = 1; k < 8; k++) {
      const before = out[(k - 1) * 256 + i] ?? 0
      out[k * 256 + i] = (before >>> 8) ^ (out[before & 0xff] ?? 0)
    }
  return out
}

/** CRC-32C of `bytes` from `start` up to `end`, as a signed 32-bit number. (`?? 0` is for the compiler; the machine code has no trace of it.) */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  const t = tables
  let c = -1
  let i = start
  for (; i + 8 <= end; i += 8) {
    c ^= (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24)
    c =
      (t[1792 + (c & 0xff)] ?? 0) ^
      (t[1536 + ((c >>> 8) & 0xff)] ?? 0) ^
      (t[1280 + ((c >>> 16) & 0xff)] ?? 0) ^
      (t[1024 + (c >>> 24)] ?? 0) ^
      (t[768 + (bytes[i + 4] ?? 0)] ?? 0) ^
      (t[512 + (bytes[i + 5] ?? 0)] ?? 0) ^
      (t[256 + (bytes[i + 6] ?? 0)] ?? 0) ^
      (t[bytes[i + 7] ?? 0] ?? 0)
  }
  for (; i < end; i++) c = (c >>> 8) ^ (t[(c ^ (bytes[i] ?? 0)) & 0xff] ?? 0)
  return ~c
}
