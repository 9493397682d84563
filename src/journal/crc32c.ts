/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), sixteen bytes a step: four words, read as words, of which only the first has to wait for the step
 * before. node:zlib has only the other CRC-32 and costs more for short records; the figures are in NOTES.md.
 */

const stepBytes = 16
const tables = makeTables()

function makeTables(): Int32Array {
  const out = new Int32Array(stepBytes * 256)
  for (let i = 0; i < 256; i++) {
    let c = i
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
    out[i] = c
  }
  for (let i = 0; i < 256; i++)
    for (let k = 1; k < stepBytes; k++) {
      const before = out[(k - 1) * 256 + i] ?? 0
      out[k * 256 + i] = (before >>> 8) ^ (out[before & 0xff] ?? 0)
    }
  return out
}

/** `bytes` as {@link crc32c} wants them. Make it once for many records: it costs as much as the check of a short one. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** CRC-32C of `bytes` from `start` up to `end`, as a signed 32-bit number. (`?? 0` is for the compiler; the machine code has no trace of it.) */
export function crc32c(bytes: DataView, start: number, end: number): number {
  const t = tables
  let c = -1
  let i = start
  for (; i + stepBytes <= end; i += stepBytes) {
    const w = bytes.getInt32(i, true) ^ c
    const x = bytes.getInt32(i + 4, true)
    const y = bytes.getInt32(i + 8, true)
    const z = bytes.getInt32(i + 12, true)
    c =
      (t[3840 + (w & 0xff)] ?? 0) ^
      (t[3584 + ((w >>> 8) & 0xff)] ?? 0) ^
      (t[3328 + ((w >>> 16) & 0xff)] ?? 0) ^
      (t[3072 + (w >>> 24)] ?? 0) ^
      ((t[2816 + (x & 0xff)] ?? 0) ^
        (t[2560 + ((x >>> 8) & 0xff)] ?? 0) ^
        (t[2304 + ((x >>> 16) & 0xff)] ?? 0) ^
        (t[2048 + (x >>> 24)] ?? 0)) ^
      ((t[1792 + (y & 0xff)] ?? 0) ^
        (t[1536 + ((y >>> 8) & 0xff)] ?? 0) ^
        (t[1280 + ((y >>> 16) & 0xff)] ?? 0) ^
        (t[1024 + (y >>> 24)] ?? 0) ^
        ((t[768 + (z & 0xff)] ?? 0) ^ (t[512 + ((z >>> 8) & 0xff)] ?? 0) ^ (t[256 + ((z >>> 16) & 0xff)] ?? 0) ^ (t[z >>> 24] ?? 0)))
  }
  for (; i < end; i++) c = (c >>> 8) ^ (t[(c ^ bytes.getUint8(i)) & 0xff] ?? 0)
  return ~c
}
