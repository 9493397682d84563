import { type Result, ok } from '#base'
import { time } from '../api.ts'
import { ask } from '../ask.ts'
import { pairsOf } from '../assignments.ts'
import type { Context } from '../context.ts'
import { type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text, texts, wholeNumber } from '../given.ts'
import { withQuery } from '../hub.ts'
import { readJsonInput } from '../input.io.ts'
import { plainJson, styled } from '../line.ts'
import { anything, entries, list, maybe, number, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printMembers, printTable } from '../table.ts'
import { leaves, membersOf } from '../twin/difference.ts'

const configuration = object({
  id: textShape,
  etag: textShape,
  labels: entries(textShape),
  content: entries(anything),
  targetCondition: textShape,
  priority: number,
  metrics: entries(textShape),
  createdAt: time,
  updatedAt: time,
  results: maybe(object({ evaluatedAt: time, targeted: number, applied: number, metrics: entries(number) })),
})
type ApiConfiguration = ReturnType<typeof configuration>

const highestPriority = 2_147_483_647

const pathOf = (id: string, rest = '') => `/api/v1/configurations/${encodeURIComponent(id)}${rest}`

/** `configuration ls`: all of them. */
export const configurationLs: Run = async (context, given) => {
  const request = { method: 'GET', path: '/api/v1/configurations', failure: 'The configurations were not listed.' } as const
  const answer = await ask(context, request, object({ configurations: list(configuration) }))
  if (!answer.ok) return answer
  const { configurations } = answer.value.value
  if (isSet(given, '--json'))
    await context.terminal.printJson(object({ configurations: anything })(answer.value.raw, 'the answer').configurations, 2)
  else {
    const rows = configurations.map((one): Row => [
      styled('bold', one.id),
      String(one.priority),
      String(one.results?.targeted ?? '-'),
      String(one.results?.applied ?? '-'),
      one.targetCondition,
    ])
    await printTable(context.terminal, ['ID', 'PRIORITY', 'TARGETED', 'APPLIED', 'FOR'], rows)
  }
  if (configurations.length === 0 && context.terminal.isPerson)
    context.terminal.say('No configurations. Make one with: thingwall configuration add FILE')
  return done
}

/** `configuration show`: one of them; with --targets whom it is for, too. */
export const configurationShow: Run = async (context, given) => {
  const id = position(given, 0)
  const request = { method: 'GET', path: pathOf(id), failure: `Configuration ${id} was not found.` } as const
  const answer = await ask(context, request, configuration)
  if (!answer.ok) return answer
  const targets = isSet(given, '--targets') ? await targetsOf(context, id) : undefined
  if (targets?.ok === false) return targets
  if (isSet(given, '--json')) {
    const shown = targets === undefined ? answer.value.raw : { ...Object(answer.value.raw), targets: targets.value }
    await context.terminal.printJson(shown, 2)
    return done
  }
  await printConfiguration(context, answer.value.value)
  if (targets === undefined) return done
  await context.terminal.print('')
  const colour = (status: string) => (status === 'Applied' ? 'green' : 'yellow')
  const rows = targets.value.map((one): Row => [one.device, styled(colour(one.status), one.status)])
  await printTable(context.terminal, ['DEVICE', 'STATUS'], rows)
  return done
}

function printConfiguration({ terminal }: Context, one: ApiConfiguration): Promise<void> {
  const { results } = one
  const content = [...one.content].flatMap(([kind, part]) =>
    leaves(new Map([[kind, part]]), '').map(([path, value]) => [path.slice(1), value] as const),
  )
  return printMembers(terminal, [
    ['id', styled('bold', one.id)],
    ['for', one.targetCondition],
    ['priority', String(one.priority)],
    ['etag', one.etag],
    ...[...one.labels].map(([name, value]) => [`label ${name}`, value] as const),
    ...content.map(([path, value]) => [path, plainJson(value)] as const),
    ...[...one.metrics].map(([name, query]) => [`metric ${name}`, query] as const),
    ['made', one.createdAt],
    ['changed', one.updatedAt],
    ...(results === undefined
      ? [['counted', 'not yet'] as const]
      : [
          ['counted', results.evaluatedAt] as const,
          ['targeted', String(results.targeted)] as const,
          ['applied', String(results.applied)] as const,
          ...[...results.metrics].map(([name, value]) => [`result ${name}`, String(value)] as const),
        ]),
  ])
}

const targetPage = object({ targets: list(object({ device: textShape, status: textShape })), next: maybe(textShape) })
type Targets = ReturnType<typeof targetPage>['targets']

async function targetsOf(context: Context, id: string): Promise<Result<Targets, Problem>> {
  const targets: Targets[number][] = []
  let after: string | undefined
  do {
    const path = withQuery(pathOf(id, '/targets'), { after, limit: 500 })
    const page = await ask(context, { method: 'GET', path, failure: `The targets of ${id} were not read.` }, targetPage)
    if (!page.ok) return page
    targets.push(...page.value.value.targets)
    after = page.value.value.next
  } while (after !== undefined)
  return ok(targets)
}

