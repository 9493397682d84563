import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { type Result, ok } from '#base'
import { type Problem, exit, stop } from '../exit.ts'
import { codeOf } from '../hub-files.io.ts'

/** Paths of what belongs to one device. */
export type DevicePaths = { readonly cert: string; readonly key: string; readonly root: string }

/** Where the files of `device` go. Characters that a file system or a shell treats as its own are percent-encoded. */
export function devicePaths(directory: string, device: string): DevicePaths {
  const name = device
    .replace(/[^A-Za-z0-9._@=,-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(/^[.-]/, (char) => `%${char.charCodeAt(0).toString(16)}`)
  const folder = resolve(directory)
  return { cert: join(folder, `${name}.cert.pem`), key: join(folder, `${name}.key.pem`), root: join(folder, 'root.pem') }
}

/** Looks before anything is asked of the hub: a device whose key could not be written is a device nobody can be. */
export function checkRoom(paths: readonly string[], force: boolean): Result<void, Problem> {
  const taken = force ? undefined : paths.find((path) => existsSync(path))
  if (taken === undefined) return ok(undefined)
  return stop(exit.conflict, `${taken} is already there.`, 'a key that is overwritten is lost.', 'choose another --out, or say --force.')
}

/** As {@link checkRoom}, for names of which only the beginning is known. */
export function checkRoomFor(directory: string, prefix: string, force: boolean): Result<void, Problem> {
  if (force || !existsSync(directory)) return ok(undefined)
  const begins = basename(devicePaths(directory, `${prefix}0`).key).slice(0, -'0.key.pem'.length)
  const taken = readdirSync(directory).find((name) => name.startsWith(begins) && /\.(key|cert)\.pem$/.test(name))
  return checkRoom(taken === undefined ? [] : [join(directory, taken)], force)
}

/** Makes the directory. */
export function makeDirectory(directory: string): Result<void, Problem> {
  try {
    mkdirSync(directory, { recursive: true })
    return ok(undefined)
  } catch (error) {
    return stop(exit.failed, `${directory} cannot be made.`, `the system says ${codeOf(error) ?? 'no'}.`, 'choose another --out.')
  }
}

/** Writes a private key that only its owner can read (0600). Without `force` an existing file is left as it is and EEXIST thrown. */
export function writeKey(path: string, pem: string, force: boolean): void {
  if (!force) return writeFileSync(path, pem, { mode: 0o600, flag: 'wx' })
  // A new file that takes the old one's place: the mode of an existing file would be kept, and a link followed.
  const fresh = `${path}.new`
  rmSync(fresh, { force: true })
  writeFileSync(fresh, pem, { mode: 0o600, flag: 'wx' })
  renameSync(fresh, path)
}

/** Writes a certificate, which anybody may read. */
export function writeCertificate(path: string, pem: string, force: boolean): void {
  writeFileSync(path, pem, { mode: 0o644, flag: force ? 'w' : 'wx' })
}

/** Puts the hub's root beside the certificate; another hub's root there is not overwritten without `force`. */
export function writeRoot(path: string, pem: string, force: boolean): Result<void, Problem> {
  const there = existsSync(path) ? readFileSync(path, 'utf8') : undefined
  if (there === pem) return ok(undefined)
  if (there !== undefined && !force)
    return stop(
      exit.conflict,
      `${path} holds the root of another hub.`,
      'devices that use it would no longer trust theirs.',
      'choose another --out, or say --force.',
    )
  writeFileSync(path, pem, { mode: 0o644 })
  return ok(undefined)
}

/** Text of a file that the caller named. */
export function readGiven(path: string, what: string): Result<string, Problem> {
  try {
    return ok(readFileSync(path, 'utf8'))
  } catch (error) {
    return stop(exit.usage, `The ${what} ${path} cannot be read.`, `the system says ${codeOf(error) ?? 'no'}.`, 'check the path.')
  }
}
