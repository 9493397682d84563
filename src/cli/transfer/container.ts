import { ask } from '../ask.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, text } from '../given.ts'
import { object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'

const container = object({ name: textShape, uri: textShape, expiresAt: textShape })

/** `container add`: makes a container for imports and exports; its address goes to stdout, and nowhere else. */
export const containerAdd: Run = async (context, given) => {
  const said = text(given, '--hours') ?? '1'
  const hours = Number(said)
  if (!/^[0-9]{1,2}$/.test(said) || hours < 1 || hours > 24)
    return stop(exit.usage, 'No container was made.', `"${said}" is no number of hours from 1 to 24.`, 'give for example --hours 2.')
  const failure = 'No container was made.'
  const answer = await ask(context, { method: 'POST', path: '/api/v1/containers', body: { hours }, failure }, container)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    await context.terminal.print(`${answer.value.value.uri}\n`)
    context.terminal.say(`Good until ${answer.value.value.expiresAt}. Whoever has this address may read and write there.`)
  }
  return done
}
