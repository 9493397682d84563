import { ok, parseDeviceId } from '#base'
import type { Context } from '../context.ts'
import { type Outcome, done, exit, stop } from '../exit.ts'
import { type Given, isSet, text, wholeNumber } from '../given.ts'
import { styled } from '../line.ts'
import { anything, list, maybe, number, object, text as textShape } from '../shape.ts'
import { checkRoom, checkRoomFor, devicePaths, makeDirectory, readGiven, writeCertificate, writeKey, writeRoot } from './files.io.ts'

const kind = object({ kind: textShape })
const progressLine = object({ done: number, total: maybe(number) })
const deviceLine = object({ device: anything, certificatePem: maybe(textShape), privateKeyPem: maybe(textShape) })
const deviceName = object({ id: textShape })
const doneLine = object({ added: number, failed: anything })
const failedCount = (value: unknown): number => (Array.isArray(value) ? value.length : typeof value === 'number' ? value : 0)
const errorLine = object({
  line: maybe(number),
  id: maybe(textShape),
  code: maybe(textShape),
  message: maybe(textShape),
  detail: maybe(textShape),
})
const failures = list(errorLine)

/** `device add` with --count and --prefix, or --csv: every device's files into --out as they arrive, with a progress line. */
export async function addMany(context: Context, given: Given): Promise<Outcome> {
  const out = text(given, '--out')
  if (out === undefined)
    return stop(
      exit.usage,
      'Many devices need --out.',
      'each gets a key and a certificate of its own.',
      'name a directory for them, for example --out devices.',
    )
  const body = readBody(given)
  if (!body.ok) return body
  const force = isSet(given, '--force')
  const room =
    body.value.prefix === undefined
      ? checkRoom(
          body.value.names.flatMap((name) => [devicePaths(out, name).key, devicePaths(out, name).cert]),
          force,
        )
      : checkRoomFor(out, body.value.prefix, force)
  if (!room.ok) return room
  const hub = context.hub()
  if (!hub.ok) return hub
  const made = makeDirectory(out)
  if (!made.ok) return made
  const lines = await hub.value.lines({
    method: 'POST',
    path: '/api/v1/devices/bulk',
    body: body.value.body,
    failure: 'The devices were not added.',
  })
  if (!lines.ok) return lines
  const root = writeRoot(devicePaths(out, 'root').root, hub.value.rootPem, force)
  if (!root.ok) return root
  return follow(context, given, lines.value, { out, force })
}

async function follow(
  context: Context,
  given: Given,
  lines: AsyncIterable<unknown>,
  files: { readonly out: string; readonly force: boolean },
): Promise<Outcome> {
  const progress = context.terminal.progress('adding')
  let summary: { readonly added: number; readonly failed: number } | undefined
  try {
    for await (const line of lines) {
      switch (kind(line, 'a line').kind) {
        case 'progress': {
          const at = progressLine(line, 'progress')
          progress.at(at.done, at.total)
          break
        }
        case 'device':
          await take(context, given, line, files)
          break
        case 'error': {
          const at = errorLine(line, 'an error')
          context.terminal.say(failureText(at))
          break
        }
        case 'done': {
          const { added, failed } = doneLine(line, 'the end')
          for (const failure of Array.isArray(failed) ? failures(failed, 'failed') : []) context.terminal.say(failureText(failure))
          summary = { added, failed: failedCount(failed) }
          break
        }
      }
    }
  } finally {
    progress.end()
  }
  if (summary === undefined)
    return stop(
      exit.failed,
      'The hub stopped before all devices were added.',
      'its answer ended early.',
      'see what there is with "thingwall device ls", and add the rest.',
    )
  context.terminal.say([
    styled(summary.failed > 0 ? 'yellow' : 'green', `added ${summary.added}`),
    summary.failed > 0 ? `, ${summary.failed} failed` : '',
    ` -> ${files.out}`,
  ])
  return summary.failed > 0 ? { ok: true, value: exit.failed } : done
}

function failureText(failure: ReturnType<typeof errorLine>): string {
  const where = [failure.line === undefined ? undefined : `line ${failure.line}`, failure.id]
    .filter((part) => part !== undefined)
    .join(', ')
  return `  ${where}: ${failure.message ?? failure.detail ?? failure.code ?? 'refused'}`
}

async function take(
  context: Context,
  given: Given,
  line: unknown,
  files: { readonly out: string; readonly force: boolean },
): Promise<void> {
  const { device, certificatePem, privateKeyPem } = deviceLine(line, 'a device')
  const name = typeof device === 'string' ? device : deviceName(device, 'device').id
  const paths = devicePaths(files.out, name)
  if (privateKeyPem !== undefined) writeKey(paths.key, privateKeyPem, files.force)
  if (certificatePem !== undefined) writeCertificate(paths.cert, certificatePem, files.force)
  if (isSet(given, '--json'))
    await context.terminal.printJson({
      device: name,
      files: { certificate: certificatePem && paths.cert, privateKey: privateKeyPem && paths.key, root: paths.root },
    })
}

/** The request, and the names that can be told before asking. */
function readBody(given: Given) {
  const csv = text(given, '--csv')
  if (csv !== undefined) {
    if (text(given, '--count') !== undefined)
      return stop(exit.usage, '--csv and --count do not go together.', undefined, 'give one of them.')
    const content = readGiven(csv, 'list')
    if (!content.ok) return content
    const names = content.value
      .split(/\r?\n/)
      .slice(1)
      .map((line) => (line.split(',')[0] ?? '').trim())
      .filter((name) => name !== '')
    return ok({ body: { csv: content.value }, names, prefix: undefined })
  }
  const count = wholeNumber(given, '--count', 1, 10_000)
  if (!count.ok) return count
  const start = wholeNumber(given, '--start', 0, 999_999_999)
  if (!start.ok) return start
  const prefix = text(given, '--prefix')
  if (prefix === undefined)
    return stop(
      exit.usage,
      '--count needs --prefix.',
      'each device needs a name.',
      'for example: thingwall device add --count 100 --prefix pump- --out devices',
    )
  const probe = parseDeviceId(`${prefix}1`)
  if (!probe.ok)
    return stop(
      exit.usage,
      `"${prefix}" cannot begin the name of a device.`,
      probe.error.message,
      'choose another prefix, for example pump-.',
    )
  const body = { prefix, count: count.value, ...(start.value === undefined ? {} : { start: start.value }) }
  return ok({ body, names: [], prefix })
}