/** `configuration add`: makes one of a JSON file, in our form or in that of Azure's tools. */
export const configurationAdd: Run = async (context, given) => {
  const file = readJsonInput(position(given, 0), 'configuration')
  if (!file.ok) return file
  const members = membersOf(file.value)
  if (members === undefined) return stop(exit.usage, 'This is no configuration.', 'it must be a JSON object.')
  const changes = changesOf(given)
  if (!changes.ok) return changes
  const kept = new Map([...members].filter(([name]) => fields.has(name)))
  // Azure's tools write { metrics: { queries } }, and content with all three kinds.
  const queries = membersOf(members.get('metrics'))?.get('queries')
  const body = {
    ...Object.fromEntries(kept),
    ...(queries === undefined ? {} : { metrics: queries }),
    content: contentOf(members.get('content')),
    ...changes.value,
  }
  const request = { method: 'POST', path: '/api/v1/configurations', body, failure: 'The configuration was not made.' } as const
  const answer = await ask(context, request, configuration)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await context.terminal.print([styled('green', 'made'), ' configuration ', styled('bold', answer.value.value.id)])
  return done
}

const fields = new Set(['id', 'labels', 'targetCondition', 'priority', 'metrics'])

function contentOf(content: unknown): unknown {
  const members = membersOf(content)
  if (members === undefined) return content ?? {}
  return Object.fromEntries([...members].filter(([, part]) => membersOf(part)?.size !== 0))
}

function changesOf(given: Given): Result<Readonly<Record<string, unknown>>, Problem> {
  const priority = wholeNumber(given, '--priority', 0, highestPriority)
  if (!priority.ok) return priority
  const labels = pairsOf(texts(given, '--label'), '--label')
  if (!labels.ok) return labels
  const metrics = pairsOf(texts(given, '--metric'), '--metric')
  if (!metrics.ok) return metrics
  const where = text(given, '--where')
  return ok({
    ...(priority.value === undefined ? {} : { priority: priority.value }),
    ...(where === undefined ? {} : { targetCondition: where }),
    ...(Object.keys(labels.value).length === 0 ? {} : { labels: labels.value }),
    ...(Object.keys(metrics.value).length === 0 ? {} : { metrics: metrics.value }),
  })
}

/** `configuration set`: everything but what it sets. */
export const configurationSet: Run = async (context, given) => {
  const id = position(given, 0)
  const body = changesOf(given)
  if (!body.ok) return body
  if (Object.keys(body.value).length === 0)
    return stop(exit.usage, 'Nothing to set was given.', undefined, 'give --priority, --where, --label or --metric.')
  const ifMatch = text(given, '--if-match')
  const request = { method: 'PATCH', path: pathOf(id), body: body.value, ifMatch, failure: `Configuration ${id} was not changed.` } as const
  const answer = await ask(context, request, configuration)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await context.terminal.print([styled('green', 'changed'), ' configuration ', styled('bold', id)])
  return done
}

/** `configuration rm`: deletes it; what it set is taken back. */
export const configurationRemove: Run = async (context, given) => {
  const id = position(given, 0)
  const ifMatch = text(given, '--if-match')
  const request = { method: 'DELETE', path: pathOf(id), ifMatch, failure: `Configuration ${id} was not deleted.` } as const
  const answer = await ask(context, request, anything)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson({ configuration: id, deleted: true })
  else await context.terminal.print([styled('green', 'deleted'), ' configuration ', styled('bold', id)])
  return done
}

const tested = object({ targetConditionError: textShape, metricErrors: entries(textShape), targets: maybe(number) })

/** `configuration test`: a condition and metrics, without making anything. Exit 1 when one of them is wrong. */
export const configurationTest: Run = async (context, given) => {
  const metrics = pairsOf(texts(given, '--metric'), '--metric')
  if (!metrics.ok) return metrics
  const body = { targetCondition: position(given, 0), metrics: metrics.value }
  const request = { method: 'POST', path: '/api/v1/configurations/test', body, failure: 'The condition was not tried.' } as const
  const answer = await ask(context, request, tested)
  if (!answer.ok) return answer
  const { targetConditionError, metricErrors, targets } = answer.value.value
  const { terminal } = context
  if (isSet(given, '--json')) await terminal.printJson(answer.value.raw, 2)
  else {
    await printMembers(terminal, [
      ['condition', targetConditionError === '' ? styled('green', `true of ${targets ?? 0}`) : styled('red', targetConditionError)],
      ...[...metricErrors].filter(([, error]) => error !== '').map(([name, error]) => [`metric ${name}`, styled('red', error)] as const),
    ])
  }
  const isWrong = targetConditionError !== '' || [...metricErrors].some(([, error]) => error !== '')
  return isWrong ? { ok: true, value: exit.failed } : done
}
