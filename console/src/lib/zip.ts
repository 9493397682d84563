/*
 * Writes a ZIP without compression: key files are small and do not shrink. Enough of APPNOTE 6.3 for every unpacker: local headers,
 * central directory, UTF-8 names, CRC-32. No ZIP64, so at most 65,535 files and 4 GiB.
 */

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let bit = 0; bit < 8; bit++) c = (c & 1) === 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})

function crc32(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/** A file to put into an archive. */
export type ZipFile = { readonly name: string; readonly text: string }

function header(signature: number, middle: readonly (readonly [number, 2 | 4])[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(4 + middle.reduce((sum, [, size]) => sum + size, 0))
  const view = new DataView(out.buffer)
  view.setUint32(0, signature, true)
  let at = 4
  for (const [value, size] of middle) {
    if (size === 2) view.setUint16(at, value, true)
    else view.setUint32(at, value, true)
    at += size
  }
  return out
}

/** The parts of an archive of `files`, ready for a Blob. Throws RangeError above 65,535 files. */
export function zip(files: readonly ZipFile[]): Uint8Array<ArrayBuffer>[] {
  if (files.length > 0xffff) throw new RangeError('A ZIP of this kind holds at most 65,535 files.')
  const encoder = new TextEncoder()
  const parts: Uint8Array<ArrayBuffer>[] = []
  const directory: Uint8Array<ArrayBuffer>[] = []
  let offset = 0
  for (const file of files) {
    const name = encoder.encode(file.name)
    const data = encoder.encode(file.text)
    // Version 2.0, UTF-8 flag, stored, 1980-01-01 00:00, then sizes: a fixed date keeps archives reproducible.
    const shared = [
      [20, 2],
      [0x0800, 2],
      [0, 2],
      [0, 2],
      [0x21, 2],
      [crc32(data), 4],
      [data.length, 4],
      [data.length, 4],
      [name.length, 2],
      [0, 2],
    ] as const
    const local = header(0x04034b50, shared)
    directory.push(header(0x02014b50, [[20, 2], ...shared, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]]), name)
    parts.push(local, name, data)
    offset += local.length + name.length + data.length
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0)
  const end = header(0x06054b50, [
    [0, 2],
    [0, 2],
    [files.length, 2],
    [files.length, 2],
    [size, 4],
    [offset, 4],
    [0, 2],
  ])
  return [...parts, ...directory, end]
}
