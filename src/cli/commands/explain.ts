import { decision } from '../api.ts'
import { ask } from '../ask.ts'
import { done, exit } from '../exit.ts'
import { isSet, position } from '../given.ts'
import { withQuery } from '../hub.ts'
import { type Line, styled } from '../line.ts'
import type { Run } from '../spec.ts'

/** `explain`: whether a device may, which rule says so, and the smallest change that would allow it. */
export const explain: Run = async (context, given) => {
  const [device, action, topic] = [position(given, 0), position(given, 1), position(given, 2)]
  const path = withQuery('/api/v1/explain', { device, action, topic: topic === '' ? undefined : topic })
  const answer = await ask(context, { method: 'GET', path, failure: 'The question was not answered.' }, decision)
  if (!answer.ok) return answer
  const { value: verdict, raw } = answer.value
  if (isSet(given, '--json')) await context.terminal.printJson(raw, 2)
  else for (const line of explainLines(verdict)) await context.terminal.print(line)
  return isSet(given, '--exit-code') && !verdict.allowed ? { ok: true, value: exit.denied } : done
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
  for (const [i, checked] of verdict.checked.entries()) {
    const topics = Array.isArray(checked.topics) ? checked.topics.join(', ') : typeof checked.topics === 'string' ? checked.topics : ''
    const mark = checked.matched ? styled('green', 'matched') : styled('dim', 'no match')
    lines.push([styled('dim', i === 0 ? '  checked: ' : '           '), `${checked.rule}  `, styled('dim', `${topics}  `), mark])
  }
  return lines
}
