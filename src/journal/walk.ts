import { type BlockHeader, blockBytes, headerBytes, headerMagic, parseHeader, trailerMagic } from './block.ts'
import type { DiskFile } from './disk.ts'

/*
 * Finds the blocks of a segment, whatever was hit: by the header where it should stand, else by the trailer, else by the next block that can
 * be found. Bodies are not looked at here.
 */

/** A block and where it stands. `sound` is false when its header was lost and the trailer spoke for it. */
export type FoundBlock = { readonly position: number; readonly header: BlockHeader; readonly sound: boolean }

const chunkBytes = 256 * 1024

/**
 * Reads a file forward through one chunk at a time. `limit` is where its believable part ends: its size, or less while it is being written; it may
 * grow, for what lies before it never changes.
 */
export class Window {
  file: DiskFile
  limit: number
  #chunk: Buffer = Buffer.alloc(0)
  #position = 0

  constructor(file: DiskFile, limit: number) {
    this.file = file
    this.limit = limit
  }

  /** `length` bytes from `position` on, fewer at the limit. A slice of a buffer that is never written again. */
  async bytes(position: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, this.limit - position))
    const from = position - this.#position
    if (from >= 0 && from + wanted <= this.#chunk.length) return this.#chunk.subarray(from, from + wanted)
    // No await behind this one: two readers may share a window.
    const chunk = await this.file.read(position, Math.min(Math.max(wanted, chunkBytes), Math.max(0, this.limit - position)))
    this.#chunk = chunk
    this.#position = position
    return chunk.subarray(0, wanted)
  }
}

/** The block at `position`, or the first one after it that can be found; `undefined` when there is none that is complete. */
export async function findBlock(window: Window, position: number): Promise<FoundBlock | undefined> {
  const here = parseHeader(await window.bytes(position, headerBytes), 0, headerMagic)
  if (here !== undefined) {
    // Unfinished: nothing was written behind it.
    return position + blockBytes(here) <= window.limit ? { position, header: here, sound: true } : undefined
  }
  for (let at = position; ;) {
    const bytes = await window.bytes(at, chunkBytes)
    if (bytes.length < headerBytes) return undefined
    for (let q = nextMark(bytes, 0); q !== -1; q = nextMark(bytes, q + 1)) {
      const header = at + q > position ? parseHeader(bytes, q, headerMagic) : undefined
      if (header !== undefined && at + q + blockBytes(header) <= window.limit) return { position: at + q, header, sound: true }
      const trailer = parseHeader(bytes, q, trailerMagic)
      if (trailer === undefined) continue
      const start = at + q + headerBytes - blockBytes(trailer)
      if (start >= position) return { position: start, header: trailer, sound: false }
    }
    at += bytes.length - headerBytes + 1
  }
}

function nextMark(bytes: Buffer, from: number): number {
  const header = bytes.indexOf(headerMagic, from)
  const trailer = bytes.indexOf(trailerMagic, from)
  return header === -1 ? trailer : trailer === -1 ? header : Math.min(header, trailer)
}
