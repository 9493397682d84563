import { type Result, ok } from '#base'
import { decision } from '../api.ts'
import { type Read, ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text } from '../given.ts'
import { withQuery } from '../hub.ts'
import { type Line, styled } from '../line.ts'
import { anything, flag, maybe, number, object } from '../shape.ts'
import type { Run } from '../spec.ts'

type Explained = Read<ReturnType<typeof decision>>

/** `explain`: whether a device may, which rule says so, and the smallest change that would allow it; or why a denial of the journal was one. */
export const explain: Run = async (context, given) => {
  const id = text(given, '--decision')
  if ((id === undefined) === (position(given, 0) === ''))
    return stop(exit.usage, 'Say what to explain.', 'it is a device with an action, or --decision with an id.', seeHelp)
  const answer = await (id === undefined ? askHub(context, given) : findDenial(context, id))
  if (!answer.ok) return answer
  const { value: verdict, raw } = answer.value
  if (isSet(given, '--json')) await context.terminal.printJson(raw, 2)
  else for (const line of explainLines(verdict)) await context.terminal.print(line)
  return isSet(given, '--exit-code') && !verdict.allowed ? { ok: true, value: exit.denied } : done
}

const failure = 'The question was not answered.'
const seeHelp = '"thingwall explain --help" shows both.'

async function askHub(context: Context, given: Given): Promise<Result<Explained, Problem>> {
  const [device, action, topic] = [position(given, 0), position(given, 1), position(given, 2)]
  if (action === '') return stop(exit.usage, 'Say what the device would do.', 'connect, publish, subscribe or receive.', seeHelp)
  const query = { device, action, topic: topic === '' ? undefined : topic, clientId: text(given, '--client-id') }
  return ask(context, { method: 'GET', path: withQuery('/api/v1/explain', query), failure }, decision)
}

const page = object({ decision: maybe(decision), complete: flag, next: maybe(number) })
const rawPage = object({ decision: anything })

/** Looks for the denial page by page, back to the oldest record that is kept. */
async function findDenial(context: Context, id: string): Promise<Result<Explained, Problem>> {
  let before: number | undefined
  do {
    const path = withQuery(`/api/v1/decisions/${encodeURIComponent(id)}`, { before })
    const answer = await ask(context, { method: 'GET', path, failure }, page)
    if (!answer.ok) return answer
    const { decision: value, complete, next } = answer.value.value
    if (value !== undefined) return ok({ value, raw: rawPage(answer.value.raw, 'the answer').decision })
    before = complete ? undefined : next
  } while (before !== undefined)
  const fix = '"thingwall watch --from start --kind denied --json" shows those that are there.'
  return stop(exit.notFound, `There is no denial with the decision ${id}.`, 'it is not in the journal, or not any more.', fix)
}

/** The decision as a person reads it. */
export function explainLines(verdict: ReturnType<typeof decision>): readonly Line[] {
  const what = verdict.topic === undefined ? verdict.action : `${verdict.action} ${verdict.topic}`
  const head: Line = verdict.allowed
    ? [styled(['bold', 'green'], 'allowed'), ` ${verdict.device} may ${what}`]
    : [styled(['bold', 'red'], 'denied'), `  ${verdict.device} may not ${what}`]
  const lines: Line[] = [
    head,
    [styled('dim', '  rule:    '), verdict.rule ?? 'none: what no rule allows is denied'],
    [styled('dim', '  why:     '), verdict.reason],
  ]
  if (verdict.change !== undefined) lines.push([styled('dim', '  change:  '), verdict.change])
  if (verdict.patch !== undefined) {
    const { document, isNew, yaml } = verdict.patch
    lines.push([
      styled('dim', '  add:     '),
      isNew ? 'a document; "thingwall policy apply" takes it from a file' : `to the rules of ${document}`,
    ])
    for (const line of yaml.replace(/\n+$/, '').split('\n')) lines.push(['           ', styled('green', line)])
  }
  for (const [i, checked] of verdict.checked.entries()) {
    const topics = Array.isArray(checked.topics) ? checked.topics.join(', ') : typeof checked.topics === 'string' ? checked.topics : ''
    const mark = checked.matched ? styled('green', 'matched') : styled('dim', 'no match')
    lines.push([styled('dim', i === 0 ? '  checked: ' : '           '), `${checked.rule}  `, styled('dim', `${topics}  `), mark])
  }
  return lines
}
