import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault, type Instant, instant } from '#base'
import type { FileDisk, FileEntry } from '#hub'

const pathPattern = /^[0-9a-z]+(?:[-.][0-9a-z]+)*(?:\/[0-9a-z]+(?:[-.][0-9a-z]+)*)*$/
const blobTimeoutMs = 10_000

/** The store of files in a directory that this process owns, made with mode 0700. */
export function openFileDisk(root: string): FileDisk {
  const at = (path: string): string => {
    if (!pathPattern.test(path)) throw new Error('bug: this is no path of the file store')
    return join(root, path)
  }
  return {
    async write(path, chunks, durable) {
      const target = at(path)
      await made(dirname(target))
      // Renamed when it is whole; two writers of one name do not meet.
      const draft = `${target}.${randomBytes(6).toString('hex')}.part`
      try {
        const file = await open(draft, 'wx', 0o600)
        try {
          await writeAll(file, chunks)
          if (durable) await file.sync()
        } finally {
          await file.close()
        }
        await rename(draft, target)
        if (durable) await synced(dirname(target))
      } catch (error) {
        await rm(draft, { force: true }).catch(() => undefined)
        throw worldly(error)
      }
    },
    async *read(path) {
      try {
        for await (const chunk of createReadStream(at(path), { highWaterMark: 64 * 1024 })) yield chunk as Buffer // no encoding is set
      } catch (error) {
        throw worldly(error)
      }
    },
    async move(from, to) {
      try {
        await made(dirname(at(to)))
        await rename(at(from), at(to))
        await synced(dirname(at(to)))
        await synced(dirname(at(from)))
      } catch (error) {
        throw worldly(error)
      }
    },
    async list(directory) {
      try {
        const entries: FileEntry[] = []
        for (const entry of await readdir(at(directory), { withFileTypes: true })) {
          const isDirectory = entry.isDirectory()
          entries.push({ name: entry.name, isDirectory, bytes: isDirectory ? 0 : (await stat(join(at(directory), entry.name))).size })
        }
        return entries
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return []
        throw worldly(error)
      }
    },
    async remove(path) {
      try {
        await rm(at(path), { recursive: true, force: true })
      } catch (error) {
        throw worldly(error)
      }
    },
  }
}

/**
 * Asks a storage account about a blob, by a URL with its signature. Undefined: it is not there. Throws the Fault `server/blob-unreachable` when the account
 * does not answer, or says something else: then the device is to tell again.
 */
export async function blobProperties(url: string): Promise<{ readonly bytes: number; readonly lastModified: Instant } | undefined> {
  let response: Response
  try {
    response = await fetch(url, { method: 'HEAD', redirect: 'error', signal: AbortSignal.timeout(blobTimeoutMs) })
  } catch (error) {
    throw new Fault('server/blob-unreachable', 'The storage account for files cannot be reached.', error)
  }
  if (response.status === 404) return undefined
  const bytes = Number(response.headers.get('content-length') ?? NaN)
  const lastModified = Date.parse(response.headers.get('last-modified') ?? '')
  if (response.status !== 200 || !Number.isSafeInteger(bytes) || Number.isNaN(lastModified))
    throw new Fault('server/blob-unreachable', `The storage account for files answered ${response.status}.`)
  return { bytes, lastModified: instant(lastModified) }
}

async function writeAll(file: FileHandle, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten
}

async function made(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 })
  if (first !== undefined) await synced(dirname(first))
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

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** What the disk did becomes a Fault; what the writer's source threw stays what it is. */
function worldly(error: unknown): unknown {
  const code = codeOf(error)
  return !(error instanceof Fault) && code !== undefined && /^E[A-Z0-9]+$/.test(code)
    ? new Fault('server/file-disk', `The disk of the file store failed (${code}).`, error)
    : error
}
