import { readFileSync } from 'node:fs'
import { type Result, ok } from '#base'
import { type Problem, exit, stop } from './exit.ts'
import { codeOf } from './hub-files.io.ts'

/** Bytes of a file that the caller named, or of stdin for `-`. */
export function readInput(path: string, what: string): Result<Buffer, Problem> {
  try {
    return ok(readFileSync(path === '-' ? 0 : path))
  } catch (error) {
    const where = path === '-' ? 'stdin' : path
    return stop(exit.usage, `The ${what} in ${where} cannot be read.`, `the system says ${codeOf(error) ?? 'no'}.`, 'check the path.')
  }
}

/** The same as JSON. */
export function readJsonInput(path: string, what: string): Result<unknown, Problem> {
  const bytes = readInput(path, what)
  return bytes.ok ? parseInput(bytes.value.toString('utf8'), path === '-' ? `${what} on stdin` : `${what} ${path}`) : bytes
}

/** JSON text as the caller gave it; `what` names it in the message. */
export function parseInput(text: string, what: string): Result<unknown, Problem> {
  try {
    return ok(JSON.parse(text))
  } catch (error) {
    return stop(exit.usage, `The ${what} is not JSON.`, error instanceof Error ? `${error.message}.` : undefined, 'correct it.')
  }
}
