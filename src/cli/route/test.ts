import { ask } from '../ask.ts'
import { readGiven } from '../device/files.io.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, text, texts } from '../given.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { tested } from './shapes.ts'

/** `route test`: whether a condition matches a message, or which routes do. Exit 1: it does not match, or is no condition. */
export const routeTest: Run = async (context, given) => {
  const { terminal } = context
  const condition = text(given, '--where')
  const properties: [string, string][] = []
  for (const pair of texts(given, '--property')) {
    const equals = pair.indexOf('=')
    if (equals <= 0) return stop(exit.usage, `--property does not take "${pair}".`, undefined, 'give for example --property level=hot.')
    properties.push([pair.slice(0, equals), pair.slice(equals + 1)])
  }
  const file = text(given, '--body-file')
  const read = file === undefined ? undefined : readGiven(file, 'body')
  if (read?.ok === false) return read
  const message = {
    condition,
    source: text(given, '--source'),
    device: text(given, '--device'),
    body: text(given, '--body') ?? read?.value,
    properties: Object.fromEntries(properties),
  }
  const body = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined))
  const failure = 'The message was not tried.'
  const answer = await ask(context, { method: 'POST', path: '/api/v1/routes/test', body, failure }, tested)
  if (!answer.ok) return answer
  const { matches, problem, routes, endpoints } = answer.value.value
  const outcome = matches === true || (condition === undefined && endpoints.length > 0) ? done : { ok: true as const, value: exit.failed }
  if (isSet(given, '--json')) {
    await terminal.printJson(answer.value.raw, 2)
    return outcome
  }
  if (problem !== undefined) {
    const line = condition?.split('\n')[problem.line - 1] ?? ''
    await terminal.print([styled('red', 'no condition'), `: ${problem.message}`])
    await terminal.print(`  ${line}`)
    await terminal.print(`  ${' '.repeat(Math.max(0, problem.column - 1))}^`)
  } else if (condition !== undefined)
    await terminal.print(
      matches === true ? styled('green', 'matches') : styled('yellow', matches === false ? 'does not match' : 'undefined: does not match'),
    )
  else {
    await terminal.print(`routes     ${routes.length === 0 ? 'none' : routes.join(', ')}`)
    await terminal.print(`endpoints  ${endpoints.length === 0 ? 'none: it goes nowhere' : endpoints.join(', ')}`)
  }
  return outcome
}
