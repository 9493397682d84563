import { writeFileSync } from 'node:fs'
import { type Result, ok } from '#base'
import { type Problem, exit, stop } from '../exit.ts'
import { codeOf } from '../hub-files.io.ts'

/** Writes a new file; one that is there is left as it is and refused. */
export function writeNew(path: string, content: string): Result<void, Problem> {
  try {
    writeFileSync(path, content, { flag: 'wx' })
    return ok(undefined)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return stop(exit.conflict, `${path} is already there.`, 'it is not overwritten.', 'choose another --out.')
    return stop(exit.failed, `${path} was not written.`, `the system says ${code ?? 'no'}.`, 'choose another --out.')
  }
}
