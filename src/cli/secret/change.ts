import { type Result, ok } from '#base'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Outcome, type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text, texts, wholeNumber } from '../given.ts'
import type { Request } from '../hub.ts'
import { readInput } from '../input.io.ts'
import { styled } from '../line.ts'
import { anything } from '../shape.ts'
import type { Run } from '../spec.ts'
import { secretPath } from './read.ts'
import { secret } from './shapes.ts'

/** `secret add`: a new secret, or a new version of one. The value comes from stdin or a file, never from the command line, which others can see. */
export const secretAdd: Run = async (context, given) => {
  const name = position(given, 0)
  const attributes = readAttributes(given)
  if (!attributes.ok) return attributes
  const bytes = readInput(text(given, '--from-file') ?? '-', 'value')
  if (!bytes.ok) return bytes
  // An editor and echo end text with a line feed that is no part of the secret.
  const value = isSet(given, '--binary') ? bytes.value : Buffer.from(bytes.value.toString('latin1').replace(/\r?\n$/, ''), 'latin1')
  if (value.length === 0) return stop(exit.usage, 'There is no value.', undefined, `give it on stdin: thingwall secret add ${name} < file.`)
  const body = { name, value: value.toString('base64'), ...attributes.value }
  const answer = await ask(context, { method: 'POST', path: '/api/v1/secrets', body, failure: `Secret ${name} was not set.` }, secret)
  for (const each of [bytes.value, value]) each.fill(0)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await context.terminal.print([styled('green', 'set'), ' ', styled('bold', name), ` version ${answer.value.value.version}`])
  return done
}

/** `secret set`: what is said of a version. */
export const secretSet: Run = async (context, given) => {
  const attributes = readAttributes(given)
  if (!attributes.ok) return attributes
  const version = text(given, '--at')
  const state = isSet(given, '--enable') ? { enabled: true } : isSet(given, '--disable') ? { enabled: false } : {}
  const body = { ...attributes.value, ...state, ...(version === undefined ? {} : { version }) }
  return await act(context, given, { method: 'PATCH', path: secretPath(position(given, 0)), body }, 'changed')
}

/** `secret rotate`: a new value now; with --every or --before-expiry from then on; with --never no more. */
export const secretRotate: Run = async (context, given) => {
  const path = secretPath(position(given, 0))
  if (isSet(given, '--never')) return await act(context, given, { method: 'DELETE', path: `${path}/rotation` }, 'rotates no more:')
  const numbers = [
    ['everyDays', wholeNumber(given, '--every', 1, 3_650)],
    ['beforeExpiryDays', wholeNumber(given, '--before-expiry', 1, 3_650)],
    ['overlapHours', wholeNumber(given, '--overlap', 0, 87_600)],
    ['bytes', wholeNumber(given, '--bytes', 16, 1_024)],
  ] as const
  const policy: Record<string, unknown> = { generator: isSet(given, '--tell-only') ? 'none' : 'random' }
  for (const [name, number] of numbers) {
    if (!number.ok) return number
    if (number.value !== undefined) policy[name] = number.value
  }
  const encoding = text(given, '--encoding')
  if (encoding !== undefined) policy['encoding'] = encoding
  if (policy['everyDays'] === undefined && policy['beforeExpiryDays'] === undefined)
    return await act(context, given, { method: 'POST', path: `${path}/rotate` }, 'rotated')
  return await act(context, given, { method: 'PUT', path: `${path}/rotation`, body: policy }, 'will be rotated:')
}

/** `secret rm`: deletes a secret; it can be recovered for 90 days. */
export const secretRm: Run = async (context, given) =>
  act(context, given, { method: 'DELETE', path: secretPath(position(given, 0)) }, 'deleted')

/** `secret recover`: takes a deletion back. */
export const secretRecover: Run = async (context, given) =>
  act(context, given, { method: 'POST', path: `${deletedPath(given)}/recover` }, 'recovered')

/** `secret purge`: ends a deleted secret for good. */
export const secretPurge: Run = async (context, given) => {
  const name = position(given, 0)
  if (!isSet(given, '--yes') && (await context.terminal.confirm(`End ${name} and all of its versions for good?`)) !== true)
    return stop(exit.usage, `${name} was not purged.`, 'nobody said yes.', 'give --yes if you mean it.')
  return await act(context, given, { method: 'DELETE', path: deletedPath(given) }, 'purged')
}

function deletedPath(given: Given): string {
  return `/api/v1/deleted-secrets/${encodeURIComponent(position(given, 0))}`
}

async function act(context: Context, given: Given, request: Omit<Request, 'failure'>, what: string): Promise<Outcome> {
  const name = position(given, 0)
  const answer = await ask(context, { ...request, failure: `Nothing was changed of ${name}.` }, anything)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', what), ' ', styled('bold', name)])
  return done
}

type Attributes = {
  readonly contentType?: string
  readonly tags?: readonly { readonly name: string; readonly value: string }[]
  readonly expiresAt?: string
  readonly notBefore?: string
}

function readAttributes(given: Given): Result<Attributes, Problem> {
  const contentType = text(given, '--content-type')
  const pairs = texts(given, '--tag').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
  if (texts(given, '--tag').some((pair) => pair.indexOf('=') < 1))
    return stop(exit.usage, 'A tag is NAME=VALUE.', undefined, 'give for example --tag site=north.')
  const expiresAt = text(given, '--expires')
  const notBefore = text(given, '--not-before')
  for (const at of [expiresAt, notBefore])
    if (at !== undefined && !Number.isFinite(Date.parse(at)))
      return stop(exit.usage, `"${at}" is no time.`, undefined, 'give for example 2027-01-31 or 2027-01-31T12:00:00Z.')
  const whole = (at: string) => (/^\d{4}-\d\d-\d\d$/.test(at) ? `${at}T23:59:59Z` : at)
  return ok({
    ...(contentType === undefined ? {} : { contentType }),
    ...(pairs.length === 0 ? {} : { tags: pairs.map(([name, value]) => ({ name, value })) }),
    ...(expiresAt === undefined ? {} : { expiresAt: whole(expiresAt) }),
    ...(notBefore === undefined ? {} : { notBefore: whole(notBefore) }),
  })
}
