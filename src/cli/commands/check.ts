import { checkReport } from '../api.ts'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, positions } from '../given.ts'
import { type Style, plainJson, styled } from '../line.ts'
import { anything, list, maybe, object, text } from '../shape.ts'
import type { Run } from '../spec.ts'

const raw = object({ controls: list(anything) })
type Control = ReturnType<typeof checkReport>['controls'][number]

/** `check`: runs the posture checks now (or, with --last, reads their last run). Exit 1 when any of those shown fails. */
export const check: Run = async (context, given) => {
  const wanted = positions(given, 0).map((name) => name.toUpperCase())
  const request = isSet(given, '--last')
    ? ({ method: 'GET', path: '/api/v1/checks', failure: 'The last run was not read.' } as const)
    : ({
        method: 'POST',
        path: '/api/v1/checks/run',
        body: wanted.length > 0 ? { only: wanted } : {},
        failure: 'The checks did not run.',
      } as const)
  const answer = await ask(context, request, checkReport)
  if (!answer.ok)
    return answer.error.code === 'guard/unknown-control'
      ? { ok: false, error: { ...answer.error, exit: exit.notFound, fix: listThem } }
      : answer
  const { controls, ranAt, durationMs } = answer.value.value
  const unknown = wanted.find((name) => !controls.some((entry) => entry.control === name))
  if (unknown !== undefined) return stop(exit.notFound, `There is no control ${unknown}.`, undefined, listThem)
  const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name)
  const shown = controls.filter((entry) => isWanted(entry.control))
  if (isSet(given, '--json')) {
    const kept = raw(answer.value.raw, 'the answer').controls.filter((_, i) => isWanted(controls[i]?.control ?? ''))
    await context.terminal.printJson({ ranAt, durationMs, controls: kept }, 2)
  } else if (context.terminal.isPerson) await showPerson(context, shown, isSet(given, '--evidence'))
  else await showProgram(context, shown, isSet(given, '--evidence'))
  return shown.some((entry) => entry.verdict === 'fail') ? { ok: true, value: exit.failed } : done
}

const listThem = 'list them all with "thingwall check".'

const colours: ReadonlyMap<string, Style> = new Map<string, Style>([
  ['pass', 'green'],
  ['fail', 'red'],
  ['unknown', 'yellow'],
  ['na', 'dim'],
])

/** Verdict, control and title in columns, the reason under them: it is what one reads, so it is never cut. */
async function showPerson({ terminal }: Context, controls: readonly Control[], evidence: boolean): Promise<void> {
  const indent = ' '.repeat(9)
  for (const entry of controls) {
    const colour = colours.get(entry.verdict) ?? 'yellow'
    await terminal.print([styled(['bold', colour], entry.verdict.padEnd(9)), styled('bold', entry.control), `  ${entry.title}`])
    await terminal.print([indent, styled('dim', entry.reason)])
    if (entry.verdict !== 'pass') {
      for (const finding of entry.findings ?? []) await terminal.print([indent, styled(colour, '- '), findingText(finding)])
      if (entry.verdict !== 'na' && entry.fix !== undefined) await terminal.print([indent, styled('dim', 'fix: '), entry.fix])
    }
    for (const item of evidence ? (entry.evidence ?? []) : []) await terminal.print([indent, styled('dim', 'seen: '), evidenceText(item)])
  }
  const count = (verdict: string) => controls.filter((entry) => entry.verdict === verdict).length
  terminal.say('')
  terminal.say([
    styled('green', `${count('pass')} pass`),
    ', ',
    styled(count('fail') > 0 ? 'red' : 'dim', `${count('fail')} fail`),
    `, ${count('unknown')} unknown, ${count('na')} not applicable`,
  ])
}

async function showProgram({ terminal }: Context, controls: readonly Control[], evidence: boolean): Promise<void> {
  for (const { verdict, control, title, reason, evidence: seen } of controls) {
    await terminal.printCells([verdict, control, title, reason])
    for (const item of evidence ? (seen ?? []) : []) await terminal.printCells(['evidence', control, '', evidenceText(item)])
  }
}

const subject = maybe(object({ kind: text, id: text }))
const finding = object({ subject, reason: text })
const piece = object({ method: maybe(text), subject, observed: anything })

function findingText(item: unknown): string {
  const { subject: of, reason } = finding(item, 'a finding')
  return of === undefined ? reason : `${of.kind} ${of.id}: ${reason}`
}

function evidenceText(item: unknown): string {
  const { method, subject: of, observed } = piece(item, 'evidence')
  return `${method ?? 'measured'}${of === undefined ? '' : ` of ${of.kind} ${of.id}`}: ${typeof observed === 'string' ? observed : plainJson(observed ?? item)}`
}
