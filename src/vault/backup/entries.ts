import { DamagedBackup } from './backup-stream.ts'

/*
 * The content of a backup: entries of `length of the name u16 | name, UTF-8 | length f64 | bytes`, little-endian, and an entry without a name at the end.
 */
const maxNameBytes = 1_024

/** A file in a backup. `name` is a path with `/`, below the data directory. */
export type Entry = { readonly name: string; readonly bytes: number; readonly content: AsyncIterable<Buffer> }

/** Writes entries. Content longer than it was said to be is cut; shorter content throws. */
export async function* encodeEntries(entries: AsyncIterable<Entry>): AsyncGenerator<Buffer> {
  for await (const { name, bytes, content } of entries) {
    yield headOf(name, bytes)
    let left = bytes
    for await (const part of content) {
      if (part.length >= left) {
        yield part.subarray(0, left)
        left = 0
        break
      }
      yield part
      left -= part.length
    }
    if (left > 0) throw new Error(`${name} became shorter while it was copied`)
  }
  yield headOf('', 0)
}

/** Reads entries; the content of each must be read before the next is asked for. Throws {@link DamagedBackup} for a stream that ends early. */
export async function* decodeEntries(plain: AsyncIterable<Buffer>): AsyncGenerator<Entry> {
  const source = plain[Symbol.asyncIterator]()
  let held: Buffer = Buffer.alloc(0)
  const more = async (): Promise<void> => {
    const next = await source.next()
    if (next.done === true) throw new DamagedBackup()
    held = held.length === 0 ? next.value : Buffer.concat([held, next.value])
  }
  const take = async (bytes: number): Promise<Buffer> => {
    while (held.length < bytes) await more()
    const taken = held.subarray(0, bytes)
    held = held.subarray(bytes)
    return taken
  }
  for (;;) {
    const length = (await take(2)).readUInt16LE(0)
    if (length > maxNameBytes) throw new DamagedBackup()
    const name = (await take(length)).toString('utf8')
    const bytes = (await take(8)).readDoubleLE(0)
    if (name === '') break
    if (!isName(name) || !Number.isSafeInteger(bytes) || bytes < 0) throw new DamagedBackup()
    let left = bytes
    const content = async function* (): AsyncGenerator<Buffer> {
      while (left > 0) {
        if (held.length === 0) await more()
        const part = held.subarray(0, Math.min(left, held.length))
        held = held.subarray(part.length)
        left -= part.length
        yield part
      }
    }
    yield { name, bytes, content: content() }
    if (left > 0) throw new Error('bug: an entry of a backup was not read')
  }
  // To the end of the stream, where its authenticity is proven.
  if (held.length > 0 || (await source.next()).done !== true) throw new DamagedBackup()
}

/** Whether a name stays below the directory that it is restored into. */
function isName(name: string): boolean {
  return name.split('/').every((part) => /^[A-Za-z0-9_%@=.-]{1,255}$/.test(part) && part !== '.' && part !== '..')
}

function headOf(name: string, bytes: number): Buffer {
  const text = Buffer.from(name, 'utf8')
  if (text.length > maxNameBytes) throw new Error('bug: a name in a backup is too long')
  const head = Buffer.alloc(2 + text.length + 8)
  head.writeUInt16LE(text.length)
  text.copy(head, 2)
  head.writeDoubleLE(bytes, 2 + text.length)
  return head
}
