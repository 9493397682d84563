import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeSegmentHeader, parseSegmentHeader, parseSegmentName, segmentHeaderBytes } from './segment.ts'

const secondCopy = 4096

/** How many segments had their key wrapped anew, and how many could not be read. */
export type Rewrapped = { readonly done: number; readonly unread: number }

/**
 * Wraps the data keys of all segments in `directory` anew. `rewrap` gives the key under the wrapping key of now, or undefined when it is that already. A header
 * stands twice in its file and one copy is written after the other, so a crash leaves one that reads. The journal may be open: what it writes lies behind headers.
 */
export async function rewrapSegments(directory: string, rewrap: (wrapped: Buffer) => Buffer | undefined): Promise<Rewrapped> {
  let done = 0
  let unread = 0
  for (const name of await readdir(directory).catch(() => [])) {
    if (parseSegmentName(name) === undefined) continue
    // A segment may have come of age meanwhile and be gone.
    const file = await open(join(directory, name), 'r+').catch(() => undefined)
    if (file === undefined) continue
    try {
      const bytes = Buffer.alloc(segmentHeaderBytes)
      await file.read(bytes, 0, segmentHeaderBytes, 0)
      const read = parseSegmentHeader(bytes)
      const wrapped = read === undefined ? undefined : rewrap(read.header.wrapped)
      if (read === undefined) unread++
      if (read === undefined || wrapped === undefined) continue
      const fresh = encodeSegmentHeader({ ...read.header, wrapped })
      for (const [start, end] of [
        [secondCopy, segmentHeaderBytes],
        [0, secondCopy],
      ] as const) {
        await file.write(fresh, start, end - start, start)
        await file.datasync()
      }
      done++
    } finally {
      await file.close()
    }
  }
  return { done, unread }
}
