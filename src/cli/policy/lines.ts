import { type Line, styled } from '../line.ts'
import type { AppliedPolicy, PolicyPlan, TestResults } from './shapes.ts'

/** A count with its noun: `1 session`, `2 sessions`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** A plan as a person reads it: documents, rules that go and come, who is met, tests. */
export function planLines(plan: PolicyPlan): readonly Line[] {
  const lines: Line[] = plan.documents.map(({ name, change }) => [styled('bold', name), `  ${change}`])
  for (const line of plan.diff) lines.push(diffLine(line))
  const { judged, closed, losing, gaining } = plan.sessions
  lines.push('')
  lines.push([
    styled('bold', `${counted(judged, 'session')} judged`),
    `: ${closed} may not connect any more, ${losing} lose rights, ${gaining} gain rights`,
  ])
  lines.push(
    `${counted(plan.subscriptionsLost, 'subscription')} would end, ${counted(plan.publishesLost, 'topic')} lately published would be denied, ` +
      `${counted(plan.retainedHidden, 'retained message')} hidden, at most ${counted(plan.queuedAtRisk, 'queued message')} dropped`,
  )
  for (const one of plan.affected) {
    const client = one.clientId === one.identity ? '' : ` (${one.clientId})`
    const state = one.connected ? '' : ', not connected'
    lines.push([one.closed ? styled('red', '  ends    ') : '  stays   ', styled('bold', one.identity), `${client}${state}`])
    for (const right of one.rightsLost) lines.push(['            ', styled('red', `- ${right}`)])
    for (const right of one.rightsGained) lines.push(['            ', styled('green', `+ ${right}`)])
    for (const filter of one.subscriptionsLost) lines.push(['            ', styled('yellow', `subscription ends: ${filter}`)])
    for (const topic of one.publishesLost) lines.push(['            ', styled('yellow', `published lately: ${topic}`)])
  }
  return [...lines, ...testLines(plan.tests)]
}

function diffLine(line: string): Line {
  if (line.startsWith('- ')) return styled('red', `  ${line}`)
  return line.startsWith('+ ') ? styled('green', `  ${line}`) : styled('dim', line)
}

/** Tests that fail, each with why; then how many passed. */
export function testLines({ passed, failed, tests }: TestResults): readonly Line[] {
  const lines: Line[] = []
  for (const one of tests.filter((test) => !test.passed)) {
    lines.push([styled(['bold', 'red'], 'fails'), `  ${one.id}  ${one.name}: expects ${one.expect} ${one.action} ${one.topic}`.trimEnd()])
    lines.push([styled('dim', '  why:    '), one.reason])
    if (one.change !== undefined && one.expect === 'allow') lines.push([styled('dim', '  change: '), one.change])
  }
  const counts = `${counted(passed, 'test')} passed, ${failed} failed`
  lines.push(failed > 0 ? styled('red', counts) : passed > 0 ? styled('green', counts) : styled('dim', 'no tests'))
  return lines
}

/** The receipt of an applied change, on one line. */
export function receiptLine({ version, effect, elapsedMs }: AppliedPolicy): Line {
  const { sessionsClosed, subscriptionsRemoved, messagesDropped, retainedHidden } = effect
  const parts = [
    `closed ${counted(sessionsClosed, 'session')}`,
    `removed ${counted(subscriptionsRemoved, 'subscription')}`,
    `dropped ${counted(messagesDropped, 'message')}`,
    `hid ${counted(retainedHidden, 'retained message')}`,
  ]
  return [styled('green', `policy version ${version} is in force`), `: ${parts.join(', ')}, in ${Math.round(elapsedMs)} ms`]
}
