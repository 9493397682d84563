import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { EndpointKind } from '../endpoint.ts'
import { type FileSettings, parseFile } from './file.ts'
import { type FileOps, type GrowingFile, FileSink } from './file-sink.ts'

/** Endpoints that are files below the data directory. */
export const fileKind: EndpointKind<FileSettings> = {
  kind: 'file',
  parse: parseFile,
  batch: { events: 1_000, bytes: 1024 * 1024, lingerMs: 200 },
  async open(name, settings, { directory, clock }) {
    const sink = new FileSink(name, settings, directory, systemFiles, clock)
    try {
      await sink.open()
    } catch (error) {
      await sink[Symbol.asyncDispose]()
      throw error
    }
    return sink
  },
}

/** The host's file system. */
export const systemFiles: FileOps = {
  async makeDirectory(directory) {
    const first = await mkdir(directory, { recursive: true, mode: 0o700 })
    if (first !== undefined) await synced(dirname(first))
  },
  async grow(path) {
    const handle = await open(path, 'a', 0o600)
    await synced(dirname(path))
    return await growing(handle)
  },
  read: (path) => readFile(path),
  async write(path, bytes) {
    const draft = `${path}.draft`
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, path)
    await synced(dirname(path))
  },
  async rename(from, to) {
    await rename(from, to)
    await synced(dirname(to))
  },
  async remove(path) {
    await rm(path)
    await synced(dirname(path))
  },
}

async function growing(handle: FileHandle): Promise<GrowingFile> {
  const { size } = await handle.stat()
  return {
    bytes: size,
    async append(bytes) {
      await handle.appendFile(bytes)
      await handle.datasync()
    },
    async truncate(to) {
      await handle.truncate(to)
      await handle.datasync()
    },
    close: () => handle.close(),
  }
}

async function synced(directory: string): Promise<void> {
  if (process.platform === 'win32') return // no such call; NTFS keeps a journal of names
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
