import type { Result } from '#base'
import { receipt } from '../api.ts'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Outcome, type Problem, exit, stop } from '../exit.ts'
import { type Given, isSet, positions, text } from '../given.ts'
import { devicePath } from '../hub.ts'
import { styled } from '../line.ts'
import { number, object } from '../shape.ts'
import type { Run } from '../spec.ts'
import { ofReceipt, receiptText } from './change.ts'
import { readGiven } from './files.io.ts'

const revoked = object({ certificates: number, receipt })

/** How what was lost may be named instead of by a device: the option, and its word in the API. Hexadecimal, colons and case do not matter. */
const marks = [
  ['--serial', 'serial'],
  ['--fingerprint', 'fingerprint'],
  ['--key-sha256', 'key'],
  ['--issuer', 'issuer'],
] as const

type Asked = { readonly path: string; readonly body: Readonly<Record<string, unknown>>; readonly what: string }

/** `revoke`: certificates of a device, or what is named by a mark of a certificate, with every session that rests on it, and the receipt. */
export const revoke: Run = async (context, given) => {
  const asked = askedFor(given)
  if (!asked.ok) return asked
  const { path, body, what } = asked.value
  const answer = await ask(context, { method: 'POST', path, body, failure: `${what} was not revoked.` }, revoked)
  if (!answer.ok) return answer
  return tell(context, given, answer.value)
}

function askedFor(given: Given): Result<Asked, Problem> {
  const [name] = positions(given, 0)
  const named = marks.flatMap(([flag, word]) => {
    const value = text(given, flag)
    return value === undefined ? [] : [{ word, value: value.replaceAll(/[:\s]/g, '').toLowerCase() }]
  })
  const file = text(given, '--devices')
  const group = text(given, '--group')
  const where = text(given, '--where')
  if ([name, file, group, where].filter((one) => one !== undefined).length + named.length !== 1)
    return stop(
      exit.usage,
      'Say what to revoke.',
      'a device, or one of --serial, --fingerprint, --key-sha256, --issuer, --devices, --group and --where.',
      'name exactly one of them.',
    )
  const reason = text(given, '--reason')
  const why = reason === undefined ? {} : { reason }
  if (name !== undefined) return { ok: true, value: { path: devicePath(name, '/revoke'), body: why, what: name } }
  const [mark] = named
  if (mark !== undefined)
    return {
      ok: true,
      value: { path: '/api/v1/revocations', body: { ...why, [mark.word]: mark.value }, what: `${mark.word} ${mark.value}` },
    }
  if (group !== undefined) return { ok: true, value: { path: '/api/v1/revocations', body: { ...why, group }, what: `group ${group}` } }
  if (where !== undefined)
    return { ok: true, value: { path: '/api/v1/revocations', body: { ...why, where }, what: `Who is meant by ${where}` } }
  const read = readGiven(file ?? '', 'list of devices')
  if (!read.ok) return read
  const devices = read.value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  return { ok: true, value: { path: '/api/v1/revocations', body: { ...why, devices }, what: `${devices.length} devices` } }
}

async function tell(
  context: Context,
  given: Given,
  answer: { readonly raw: unknown; readonly value: ReturnType<typeof revoked> },
): Promise<Outcome> {
  const { certificates, receipt: closed } = answer.value
  if (isSet(given, '--json')) await context.terminal.printJson(answer.raw, 2)
  else
    await context.terminal.print([
      styled('green', `revoked ${certificates} certificate${certificates === 1 ? '' : 's'}`),
      `, ${receiptText(closed)}`,
    ])
  if (closed.closed < closed.of)
    context.terminal.say(styled('red', `${closed.of - closed.closed} sessions are still open; run the command again.`))
  return ofReceipt(closed)
}
