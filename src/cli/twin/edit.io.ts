import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Result, ok } from '#base'
import { type Problem, exit, stop } from '../exit.ts'

/** What became of a text in an editor. Disposing of it deletes the file, unless it was kept. */
export type Edited = Disposable & {
  readonly outcome: Result<string, Problem>
  /** Leaves the file where it is. Gives its path. */
  keep(): string
}

/** Opens `text` in $VISUAL or $EDITOR, or vi, and waits until it is closed. The file can be read by this user alone. */
export function editText(text: string, name: string): Edited {
  const directory = mkdtempSync(join(tmpdir(), 'thingwall-'))
  const path = join(directory, name)
  writeFileSync(path, text, { mode: 0o600 })
  let isKept = false
  return {
    outcome: edit(path),
    keep() {
      isKept = true
      return path
    },
    [Symbol.dispose]() {
      if (!isKept) rmSync(directory, { recursive: true, force: true })
    },
  }
}

function edit(path: string): Result<string, Problem> {
  const said = process.env['VISUAL'] ?? ''
  const editor = said === '' ? (process.env['EDITOR'] ?? '') : said
  // The variable is a command line, as every program that reads it takes it: `code --wait`.
  const [program = 'vi', ...words] = editor.split(' ').filter((word) => word !== '')
  const ended = spawnSync(program, [...words, path], { stdio: 'inherit' })
  if (ended.error !== undefined)
    return stop(exit.failed, `The editor ${program} cannot be started.`, `${ended.error.message}.`, 'set EDITOR to one that can.')
  if (ended.status !== 0)
    return stop(exit.failed, `The editor ${program} ended with ${ended.status ?? ended.signal ?? 'a failure'}.`, 'nothing was sent.')
  return ok(readFileSync(path, 'utf8'))
}
