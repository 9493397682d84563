import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Outcome, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text } from '../given.ts'
import { withQuery } from '../hub.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { printTable } from '../table.ts'
import { deadLetter, deadLetters, letterCount } from './shapes.ts'

const pageSize = 1_000

/** `dead-letter ls`: what endpoints did not take, oldest first. */
export const deadLetterLs: Run = async (context, given) => {
  const { terminal } = context
  let after: number | undefined
  const rows: string[][] = []
  const raws: unknown[] = []
  do {
    const path = withQuery('/api/v1/dead-letters', { endpoint: text(given, '--endpoint'), after, limit: pageSize })
    const answer = await ask(context, { method: 'GET', path, failure: 'The dead letters were not listed.' }, deadLetters)
    if (!answer.ok) return answer
    for (const one of answer.value.value.deadLetters) {
      raws.push(one)
      rows.push([String(one.id), one.endpoint, one.device, String(one.offset), String(one.tries), one.putAsideAt, one.reason])
    }
    after = answer.value.value.next
  } while (after !== undefined)
  if (isSet(given, '--json')) await terminal.printJson({ deadLetters: raws }, 2)
  else await printTable(terminal, ['ID', 'ENDPOINT', 'DEVICE', 'OFFSET', 'TRIES', 'SINCE', 'REASON'], rows)
  return done
}

/** `dead-letter show`: one of them with its event. */
export const deadLetterShow: Run = async (context, given) => {
  const id = position(given, 0)
  const path = `/api/v1/dead-letters/${encodeURIComponent(id)}`
  const answer = await ask(context, { method: 'GET', path, failure: `Dead letter ${id} was not found.` }, deadLetter)
  if (!answer.ok) return answer
  await context.terminal.printJson(answer.value.raw, 2)
  return done
}

/** `dead-letter replay`: tries again, each once. */
export const deadLetterReplay: Run = async (context, given) => act(context, given, 'replay', 'tried again')

/** `dead-letter rm`: throws away. */
export const deadLetterRm: Run = async (context, given) => act(context, given, 'drop', 'dropped')

async function act(context: Context, given: Given, verb: 'replay' | 'drop', done_: string): Promise<Outcome> {
  const id = position(given, 0)
  const endpoint = text(given, '--endpoint')
  if ((id === '') === (endpoint === undefined))
    return stop(exit.usage, 'Say which: an id, or --endpoint for all of an endpoint.', undefined, 'thingwall dead-letter ls shows them.')
  if (id !== '' && !/^\d{1,15}$/.test(id))
    return stop(exit.usage, `${id} is no id of a dead letter.`, undefined, 'thingwall dead-letter ls shows them.')
  const body = endpoint === undefined ? { id: Number(id) } : { endpoint }
  const request = { method: 'POST', path: `/api/v1/dead-letters/${verb}`, body, failure: 'Nothing was done.' } as const
  const answer = await ask(context, request, letterCount)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', done_), ` ${answer.value.value.letters}`])
  return done
}
