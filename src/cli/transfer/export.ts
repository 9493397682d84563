import { join, resolve } from 'node:path'
import { type Result, ok } from '#base'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Problem, done, exit, stop } from '../exit.ts'
import { isSet, position } from '../given.ts'
import { styled } from '../line.ts'
import { anything, list, object, text } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type LineFile, emptyDirectory, newLineFile } from './files.io.ts'
import { exportLine, kindOf } from './shapes.ts'

/** The form of what an export writes; another number when an older reader could not read it. */
const schemaVersion = 1

const fileNames: ReadonlyMap<string, string> = new Map([
  ['devices', 'devices.txt'],
  ['configurations', 'configurations.txt'],
  ['enrollments', 'enrollments.jsonl'],
  ['enrollmentGroups', 'enrollment-groups.jsonl'],
  ['keys', 'keys.jsonl'],
  ['policies', 'policies.jsonl'],
  ['routes', 'routes.jsonl'],
])

const policyList = object({ policies: list(object({ name: text, kind: text })) })
const policyText = object({ text })
type Written = ReturnType<LineFile['close']> & { readonly name: string; readonly schemaVersion: number }

/** `export`: everything that the hub was told, as a directory of JSON lines with a manifest. */
export const exportAll: Run = async (context, given) => {
  const directory = resolve(position(given, 0))
  const hub = context.hub()
  if (!hub.ok) return hub
  const empty = emptyDirectory(directory)
  if (!empty.ok) return empty
  const files = new Map<string, LineFile>()
  const write = (file: string, value: unknown): Result<void, Problem> => {
    const name = fileNames.get(file)
    if (name === undefined)
      return stop(exit.failed, 'The export is not whole.', `the hub tells of "${file}".`, 'use the command of its version.')
    let into = files.get(file)
    if (into === undefined) {
      const made = newLineFile(join(directory, name), file === 'keys' ? 0o600 : 0o640)
      if (!made.ok) return made
      into = made.value
      files.set(file, into)
    }
    into.write(value)
    return ok(undefined)
  }
  const body = { withKeys: isSet(given, '--with-keys') }
  const lines = await hub.value.lines({ method: 'POST', path: '/api/v1/export', body, failure: 'Nothing was exported.' })
  if (!lines.ok) return lines
  const progress = context.terminal.progress('exporting')
  let taken = 0
  let isWhole = false
  try {
    for await (const line of lines.value) {
      isWhole = kindOf(line, 'a line').kind === 'done'
      if (isWhole) break
      const { file, value } = exportLine(line, 'a line')
      const written = write(file, value)
      if (!written.ok) return written
      progress.at(++taken, undefined)
    }
  } finally {
    progress.end()
  }
  if (!isWhole)
    return stop(exit.failed, 'The export is not whole.', 'the answer of the hub ended early.', 'export again, into another directory.')
  const rest = await writeRules(context, write)
  if (!rest.ok) return rest
  const written: Written[] = [...files].map(([file, into]) => {
    const { lines: count, bytes, sha256 } = into.close()
    return { name: fileNames.get(file) ?? file, schemaVersion, lines: count, bytes, sha256 }
  })
  const manifest = newLineFile(join(directory, 'manifest.json'), 0o640)
  if (!manifest.ok) return manifest
  const told = { format: 'thingwall-export', schemaVersion, files: written }
  manifest.value.write(told)
  manifest.value.close()
  if (isSet(given, '--json')) await context.terminal.printJson(told, 2)
  else for (const { name, lines: of } of written) await context.terminal.print([styled('bold', name), `  ${of} lines`])
  return done
}

/** Policy documents but those that are built in, and the routes with their endpoints. */
async function writeRules(
  context: Context,
  write: (file: string, value: unknown) => Result<void, Problem>,
): Promise<Result<void, Problem>> {
  const failure = 'The export is not whole.'
  const policies = await ask(context, { method: 'GET', path: '/api/v1/policies', failure }, policyList)
  if (!policies.ok) return policies
  for (const { name, kind } of policies.value.value.policies) {
    const one = await ask(context, { method: 'GET', path: `/api/v1/policies/${encodeURIComponent(name)}`, failure }, policyText)
    if (!one.ok) return one
    const written = write('policies', { name, kind, text: one.value.value.text })
    if (!written.ok) return written
  }
  for (const part of ['routes', 'endpoints']) {
    const said = await ask(context, { method: 'GET', path: `/api/v1/${part}`, failure }, anything)
    if (!said.ok) return said
    const written = write('routes', { kind: part, value: said.value.raw })
    if (!written.ok) return written
  }
  return ok(undefined)
}
