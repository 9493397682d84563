import { time } from '../api.ts'
import { ask } from '../ask.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, position, text, wholeNumber } from '../given.ts'
import { withQuery } from '../hub.ts'
import { styled } from '../line.ts'
import { anything, list, maybe, number, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printTable } from '../table.ts'
import { fileNameOf, writeFileOf } from './file.io.ts'

const page = object({
  files: list(object({ name: textShape, bytes: number, contentType: textShape, digest: textShape, lastModified: time })),
  next: maybe(textShape),
})
const raw = object({ files: list(anything) })

/** `file ls`: files that devices have uploaded here. */
export const fileLs: Run = async (context, given) => {
  const limit = wholeNumber(given, '--limit', 1, 10_000_000)
  if (!limit.ok) return limit
  const wanted = limit.value ?? Number.POSITIVE_INFINITY
  const [rows, all]: [Row[], unknown[]] = [[], []]
  let after: string | undefined
  do {
    const path = withQuery('/api/v1/files', { device: text(given, '--device'), after, limit: Math.min(500, wanted - all.length) })
    const answer = await ask(context, { method: 'GET', path, failure: 'The files were not listed.' }, page)
    if (!answer.ok) return answer
    all.push(...raw(answer.value.raw, 'the answer').files)
    rows.push(...answer.value.value.files.map((one): Row => [one.name, String(one.bytes), one.lastModified, one.contentType, one.digest]))
    after = answer.value.value.next
  } while (after !== undefined && all.length < wanted)
  if (isSet(given, '--json')) await context.terminal.printJson(all, 2)
  else await printTable(context.terminal, ['NAME', 'BYTES', 'UPLOADED', 'TYPE', 'SHA-256'], rows)
  if (all.length === 0 && context.terminal.isPerson) context.terminal.say('No files.')
  return done
}

/** `file get`: the bytes of a file, into a file or, with `--out -`, to stdout. */
export const fileGet: Run = async (context, given) => {
  const name = position(given, 0)
  const out = text(given, '--out') ?? fileNameOf(name)
  if (out === undefined)
    return stop(exit.usage, `${name} gives no name for a file here.`, undefined, 'give --out FILE, or --out - for stdout.')
  const hub = context.hub()
  if (!hub.ok) return hub
  const path = withQuery('/api/v1/files/content', { name })
  const bytes = await hub.value.bytes({ method: 'GET', path, failure: `File ${name} was not read.` })
  if (!bytes.ok) return bytes
  const written = await writeFileOf(out, bytes.value, isSet(given, '--force'))
  if (!written.ok) return written
  context.terminal.say([styled('green', 'read'), ` ${written.value} bytes`, out === '-' ? '' : ` into ${out}`])
  return done
}

/** `file rm`: deletes a file. */
export const fileRemove: Run = async (context, given) => {
  const name = position(given, 0)
  const path = withQuery('/api/v1/files', { name })
  const answer = await ask(context, { method: 'DELETE', path, failure: `File ${name} was not deleted.` }, anything)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson({ file: name, deleted: true })
  else await context.terminal.print([styled('green', 'deleted'), ' ', styled('bold', name)])
  return done
}
