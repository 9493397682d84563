import { createHash } from 'node:crypto'
import { closeSync, createReadStream, existsSync, mkdirSync, openSync, readFileSync, readdirSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Result, ok } from '#base'
import { type Problem, exit, stop } from '../exit.ts'
import { codeOf } from '../hub-files.io.ts'

/** One line of a file: its number from 1, and its text, cut one character after the most that the hub reads. */
export type FileLine = { readonly line: number; readonly text: string }

/** Longest line that the hub reads, in bytes. */
const maxLineBytes = 512 * 1024
/** Largest list of enrollments that is read, in bytes: one JSON text. */
const maxListBytes = 256 * 1024 * 1024

/** The paths of those of `names` that a directory holds. */
export function filesIn(directory: string, names: readonly string[]): readonly string[] {
  return names.map((name) => join(directory, name)).filter((path) => existsSync(path) && statSync(path).isFile())
}

/** Lines of a file as they are read, empty ones left out; no line costs more memory than the longest that may be. */
export async function* linesOf(path: string): AsyncGenerator<FileLine> {
  let line = 1
  let text = ''
  const take = (part: string) => {
    if (text.length <= maxLineBytes) text += part.slice(0, maxLineBytes + 1 - text.length)
  }
  const finish = (): FileLine | undefined => {
    const whole = { line: line++, text: text.trim() }
    text = ''
    return whole.text === '' ? undefined : whole
  }
  for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
    const parts = String(chunk).split('\n')
    for (const [at, part] of parts.entries()) {
      take(line === 1 && text === '' && part.startsWith('\ufeff') ? part.slice(1) : part)
      const whole = at < parts.length - 1 ? finish() : undefined
      if (whole !== undefined) yield whole
    }
  }
  const last = finish()
  if (last !== undefined) yield last
}

/** Entries of a list: a JSON array, or JSON lines. Of an array the numbers are those of its entries. */
export async function* entriesOf(path: string): AsyncGenerator<FileLine> {
  const list = statSync(path).size <= maxListBytes ? arrayIn(readFileSync(path, 'utf8')) : undefined
  if (list === undefined) yield* linesOf(path)
  else for (const [at, entry] of list.entries()) yield { line: at + 1, text: JSON.stringify(entry) }
}

function arrayIn(text: string): readonly unknown[] | undefined {
  try {
    const json: unknown = JSON.parse(text.replace(/^\ufeff/, ''))
    return Array.isArray(json) ? json : [json]
  } catch {
    return undefined
  }
}

/** A file that is written line by line. */
export type LineFile = { write(value: unknown): void; close(): { readonly lines: number; readonly bytes: number; readonly sha256: string } }

/** Makes a new file; one that is there is left as it is and refused. `mode` as of chmod. */
export function newLineFile(path: string, mode: number): Result<LineFile, Problem> {
  let file: number
  try {
    file = openSync(path, 'wx', mode)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return stop(exit.conflict, `${path} is already there.`, 'it is not overwritten.', 'choose another place.')
    return stop(exit.failed, `${path} was not written.`, `the system says ${code ?? 'no'}.`, 'choose another place.')
  }
  const hash = createHash('sha256')
  let lines = 0
  let bytes = 0
  return ok({
    write(value) {
      const text = Buffer.from(`${JSON.stringify(value)}\n`)
      for (let done = 0; done < text.length;) done += writeSync(file, text, done)
      hash.update(text)
      lines++
      bytes += text.length
    },
    close() {
      closeSync(file)
      return { lines, bytes, sha256: hash.digest('hex') }
    },
  })
}

/** Makes a directory for an export; one that holds something is refused. */
export function emptyDirectory(directory: string): Result<void, Problem> {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (readdirSync(directory).length === 0) return ok(undefined)
    return stop(exit.conflict, `${directory} is not empty.`, 'an export is a directory of its own.', 'name a new one.')
  } catch (error) {
    return stop(exit.failed, `${directory} cannot be used.`, `the system says ${codeOf(error) ?? 'no'}.`, 'name another one.')
  }
}
