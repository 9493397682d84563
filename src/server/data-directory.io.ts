import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, type Random } from '#base'

/** What the command line reads to find a hub on this machine: `hub.json`. */
export type HubFile = {
  readonly pid: number
  readonly version: string
  readonly startedAt: string
  readonly consoleUrl: string
  readonly mqttPort: number
  readonly amqpPort: number
  readonly httpsPort: number
  readonly consolePort: number
  readonly hostNames: readonly string[]
}

/** Makes the data directory, for its owner alone. */
export const openDataDirectory = (directory: string): Promise<void> =>
  usable(directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const { mode } = await stat(directory)
    if ((mode & 0o077) !== 0) await chmod(directory, 0o700)
  })

/** The hub's own id in a directory that is locked already, for of two starts at once only one is the first: 16 hex digits, made once. */
export const readHubId = (directory: string, random: Random): Promise<{ readonly id: string; readonly isNew: boolean }> =>
  usable(directory, async () => {
    const file = join(directory, 'hub.id')
    const known = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (known !== undefined && /^[0-9a-f]{16}\n?$/.test(known)) return { id: known.trim(), isNew: false }
    const id = random.bytes(8).toString('hex')
    await replaceFile(file, `${id}\n`, 0o600)
    return { id, isNew: true }
  })

async function usable<T>(directory: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    throw new Fault(
      'server/data-directory',
      `The data directory ${directory} cannot be used. Choose another one with --data, or give yourself the right to write there.`,
      error,
    )
  }
}

/** Writes a whole file under its final name, never half of it. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.new`
  await writeFile(temporary, text, { mode })
  await chmod(temporary, mode)
  await rename(temporary, path)
}

/** Takes away what is only true while the hub runs. */
export async function removeRuntimeFiles(directory: string): Promise<void> {
  await rm(join(directory, 'cli.credential'), { force: true })
  await rm(join(directory, 'hub.json'), { force: true })
}
