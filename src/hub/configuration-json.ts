import { type Result, isoTime, ok, refuse } from '#base'
import type { Json } from '#wire/json'
import { kindOf, parseContent } from './configuration-content.ts'
import type { Configuration, ConfigurationContent, ConfigurationSpec } from './configuration.ts'
import { isTwinObject } from './twin-rules.ts'
import type { TwinObject } from './twin.ts'

const maxLabels = 100
const maxLabelLength = 128
const maxMetrics = 5
const maxMetricNameLength = 64
const maxTextLength = 8 * 1024
const maxPriority = 0x7fff_ffff
// Ids are keys of objects: those that every object has are none.
const idPattern = /^(?!(?:__proto__|constructor|prototype)$)[a-z0-9\-+%_*!']{1,128}$/
// Characters of labels, as the service SDKs document them.
const labelPattern = /^[A-Za-z0-9\-:.+%_#*?!(),=@;']*$/

/**
 * Reads a configuration as back ends write it (azure-wire 5.5); members that it does not know, and those that the hub sets, are passed over. Refuses
 * `hub/configuration-malformed`, `hub/configuration-content`, `hub/configuration-metrics`. Queries are only looked at when it is made.
 */
export function parseConfiguration(json: Json): Result<ConfigurationSpec> {
  if (!isTwinObject(json)) return malformed('it must be an object')
  const { id, schemaVersion = '1.0', labels = {}, targetCondition = '', priority = 0, metrics = {} } = orDefault(json)
  if (typeof id !== 'string' || !idPattern.test(id))
    return malformed("its id is made of up to 128 lower-case letters, digits and - + % _ * ! '")
  if (schemaVersion !== '1.0') return malformed('its schema version is not 1.0')
  if (typeof targetCondition !== 'string' || targetCondition.length > maxTextLength)
    return malformed('its target condition is no text, or too long')
  if (typeof priority !== 'number' || !Number.isInteger(priority) || priority < 0 || priority > maxPriority)
    return malformed(`its priority is a whole number from 0 to ${maxPriority}`)
  const named = textsOf(labels)
  if (named === undefined || named.length > maxLabels || !named.every((label) => label.every(isLabel)))
    return malformed('its labels are not labels')
  const queries = isTwinObject(metrics) ? textsOf(metrics['queries'] ?? {}) : undefined
  if (queries === undefined || queries.length > maxMetrics || !queries.every(isMetric))
    return refuse('hub/configuration-metrics', `A configuration has at most ${maxMetrics} metrics: queries, by a short name.`)
  const content = parseContent(json['content'])
  if (!content.ok) return content
  const spec = { id, targetCondition, priority, labels: Object.fromEntries(named), metricQueries: Object.fromEntries(queries) }
  return ok({ ...spec, content: content.value })
}

/** A configuration as back ends read it (azure-wire 5.5). */
export function configurationJson(configuration: Configuration): TwinObject {
  const { id, labels, content, targetCondition, priority, createdTime, lastUpdatedTime, results, metricQueries, etag } = configuration
  return {
    id,
    schemaVersion: '1.0',
    labels,
    content: contentJson(content),
    targetCondition,
    priority,
    createdTimeUtc: isoTime(createdTime),
    lastUpdatedTimeUtc: isoTime(lastUpdatedTime),
    systemMetrics: { results: systemResults(configuration), queries: systemQueries(configuration) },
    metrics: { results: results?.metrics ?? {}, queries: metricQueries },
    etag,
  }
}

/** Content with all three of its members, as clients expect it. */
export function contentJson(content: ConfigurationContent): TwinObject {
  return { deviceContent: {}, modulesContent: {}, moduleContent: {}, ...content }
}

/** Names and meaning of the metrics that the hub itself counts. [R] for those of IoT Edge. */
function systemResults({ content, results }: Configuration): TwinObject {
  const { targeted = 0, applied = 0, reportedSuccessful = 0, reportedFailed = 0 } = results ?? {}
  const both = { targetedCount: targeted, appliedCount: applied }
  return kindOf(content) === 'edge' ? { ...both, reportedSuccessfulCount: reportedSuccessful, reportedFailedCount: reportedFailed } : both
}

function systemQueries({ id, content, targetCondition }: Configuration): TwinObject {
  const kind = kindOf(content)
  const isAll = targetCondition.trim() === '*'
  if (targetCondition.trim() === '') return {}
  const where = isAll ? '' : ` WHERE ${targetCondition}`
  const source = kind === 'module' ? 'devices.modules' : 'devices'
  const isWhole = /^\s*from\s/i.test(targetCondition)
  const applied = `configurations.[[${id}]].status = 'Applied'`
  if (kind === 'edge') {
    const agent = `SELECT deviceId FROM devices.modules WHERE ${edgeAgentIs(id)}`
    return {
      targetedCount: `SELECT deviceId FROM devices WHERE capabilities.iotEdge = true${isAll ? '' : ` AND (${targetCondition})`}`,
      appliedCount: agent,
      reportedSuccessfulCount: `${agent} AND ${edgeSucceeded}`,
      reportedFailedCount: `${agent} AND ${edgeFailed}`,
    }
  }
  return {
    targetedCount: isWhole ? `SELECT deviceId ${targetCondition}` : `SELECT deviceId FROM ${source}${where}`,
    appliedCount: `SELECT deviceId FROM ${source} WHERE ${applied}`,
  }
}

/** The condition over modules that is true of the agents of devices whose deployment is this configuration. [R] */
export function edgeAgentIs(id: string): string {
  return `moduleId = '$edgeAgent' AND configurations.[[${id}]].status = 'Applied'`
}

const current = 'properties.desired.$version = properties.reported.lastDesiredVersion'
/** What an agent reports when its deployment is running. [R] */
export const edgeSucceeded = `${current} AND properties.reported.lastDesiredStatus.code = 200`
/** What an agent reports when it is not. [R] */
export const edgeFailed = `${current} AND properties.reported.lastDesiredStatus.code != 200`

function orDefault(json: TwinObject): { readonly [key: string]: Json | undefined } {
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null))
}

function textsOf(json: Json): readonly (readonly [string, string])[] | undefined {
  if (!isTwinObject(json)) return undefined
  const texts = Object.entries(json).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : []))
  return texts.length === Object.keys(json).length ? texts : undefined
}

function isLabel(text: string): boolean {
  return text.length <= maxLabelLength && labelPattern.test(text)
}

function isMetric([name, query]: readonly [string, string]): boolean {
  return name.length > 0 && name.length <= maxMetricNameLength && isLabel(name) && query.length <= maxTextLength
}

function malformed(problem: string): Result<never> {
  return refuse('hub/configuration-malformed', `This is no configuration: ${problem}.`)
}
