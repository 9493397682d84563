import { type ApiHub, hubState, time } from '../api.ts'
import { ask } from '../ask.ts'
import { done } from '../exit.ts'
import { isSet } from '../given.ts'
import { type Piece, styled } from '../line.ts'

import { object, text } from '../shape.ts'
import type { Run } from '../spec.ts'
import { printMembers } from '../table.ts'

/** `hub show`: the hub, its listeners and its state. */
export const hubShow: Run = async (context, given) => {
  const answer = await ask(context, { method: 'GET', path: '/api/v1/hub', failure: 'The state of the hub was not read.' }, hubState)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await printMembers(context.terminal, hubMembers(answer.value.value))
  return done
}

function hubMembers(hub: ApiHub): readonly (readonly [string, Piece])[] {
  const { journal, rates, memory, findings } = hub
  return [
    ['version', hub.version],
    ['started', hub.startedAt],
    ['names', hub.hostNames.join(', ')],
    ['root fingerprint', hub.rootFingerprint],
    ...hub.listeners.map(
      (entry) =>
        [
          `listener ${entry.name}`,
          `${entry.protocol} on ${entry.host}:${entry.port}${entry.reason === undefined ? '' : `, ${entry.reason}`}`,
        ] as const,
    ),
    ['devices', String(hub.devices)],
    ['connections', String(hub.connections)],
    ...(rates === undefined ? [] : [['messages a second', `${rates.messagesIn} in, ${rates.messagesOut} out`] as const]),
    ...(journal === undefined ? [] : [['journal', journalText(journal)] as const]),
    ...(memory === undefined ? [] : [['memory', `${Math.round(memory.rss / 1048576)} MB`] as const]),
    ['failed checks', styled((findings ?? 0) > 0 ? 'red' : 'green', String(findings ?? 0))],
  ]
}

function journalText(journal: NonNullable<ApiHub['journal']>): string {
  const { state, bytes, flush } = journal
  const parts = [
    state,
    bytes === undefined ? undefined : `${Math.round(bytes / 1024)} KiB`,
    flush?.p99Ms === undefined ? undefined : `flush p99 ${flush.p99Ms.toFixed(1)} ms`,
  ]
  return parts.filter((part) => part !== undefined).join(', ')
}

const link = object({ url: text, expiresAt: time })

/** `sign-in`: a fresh one-time link for the console. The link alone goes to stdout. */
export const signIn: Run = async (context, given) => {
  const answer = await ask(context, { method: 'POST', path: '/api/v1/sign-in-links', body: {}, failure: 'No sign-in link was made.' }, link)
  if (!answer.ok) return answer
  const { url, expiresAt } = answer.value.value
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    await context.terminal.print(url)
    context.terminal.say(styled('dim', `Good once, until ${expiresAt}. Whoever opens it is signed in.`))
  }
  return done
}
