import { constants, fdatasync, writev } from 'node:fs'
import { type FileHandle, chmod, mkdir, open, readdir, unlink } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Fault } from '#base'
import type { Disk, DiskFile } from './disk.ts'

// With O_DSYNC each write returns when it is on storage, as write and fdatasync would, in one trip to the thread pool instead of two:
// on a busy event loop the second trip would wait for its turn, and the disk with it. Windows has no such flag.
const writesThrough = typeof constants.O_DSYNC === 'number'
const creating = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (writesThrough ? constants.O_DSYNC : 0)

/** The host's file system. */
export const systemDisk: Disk = {
  async makeDirectory(directory) {
    const first = await mkdir(directory, { recursive: true, mode: 0o700 })
    await chmod(directory, 0o700)
    if (first === undefined) return
    // A new directory is a name in its parent, and so on up to the first that was there before.
    for (let made = resolve(directory); ; made = dirname(made)) {
      await syncDirectory(dirname(made))
      if (made === resolve(first) || made === dirname(made)) return
    }
  },
  list: (directory) => readdir(directory),
  create: async (path) => new SystemFile(await open(path, creating, 0o600), writesThrough),
  open: async (path) => new SystemFile(await open(path, 'r'), false),
  unlink,
  syncDirectory,
}

async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return // cannot be asked for there; NTFS keeps a journal of names
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

class SystemFile implements DiskFile {
  readonly #handle: FileHandle
  readonly #writesThrough: boolean

  constructor(handle: FileHandle, isWriteThrough: boolean) {
    this.#handle = handle
    this.#writesThrough = isWriteThrough
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    let rest = buffers
    for (let at = position; rest.length > 0;) {
      const written = await writeOnce(this.#handle.fd, rest, at)
      if (written === 0) throw new Fault('journal/disk', 'The system took no byte of a write.')
      at += written
      rest = after(rest, written)
    }
  }

  sync(): Promise<void> {
    if (this.#writesThrough) return Promise.resolve()
    return new Promise((resolve, reject) => {
      fdatasync(this.#handle.fd, (error) => (error === null ? resolve() : reject(error)))
    })
  }

  async read(position: number, length: number): Promise<Buffer> {
    const into = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(into, filled, length - filled, position + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return into.subarray(0, filled)
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** At most this many buffers in one system call (IOV_MAX is 1,024 on Linux). */
const maxVectors = 1_000

// The callback forms: one promise a flush, and no file-handle bookkeeping on the hot path.
function writeOnce(fd: number, buffers: readonly Buffer[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(fd, buffers.slice(0, maxVectors), position, (error, written) => (error === null ? resolve(written) : reject(error)))
  })
}

function after(buffers: readonly Buffer[], written: number): readonly Buffer[] {
  let skip = written
  for (const [index, buffer] of buffers.entries()) {
    if (skip < buffer.length) return [buffer.subarray(skip), ...buffers.slice(index + 1)]
    skip -= buffer.length
  }
  return []
}
