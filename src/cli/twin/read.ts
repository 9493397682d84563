import type { Result } from '#base'
import { type Read, ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Problem, done, exit } from '../exit.ts'
import { isSet, position, wholeNumber } from '../given.ts'
import { identityPath, withQuery } from '../hub.ts'
import { plainJson, styled } from '../line.ts'
import { anything, list, object } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printMembers, printTable } from '../table.ts'
import { differenceLines, differences, leaves } from './difference.ts'
import { type ApiTwin, type ApiTwinChange, history, twin } from './shapes.ts'

const pageSize = 100

/** Reads the twin of a device or of `device/module`. */
export function readTwin(context: Context, name: string): Promise<Result<Read<ApiTwin>, Problem>> {
  return ask(context, { method: 'GET', path: identityPath(name, '/twin'), failure: `The twin of ${name} was not read.` }, twin)
}

/** `twin show`: tags, desired and reported properties; for a program one value a line. */
export const twinShow: Run = async (context, given) => {
  const answer = await readTwin(context, position(given, 0))
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await printTwin(context, answer.value.value)
  return done
}

/** Prints a twin for whoever reads. */
export async function printTwin({ terminal }: Context, one: ApiTwin): Promise<void> {
  const sections = [
    ['tags', one.tags, ''],
    ['desired', one.desired.properties, `version ${one.desired.version}`],
    ['reported', one.reported.properties, `version ${one.reported.version}`],
  ] as const
  const name = one.module === undefined ? one.device : `${one.device}/${one.module}`
  await printMembers(terminal, [
    ['name', styled('bold', name)],
    ['version', String(one.version)],
    ['etag', one.etag],
    ...(one.modelId === '' ? [] : [['model', one.modelId] as const]),
    ...[...one.configurations].map(([id, status]) => [`configuration ${id}`, status] as const),
    ...(terminal.isPerson
      ? []
      : sections.flatMap(([word, of]) => leaves(of, word).map(([path, value]) => [path, plainJson(value)] as const))),
  ])
  if (!terminal.isPerson) return
  for (const [word, of, version] of sections) {
    await terminal.print('')
    await terminal.print([styled('bold', word), styled('dim', version === '' ? '' : `  ${version}`)])
    if (of.size === 0) await terminal.print(styled('dim', '  none'))
    else for (const line of plainJson(Object.fromEntries(of), 2).split('\n').slice(1, -1)) await terminal.print(line)
  }
}

/** `twin diff`: what is desired and not reported so. With --exit-code exit 1 when something is. */
export const twinDiff: Run = async (context, given) => {
  const name = position(given, 0)
  const answer = await readTwin(context, name)
  if (!answer.ok) return answer
  const { desired, reported } = answer.value.value
  // What a device reports besides is its own business.
  const found = differences(reported.properties, desired.properties).filter(({ to }) => to !== undefined)
  const { terminal } = context
  if (isSet(given, '--json')) {
    await terminal.printJson(
      found.map(({ path, from, to }) => ({ path, desired: to, reported: from ?? null })),
      2,
    )
  } else if (terminal.isPerson) for (const line of differenceLines(found)) await terminal.print(line)
  else for (const { path, from, to } of found) await terminal.printCells([path, plainJson(to), from === undefined ? '-' : plainJson(from)])
  if (found.length === 0 && terminal.isPerson) terminal.say(`${name} reports everything that is desired.`)
  return found.length > 0 && isSet(given, '--exit-code') ? { ok: true, value: exit.failed } : done
}

const raw = object({ changes: list(anything) })

/** `twin history`: changes, newest first, as far as the journal reaches. */
export const twinHistory: Run = async (context, given) => {
  const name = position(given, 0)
  const limit = wholeNumber(given, '--limit', 1, 10_000_000)
  if (!limit.ok) return limit
  const wanted = limit.value ?? 20
  const changes: ApiTwinChange[] = []
  const all: unknown[] = []
  let before: number | undefined
  do {
    const path = withQuery(identityPath(name, '/twin/history'), { before, limit: Math.min(pageSize, wanted - changes.length) })
    const page = await ask(context, { method: 'GET', path, failure: `The history of ${name} was not read.` }, history)
    if (!page.ok) return page
    changes.push(...page.value.value.changes)
    all.push(...raw(page.value.raw, 'the answer').changes)
    before = page.value.value.next
  } while (before !== undefined && changes.length < wanted)
  if (isSet(given, '--json')) await context.terminal.printJson(all, 2)
  else await printTable(context.terminal, ['TIME', 'VERSION', 'BY', 'CHANGE'], changes.map(changeRow))
  if (changes.length === 0 && context.terminal.isPerson) context.terminal.say('The journal holds no change of this twin.')
  return done
}

function changeRow(one: ApiTwinChange): Row {
  const by = one.cause === undefined ? one.actor : `${one.cause.kind} ${one.cause.id}`
  const what = plainJson(Object.fromEntries(one.patch))
  return [
    one.time,
    String(one.version),
    styled(one.part === 'reported' ? 'cyan' : 'bold', by),
    one.isReplacement ? `replaced ${what}` : what,
  ]
}
