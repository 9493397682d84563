import { Fault } from '#base'
import type { FileDisk, FileEntry } from '#hub'

/** The disk of a file store in memory: for what would take a real one too long. */
export function memoryFileDisk(): FileDisk {
  const files = new Map<string, Buffer>()
  return {
    async write(path, chunks) {
      const parts: Uint8Array[] = []
      for await (const chunk of chunks) parts.push(Uint8Array.from(chunk))
      files.set(path, Buffer.concat(parts))
    },
    async *read(path) {
      const bytes = files.get(path)
      if (bytes === undefined) throw new Fault('server/file-disk', 'There is no such file.')
      yield bytes
    },
    async move(from, to) {
      const bytes = files.get(from)
      if (bytes === undefined) throw new Fault('server/file-disk', 'There is no such file.')
      files.delete(from)
      files.set(to, bytes)
    },
    async list(directory) {
      const entries = new Map<string, FileEntry>()
      for (const [path, bytes] of files) {
        if (!path.startsWith(`${directory}/`)) continue
        const [name = '', more] = path.slice(directory.length + 1).split('/')
        entries.set(name, { name, isDirectory: more !== undefined, bytes: bytes.length })
      }
      return [...entries.values()]
    },
    async remove(path) {
      for (const name of files.keys()) if (name === path || name.startsWith(`${path}/`)) files.delete(name)
    },
  }
}
