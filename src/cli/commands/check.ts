import { checkReport } from '../api.ts'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Outcome, done, exit, stop } from '../exit.ts'
import { isSet, positions } from '../given.ts'
import { type Style, plainJson, styled } from '../line.ts'
import { list, object } from '../shape.ts'
import type { Run } from '../spec.ts'
import { printTable } from '../table.ts'

const raw = object({ controls: list((value) => value) })

/** `check`: runs the posture checks now (or, with --last, reads their last run). Exit 1 when any of those shown fails. */
export const check: Run = async (context, given) => {
  const wanted = positions(given, 0).map((name) => name.toUpperCase())
  const request = isSet(given, '--last')
    ? ({ method: 'GET', path: '/api/v1/checks', failure: 'The last run was not read.' } as const)
    : ({ method: 'POST', path: '/api/v1/checks/run', body: {}, failure: 'The checks did not run.' } as const)
  const answer = await ask(context, request, checkReport)
  if (!answer.ok) return answer
  const { controls, ranAt, durationMs } = answer.value.value
  const unknown = wanted.find((name) => !controls.some((entry) => entry.control === name))
  if (unknown !== undefined)
    return stop(exit.notFound, `There is no control ${unknown}.`, undefined, 'list them all with "thingwall check".')
  const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name)
  const shown = controls.filter((entry) => isWanted(entry.control))
  if (isSet(given, '--json')) {
    const kept = raw(answer.value.raw, 'the answer').controls.filter((_, i) => isWanted(controls[i]?.control ?? ''))
    await context.terminal.printJson({ ranAt, durationMs, controls: kept }, 2)
  } else await show(context, shown, isSet(given, '--evidence'))
  return outcomeOf(shown)
}

type Control = ReturnType<typeof checkReport>['controls'][number]

const colours: Readonly<Record<string, Style>> = { pass: 'green', fail: 'red', unknown: 'yellow', na: 'dim' }

async function show(context: Context, controls: readonly Control[], evidence: boolean): Promise<void> {
  const rows = controls.map((entry) => [
    styled(colours[entry.verdict] ?? 'yellow', entry.verdict),
    entry.control,
    entry.title,
    entry.reason,
  ])
  await printTable(context.terminal, ['VERDICT', 'CONTROL', 'TITLE', 'REASON'], rows)
  for (const entry of controls) {
    const shown = [...(entry.verdict === 'pass' && !evidence ? [] : (entry.findings ?? [])), ...(evidence ? (entry.evidence ?? []) : [])]
    if (shown.length === 0 || !(context.terminal.isPerson || evidence)) continue
    await context.terminal.print('')
    await context.terminal.print([styled('bold', entry.control), ` ${entry.title}`])
    for (const item of shown) await context.terminal.print(`  ${findingText(item)}`)
  }
  const count = (verdict: string) => controls.filter((entry) => entry.verdict === verdict).length
  context.terminal.say(`${count('pass')} pass, ${count('fail')} fail, ${count('unknown')} unknown, ${count('na')} not applicable`)
}

function findingText(item: unknown): string {
  return typeof item === 'string' ? item : plainJson(item)
}

function outcomeOf(controls: readonly Control[]): Outcome {
  return controls.some((entry) => entry.verdict === 'fail') ? { ok: true, value: exit.failed } : done
}
