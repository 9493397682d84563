import { type Result, ok, refuse } from '#base'
import { deviceDialect, parseCondition, parseQuery, printProblem } from '#wire/query'
import { kindOf } from './configuration-content.ts'
import { edgeAgentIs, edgeFailed, edgeSucceeded } from './configuration-json.ts'
import type { Configuration, ConfigurationResults, ConfigurationSpec, QueryErrors } from './configuration.ts'
import type { Queries } from './query.ts'

type Port = Pick<Queries, 'matching' | 'count'>

/** A query of a metric, taken apart: how many identities of a source meet a condition. */
type Metric = { readonly from: 'devices' | 'modules'; readonly condition: string }

/**
 * Reads a query whose rows are counted: `SELECT ... FROM devices WHERE ...`, or `FROM devices.modules`. The condition is read again by the
 * query language itself, so that nothing can hide behind it. Refuses `hub/configuration-metrics`.
 */
function parseMetric(text: string): Result<Metric> {
  const query = parseQuery(text)
  if (!query.ok) return refuse('hub/configuration-metrics', printProblem(query.error))
  const { from, groupBy, where } = query.value
  if (from === 'devices.jobs' || groupBy.length > 0)
    return refuse(
      'hub/configuration-metrics',
      'A metric counts devices or modules: SELECT deviceId FROM devices WHERE ..., without GROUP BY.',
    )
  const source = from === 'devices' ? 'devices' : 'modules'
  if (where === undefined) return ok({ from: source, condition: '*' })
  const [, condition] = /\bfrom\s+devices(?:\.modules)?\s+where\s([\s\S]*)$/i.exec(text) ?? []
  if (condition === undefined) return refuse('hub/configuration-metrics', 'Write the query as SELECT deviceId FROM devices WHERE ...')
  return ok({ from: source, condition })
}

/** Looks at the queries of a configuration. Refuses `hub/configuration-condition`, `hub/configuration-metrics`. */
export async function checkQueries(
  queries: Port,
  spec: Pick<ConfigurationSpec, 'targetCondition' | 'content' | 'metricQueries'>,
): Promise<Result<void>> {
  const source = kindOf(spec.content) === 'module' ? 'modules' : 'devices'
  const condition = await conditionError(queries, source, spec.targetCondition)
  if (condition !== '') return refuse('hub/configuration-condition', condition)
  for (const text of Object.values(spec.metricQueries)) {
    const error = await metricError(queries, text)
    if (error !== '') return refuse('hub/configuration-metrics', error)
  }
  return ok(undefined)
}

/** What is wrong with each; empty where nothing is. A condition says itself whether it is about modules. */
export async function testQueries(
  queries: Port,
  given: { readonly targetCondition: string; readonly metricQueries: { readonly [name: string]: string } },
): Promise<QueryErrors> {
  const condition = parseCondition(given.targetCondition, deviceDialect)
  const source = condition.ok && condition.value.from === 'devices.modules' ? 'modules' : 'devices'
  const errors: [string, string][] = []
  for (const [name, text] of Object.entries(given.metricQueries).slice(0, 100)) errors.push([name, await metricError(queries, text)])
  return {
    targetConditionError: await conditionError(queries, source, given.targetCondition),
    customMetricQueryErrors: Object.fromEntries(errors.filter(([, error]) => error !== '')),
  }
}

/** Counts what the metrics of a configuration ask for, its own and those of IoT Edge. A query that fails counts nothing. */
export async function countMetrics(
  queries: Port,
  { id, content, metricQueries }: Configuration,
): Promise<Pick<ConfigurationResults, 'metrics' | 'reportedSuccessful' | 'reportedFailed'>> {
  const metrics: [string, number][] = []
  for (const [name, text] of Object.entries(metricQueries)) {
    const metric = parseMetric(text)
    const counted = metric.ok ? await queries.count(metric.value.from, metric.value.condition) : metric
    if (counted.ok) metrics.push([name, counted.value])
  }
  const isEdge = kindOf(content) === 'edge'
  const agents = async (outcome: string) => {
    const counted = isEdge ? await queries.count('modules', `${edgeAgentIs(id)} AND ${outcome}`) : ok(0)
    return counted.ok ? counted.value : 0
  }
  return {
    metrics: Object.fromEntries(metrics),
    reportedSuccessful: await agents(edgeSucceeded),
    reportedFailed: await agents(edgeFailed),
  }
}

/** An empty condition targets nothing. */
async function conditionError(queries: Port, source: 'devices' | 'modules', condition: string): Promise<string> {
  if (condition.trim() === '') return ''
  const tried = await queries.matching(source, condition, 1)
  return tried.ok ? '' : tried.error.message
}

async function metricError(queries: Port, text: string): Promise<string> {
  const metric = parseMetric(text)
  if (!metric.ok) return metric.error.message
  const tried = await queries.matching(metric.value.from, metric.value.condition, 1)
  return tried.ok ? '' : tried.error.message
}
