import { type Static, Type } from 'typebox'
import { isoTime } from '#base'
import type { Configuration } from '#hub'
import { anyJson, closed, count, orNull, text } from './hub-schema.ts'
import { time } from './schema.ts'

/* The shapes of configurations; see schema.ts for the rules. What stands in them is checked by the hub. */

const part = Type.Record(Type.String(), anyJson)

/** What a configuration sets: one of the three. */
const content = Type.Object(
  {
    deviceContent: Type.Optional(part),
    moduleContent: Type.Optional(part),
    modulesContent: Type.Optional(Type.Record(Type.String(), part)),
  },
  { ...closed, title: 'ConfigurationContent' },
)
const texts = Type.Record(Type.String(), text)

const changeable = {
  labels: Type.Optional(texts),
  targetCondition: Type.Optional(text),
  priority: Type.Optional(count),
  metrics: Type.Optional(texts),
}

/** A configuration to be. `metrics` are queries by name. */
export const configurationInput = Type.Object({ id: text, content, ...changeable }, { ...closed, title: 'ConfigurationInput' })

/** What may be changed of one. */
export const configurationPatch = Type.Object(changeable, { ...closed, title: 'ConfigurationPatch' })

/** A configuration as it stands; `results` are those of its last evaluation. */
export const configuration = Type.Object(
  {
    id: text,
    etag: text,
    labels: texts,
    content,
    targetCondition: text,
    priority: count,
    metrics: texts,
    createdAt: time,
    updatedAt: time,
    results: orNull(
      Type.Object(
        {
          evaluatedAt: time,
          targeted: count,
          applied: count,
          reportedSuccessful: count,
          reportedFailed: count,
          metrics: Type.Record(Type.String(), Type.Number()),
        },
        closed,
      ),
    ),
  },
  { ...closed, title: 'Configuration' },
)

/** Queries to be tried. */
export const configurationTest = Type.Object(
  { targetCondition: text, metrics: Type.Optional(texts) },
  { ...closed, title: 'ConfigurationTest' },
)

/** What is wrong with them, and how many devices or modules the condition is true of (null: it cannot be read). */
export const configurationTested = Type.Object(
  { targetConditionError: text, metricErrors: texts, targets: orNull(count) },
  { ...closed, title: 'ConfigurationTested' },
)

/** A device or module that a configuration is for; `Targeted`: another one of a higher priority has set its content. */
export const configurationTarget = Type.Object(
  { device: text, status: Type.Enum(['Targeted', 'Applied']) },
  { ...closed, title: 'ConfigurationTarget' },
)

/** A configuration as the API shows it. */
export function configurationView(one: Configuration): Static<typeof configuration> {
  const { id, etag, labels, targetCondition, priority, metricQueries, results } = one
  return {
    id,
    etag,
    labels: { ...labels },
    content: contentView(one.content),
    targetCondition,
    priority,
    metrics: { ...metricQueries },
    createdAt: isoTime(one.createdTime),
    updatedAt: isoTime(one.lastUpdatedTime),
    results:
      results === null
        ? null
        : {
            evaluatedAt: isoTime(results.evaluatedTime),
            targeted: results.targeted,
            applied: results.applied,
            reportedSuccessful: results.reportedSuccessful,
            reportedFailed: results.reportedFailed,
            metrics: { ...results.metrics },
          },
  }
}

function contentView(of: Configuration['content']): Static<typeof content> {
  if ('deviceContent' in of) return { deviceContent: { ...of.deviceContent } }
  if ('moduleContent' in of) return { moduleContent: { ...of.moduleContent } }
  return { modulesContent: Object.fromEntries(Object.entries(of.modulesContent).map(([name, inner]) => [name, { ...inner }])) }
}
