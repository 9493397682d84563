import { constants, link, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { Fault, systemRandom } from '#base'
import type { KeyDisk } from './ports.ts'

const maxBytes = 64 * 1024
const posix = process.platform !== 'win32'

/** The host's disk. */
export const keyDisk: KeyDisk = {
  async read(path) {
    // Without waiting: a pipe in the place of the file must not hold up the start.
    const file = await open(path, constants.O_RDONLY | (posix ? constants.O_NONBLOCK : 0)).catch((error: unknown) => unlessMissing(error))
    if (!file) return undefined
    try {
      // Asked of the open file, not of the path: what is judged is what is read.
      const { mode, size, isFile } = await file.stat().then((found) => ({ mode: found.mode, size: found.size, isFile: found.isFile() }))
      if (!isFile || size > maxBytes) throw new Fault('vault/not-a-key-file', `${path} is not a small regular file.`)
      const { mode: directoryMode } = await stat(dirname(await realpath(path)))
      return { bytes: await file.readFile(), mode: permissions(mode, 0o600), directoryMode: permissions(directoryMode, 0o700) }
    } finally {
      await file.close()
    }
  },
  async create(path, bytes) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const draft = await writeDraft(path, bytes)
    try {
      // A hard link refuses to replace, so of two first runs at once only one key wins.
      await link(draft, path)
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      throw error
    } finally {
      await rm(draft, { force: true })
    }
    await syncDirectory(dirname(path))
    return true
  },
  async replace(path, bytes) {
    await rename(await writeDraft(path, bytes), path)
    await syncDirectory(dirname(path))
  },
  async isInside(path, directory) {
    const [file, folder] = await Promise.all([realpath(path), realpath(directory).catch(() => resolve(directory))])
    const way = relative(folder, file)
    return way.split(sep)[0] !== '..' && !isAbsolute(way)
  },
}

function permissions(mode: number, otherwise: number): number {
  return posix ? mode & 0o7777 : otherwise
}

async function writeDraft(path: string, bytes: Buffer): Promise<string> {
  const draft = `${path}.${systemRandom.bytes(6).toString('hex')}.new`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  return draft
}

async function syncDirectory(path: string): Promise<void> {
  if (!posix) return
  const directory = await open(path, constants.O_RDONLY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT') return undefined
  throw error
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
