import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Result, ok } from '#base'
import { type Problem, exit, stop } from './exit.ts'
import { maybe, number, object, text } from './shape.ts'

/** What a running hub left in its data directory for programs of the same user. */
export type HubFiles = {
  readonly url: string
  readonly pid: number
  readonly version: string | undefined
  readonly rootPem: string
  /** Proves to the hub that we may read its data directory. Never printed. */
  readonly credential: string
}

/** The data directory: as given, else THINGWALL_DATA, else the user's data home. */
export function dataDirectory(given: string | undefined): string {
  const { THINGWALL_DATA, XDG_DATA_HOME } = process.env
  if (given !== undefined) return resolve(given)
  if (THINGWALL_DATA !== undefined && THINGWALL_DATA !== '') return resolve(THINGWALL_DATA)
  const home = XDG_DATA_HOME !== undefined && XDG_DATA_HOME !== '' ? XDG_DATA_HOME : join(homedir(), '.local', 'share')
  return join(home, 'thingwall')
}

const started = 'start the hub with "npm start" (or "thingwall start"), or name its directory with --data or THINGWALL_DATA.'

/** Reads what is needed to speak with the hub of `directory`, at `givenUrl` if that is given. Problems: exit 6 without a hub, exit 3 with a credential others can read. */
export function readHubFiles(directory: string, givenUrl?: string): Result<HubFiles, Problem> {
  const no = (why: string, fix: string) => stop(exit.unreachable, 'The hub was not found.', why, fix)
  if (!existsSync(directory)) return no(`the data directory ${directory} does not exist.`, started)
  const description = readOr(join(directory, 'hub.json'))
  if (description === undefined) return no(`no hub runs with the data directory ${directory}: it holds no hub.json.`, started)
  const rootPem = readOr(join(directory, 'root.pem'))
  if (rootPem === undefined)
    return no(
      `${join(directory, 'root.pem')} is missing, and without it no hub can be trusted.`,
      'start the hub again; it writes the file.',
    )
  const credential = readCredential(join(directory, 'cli.credential'))
  if (!credential.ok) return credential
  let parsed: unknown
  try {
    parsed = JSON.parse(description)
  } catch {
    return no(`${join(directory, 'hub.json')} is not JSON.`, 'start the hub again; it writes the file.')
  }
  const { consoleUrl, pid, version } = object({ consoleUrl: text, pid: number, version: maybe(text) })(parsed, 'hub.json')
  const url = givenUrl ?? consoleUrl
  // The credential must not leave in clear, whatever was typed.
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:')
    return stop(
      exit.usage,
      `"${url}" is no address of a hub.`,
      'it must begin with https://.',
      'give for example --url https://localhost:9443.',
    )
  return ok({ url, pid, version, rootPem, credential: credential.value })
}

function readCredential(file: string): Result<string, Problem> {
  let handle: number
  try {
    handle = openSync(file, constants.O_RDONLY)
  } catch (error) {
    const denied = codeOf(error) === 'EACCES'
    return denied
      ? stop(
          exit.denied,
          'The hub cannot be spoken to.',
          `${file} belongs to another user.`,
          'run this command as the user that runs the hub.',
        )
      : stop(exit.unreachable, 'The hub cannot be spoken to.', `${file} is missing; a hub writes it at each start.`, started)
  }
  try {
    const { mode, uid } = fstatSync(handle)
    const others = process.platform !== 'win32' && (mode & 0o077) !== 0
    if (others)
      return stop(
        exit.denied,
        'The credential of this machine is not used.',
        `${file} can be read by others (mode ${(mode & 0o777).toString(8)}).`,
        `run chmod 600 ${file} and start the hub again: it then makes a new credential.`,
      )
    const mine = process.getuid?.()
    if (mine !== undefined && uid !== mine && uid !== 0 && mine !== 0)
      return stop(
        exit.denied,
        'The credential of this machine is not used.',
        `${file} belongs to another user.`,
        'name your own data directory with --data.',
      )
    return ok(readFileSync(handle, 'utf8').trim())
  } finally {
    closeSync(handle)
  }
}

/** Whether a process of that number lives on this machine. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

function readOr(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The system's code of an error (`ENOENT`), or undefined. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
