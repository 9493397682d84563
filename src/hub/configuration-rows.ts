import { type Instant, instant } from '#base'
import type { Row, Statement, Store } from '#store'
import type { Json } from '#wire/json'
import type { Configuration, ConfigurationResults } from './configuration.ts'
import { parseConfiguration } from './configuration-json.ts'
import { isTwinObject } from './twin-rules.ts'

/** A configuration with the number of its row; deleted, it has a time, and waits for what it set to be taken back. */
export type StoredConfiguration = { readonly number: number; readonly configuration: Configuration; readonly deletedAt: Instant | null }

/** Reads all of them. Throws the store's Faults, and on rows that this room cannot have written. */
export async function loadConfigurations(store: Store): Promise<readonly StoredConfiguration[]> {
  return (await store.query('SELECT * FROM configurations ORDER BY number')).map(configurationOf)
}

/** Puts a new one in. A conflict: the id is taken. */
export function configurationInsert(number: number, configuration: Configuration): Statement {
  const { id, etag, createdTime, lastUpdatedTime } = configuration
  return {
    sql: 'INSERT INTO configurations (number, id, spec, etag, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)',
    args: [number, id, specText(configuration), etag, createdTime, lastUpdatedTime],
  }
}

/** Changes one. A conflict: it is not what it was. */
export function configurationUpdate(number: number, configuration: Configuration, etagBefore: string): Statement {
  const { etag, lastUpdatedTime } = configuration
  return {
    sql: 'UPDATE configurations SET spec = ?, etag = ?, updated_at = ? WHERE number = ? AND etag = ? AND deleted_at IS NULL',
    args: [specText(configuration), etag, lastUpdatedTime, number, etagBefore],
    expect: 1,
  }
}

/** Marks one as deleted. A conflict: it is not what it was. */
export function configurationRemoval(number: number, etagBefore: string, now: Instant): Statement {
  return {
    sql: 'UPDATE configurations SET deleted_at = ? WHERE number = ? AND etag = ? AND deleted_at IS NULL',
    args: [now, number, etagBefore],
    expect: 1,
  }
}

/** Keeps what an evaluation found. */
export function resultsUpdate(number: number, results: ConfigurationResults): Statement {
  return { sql: 'UPDATE configurations SET results = ? WHERE number = ?', args: [JSON.stringify(results), number] }
}

/** Nothing of a deleted one is left anywhere. */
export function configurationPurge(number: number): Statement {
  return { sql: 'DELETE FROM configurations WHERE number = ? AND deleted_at IS NOT NULL', args: [number] }
}

function specText({ id, labels, content, targetCondition, priority, metricQueries }: Configuration): string {
  return JSON.stringify({ id, labels, content, targetCondition, priority, metrics: { queries: metricQueries } })
}

function configurationOf(row: Row): StoredConfiguration {
  const json: Json = JSON.parse(String(row['spec']))
  const spec = parseConfiguration(json)
  if (!spec.ok) throw new Error(`bug: a row of a configuration is none: ${spec.error.message}`)
  const deletedAt = row['deleted_at']
  return {
    number: numberOf(row['number']),
    configuration: {
      ...spec.value,
      etag: String(row['etag']),
      createdTime: instant(numberOf(row['created_at'])),
      lastUpdatedTime: instant(numberOf(row['updated_at'])),
      results: typeof row['results'] === 'string' ? resultsOf(JSON.parse(row['results'])) : null,
    },
    deletedAt: deletedAt === null || deletedAt === undefined ? null : instant(numberOf(deletedAt)),
  }
}

function resultsOf(json: Json): ConfigurationResults | null {
  if (!isTwinObject(json)) return null
  const metrics = Object.entries(isTwinObject(json['metrics']) ? json['metrics'] : {})
  return {
    evaluatedTime: instant(numberOf(json['evaluatedTime'])),
    targeted: numberOf(json['targeted']),
    applied: numberOf(json['applied']),
    reportedSuccessful: numberOf(json['reportedSuccessful']),
    reportedFailed: numberOf(json['reportedFailed']),
    metrics: Object.fromEntries(metrics.map(([name, value]) => [name, numberOf(value)])),
  }
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
