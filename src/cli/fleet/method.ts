import { type Result, ok } from '#base'
import { ask } from '../ask.ts'
import { type Outcome, type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text, wholeNumber } from '../given.ts'
import { identityPath } from '../hub.ts'
import { parseInput, readJsonInput } from '../input.io.ts'
import { plainJson, styled } from '../line.ts'
import { anything, number, object } from '../shape.ts'
import type { Run } from '../spec.ts'

const answered = object({ status: number, payload: anything, durationMs: number })

/** From here on an answer of the device says that it did not do it. */
const lowestFailure = 400

/** What is added to the time that the device has, for the way. */
const graceMs = 30_000

/** A method to be called, as the hub reads it. Without a payload there is none, which the device sees as null. */
export type MethodBody = {
  readonly name: string
  readonly payload?: unknown
  readonly responseTimeoutSeconds?: number
  readonly connectTimeoutSeconds?: number
}

/** A method out of its options: a payload as a word or as a file, and how long it may take. */
export function methodOf(given: Given, name: string, word: string | undefined): Result<MethodBody, Problem> {
  const payload = payloadOf(word, text(given, '--payload'))
  if (!payload.ok) return payload
  const response = wholeNumber(given, '--timeout', 5, 300)
  if (!response.ok) return response
  const connect = wholeNumber(given, '--connect-timeout', 0, 300)
  if (!connect.ok) return connect
  return ok({
    name,
    ...payload.value,
    ...(response.value === undefined ? {} : { responseTimeoutSeconds: response.value }),
    ...(connect.value === undefined ? {} : { connectTimeoutSeconds: connect.value }),
  })
}

function payloadOf(word: string | undefined, file: string | undefined): Result<{ readonly payload?: unknown }, Problem> {
  if (word !== undefined && file !== undefined)
    return stop(exit.usage, 'A payload and --payload do not go together.', undefined, 'give one of them.')
  if (word === undefined && file === undefined) return ok({})
  const payload = word === undefined ? readJsonInput(file ?? '-', 'payload') : parseInput(word, 'payload')
  return payload.ok ? ok({ payload: payload.value }) : payload
}

/** `method call`: the payload of the answer on stdout, its status on stderr. Exit 1 when the device says 400 or more. */
export const methodCall: Run = async (context, given) => {
  const [name, method] = [position(given, 0), position(given, 1)]
  const word = position(given, 2)
  const body = methodOf(given, method, word === '' ? undefined : word)
  if (!body.ok) return body
  const { responseTimeoutSeconds = 30, connectTimeoutSeconds = 0 } = body.value
  const request = {
    method: 'POST',
    path: identityPath(name, '/methods'),
    body: body.value,
    failure: `${method} of ${name} was not answered.`,
    answerMs: (responseTimeoutSeconds + connectTimeoutSeconds) * 1_000 + graceMs,
  } as const
  const answer = await ask(context, request, answered)
  if (!answer.ok) return answer
  const { status, payload, durationMs } = answer.value.value
  const failed = status >= lowestFailure
  const { terminal } = context
  if (isSet(given, '--json')) await terminal.printJson(answer.value.raw, 2)
  else {
    terminal.say([styled(failed ? 'red' : 'green', String(status)), styled('dim', ` in ${Math.round(durationMs)} ms`)])
    for (const line of plainJson(payload, terminal.isPerson ? 2 : undefined).split('\n')) await terminal.print(line)
  }
  const outcome: Outcome = failed ? { ok: true, value: exit.failed } : done
  return outcome
}
