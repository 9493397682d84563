import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { type Result, Secret, ok, refuse } from '#base'
import type { FileTarget } from '#hub'
import type { FilesConfig } from './files-settings.ts'

// Keys of storage accounts have 64 bytes.
const maxKeyCharacters = 1_024
const base64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Where files of devices go, with the key of the account. Refuses `server/files-key` where the file cannot be read, others can read it, or it holds no key. */
export function openFileTarget(config: FilesConfig): Result<FileTarget> {
  if (config.place !== 'azure-blob') return ok(config.place === 'off' ? { kind: 'off' } : { kind: 'local', containerName: 'uploads' })
  const { hostName, accountName, containerName, keyFile } = config
  const key = readKey(keyFile)
  return key.ok ? ok({ kind: 'azure-blob', hostName, accountName, accountKey: key.value, containerName }) : key
}

function readKey(path: string): Result<Secret> {
  const no = (why: string) => refuse('server/files-key', `The key of the storage account for files, ${path}, cannot be used: ${why}.`)
  let file: number | undefined
  const bytes = Buffer.alloc(maxKeyCharacters + 1)
  try {
    file = openSync(path, constants.O_RDONLY)
    if (process.platform !== 'win32' && (fstatSync(file).mode & 0o077) !== 0) return no('others can read it; chmod 600')
    const text = bytes.toString('latin1', 0, readSync(file, bytes)).trim()
    return base64.test(text) && text.length <= maxKeyCharacters
      ? ok(new Secret(Buffer.from(text, 'base64')))
      : no('it holds no key in base64')
  } catch (error) {
    return no(error instanceof Error ? error.message : String(error))
  } finally {
    bytes.fill(0)
    if (file !== undefined) closeSync(file)
  }
}
