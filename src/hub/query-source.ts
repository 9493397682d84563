import type { Path, Source } from '#wire/query'
import { type Sql, sql } from './query-sql.ts'

/** What an attribute is in the rows. `absent`: what NULL means there: undefined (the name is not there), or JSON's null. */
export type Field =
  | { readonly kind: 'text' | 'number' | 'boolean'; readonly sql: Sql; readonly absent: 'undefined' | 'null' }
  /** Milliseconds since the epoch; NULL is undefined. */
  | { readonly kind: 'time'; readonly sql: Sql }
  /** Of a twin: the number behind it. */
  | { readonly kind: 'etag'; readonly sql: Sql }
  /** A value inside a column of JSON. */
  | { readonly kind: 'json'; readonly column: Sql; readonly steps: Path['steps'] }
  /** An object that is made of columns: there, and equal to nothing. */
  | { readonly kind: 'structure' }
  | { readonly kind: 'undefined' }

/** What a query reads: its tables, the columns that order its rows, and what its attributes are in them. */
export type QuerySource = {
  readonly from: Sql
  /** The table alone that has the keys, for finding windows. */
  readonly keysFrom: Sql
  readonly keys: readonly Sql[]
  /** The attribute whose values choose rows by the first key. */
  readonly keyAttribute: string
  /** What a row of the answer needs. */
  readonly columns: Sql
  field(steps: Path['steps']): Field
}

const none: Field = { kind: 'undefined' }

function text(column: Sql): Field {
  return { kind: 'text', sql: column, absent: 'undefined' }
}

function orNull(column: Sql): Field {
  return { kind: 'text', sql: column, absent: 'null' }
}

function time(column: Sql): Field {
  return { kind: 'time', sql: sql`coalesce(${column}, -62135596800000)` }
}

const waitingMessages = sql`(SELECT count(*) FROM queue_messages q WHERE q.family = 'c2d' AND q.queue = t.identity)`
const authentication = (table: Sql) => sql`CASE WHEN ${table}.sealed_keys IS NOT NULL THEN 'sas' ELSE ${table}.auth_type END`

const twinColumns = sql`t.generation_id, t.model_id, t.tags, t.desired, t.desired_metadata, t.desired_version, t.reported, t.reported_metadata, t.reported_version,
  t.version, t.etag_number, t.configurations, ${waitingMessages} AS waiting`

/** What devices and modules have alike; `own` is the table of the row itself, `d` that of its device. */
function identityFields(own: Sql): ReadonlyMap<string, Field> {
  return new Map<string, Field>([
    ['deviceId', text(sql`d.id`)],
    ['etag', { kind: 'etag', sql: sql`t.etag_number` }],
    ['deviceEtag', text(sql`${own}.etag`)],
    ['status', text(sql`d.status`)],
    ['statusReason', orNull(sql`d.status_reason`)],
    ['statusUpdateTime', time(sql`d.status_updated_at`)],
    ['connectionState', text(sql`CASE WHEN ${own}.connected THEN 'Connected' ELSE 'Disconnected' END`)],
    ['lastActivityTime', time(sql`${own}.last_activity_at`)],
    ['cloudToDeviceMessageCount', { kind: 'number', sql: waitingMessages, absent: 'undefined' }],
    ['authenticationType', text(authentication(own))],
    ['modelId', text(sql`t.model_id`)],
    ['version', { kind: 'number', sql: sql`t.version`, absent: 'undefined' }],
  ])
}

function identityField(names: ReadonlyMap<string, Field>, own: Sql, steps: Path['steps']): Field {
  const [root, second, ...rest] = steps
  if (typeof root !== 'string') return none
  const named = names.get(root)
  if (named !== undefined) return second === undefined ? named : none
  switch (root) {
    case 'tags':
      return { kind: 'json', column: sql`t.tags`, steps: steps.slice(1) }
    case 'configurations':
      return { kind: 'json', column: sql`nullif(t.configurations, '{}')`, steps: steps.slice(1) }
    case 'properties':
      if (second === undefined) return { kind: 'structure' }
      return second === 'desired' || second === 'reported' ? sectionField(second, rest) : none
    case 'x509Thumbprint':
      if (second === undefined) return { kind: 'structure' }
      if (rest.length > 0 || (second !== 'primaryThumbprint' && second !== 'secondaryThumbprint')) return none
      return {
        kind: 'text',
        sql: second === 'primaryThumbprint' ? sql`${own}.primary_thumbprint` : sql`${own}.secondary_thumbprint`,
        absent: 'null',
      }
    default:
      return none
  }
}

function sectionField(section: 'desired' | 'reported', steps: Path['steps']): Field {
  const [first] = steps
  const isDesired = section === 'desired'
  if (first === undefined) return { kind: 'structure' }
  if (first === '$version') {
    if (steps.length > 1) return none
    return { kind: 'number', sql: isDesired ? sql`t.desired_version` : sql`t.reported_version`, absent: 'undefined' }
  }
  if (first === '$metadata')
    return { kind: 'json', column: isDesired ? sql`t.desired_metadata` : sql`t.reported_metadata`, steps: steps.slice(1) }
  return { kind: 'json', column: isDesired ? sql`t.desired` : sql`t.reported`, steps }
}

const deviceNames = identityFields(sql`d`)
const moduleNames = new Map([
  ...identityFields(sql`m`),
  ['moduleId', text(sql`m.id`)] as const,
  ['managedBy', text(sql`m.managed_by`)] as const,
])

const devices: QuerySource = {
  from: sql`devices d JOIN twins t ON t.identity = d.id`,
  keysFrom: sql`devices d`,
  keys: [sql`d.id`],
  keyAttribute: 'deviceId',
  columns: sql`d.id AS device_id, NULL AS module_id, d.etag, d.status, d.status_reason, d.status_updated_at, d.connected, d.connection_updated_at,
    d.last_activity_at, ${authentication(sql`d`)} AS authentication, d.primary_thumbprint, d.secondary_thumbprint, d.iot_edge, d.device_scope,
    d.parent_scopes, ${twinColumns}`,
  field(steps) {
    const [root, second] = steps
    if (root === 'capabilities') {
      if (second === undefined) return { kind: 'structure' }
      return second === 'iotEdge' && steps.length === 2 ? { kind: 'boolean', sql: sql`d.iot_edge`, absent: 'undefined' } : none
    }
    if (root === 'deviceScope') return second === undefined ? orNull(sql`d.device_scope`) : none
    if (root === 'parentScopes') return { kind: 'json', column: sql`coalesce(d.parent_scopes, '[]')`, steps: steps.slice(1) }
    return identityField(deviceNames, sql`d`, steps)
  },
}

const modules: QuerySource = {
  from: sql`modules m JOIN devices d ON d.id = m.device_id JOIN twins t ON t.identity = m.device_id || '/' || m.id`,
  keysFrom: sql`modules m`,
  keys: [sql`m.device_id`, sql`m.id`],
  keyAttribute: 'deviceId',
  columns: sql`m.device_id, m.id AS module_id, m.etag, d.status, d.status_reason, d.status_updated_at, m.connected, m.connection_updated_at,
    m.last_activity_at, ${authentication(sql`m`)} AS authentication, m.primary_thumbprint, m.secondary_thumbprint, NULL AS iot_edge,
    NULL AS device_scope, NULL AS parent_scopes, m.managed_by, ${twinColumns}`,
  field: (steps) => identityField(moduleNames, sql`m`, steps),
}

const jobNames: ReadonlyMap<string, Field> = new Map<string, Field>([
  ['jobId', text(sql`j.job_id`)],
  ['deviceId', text(sql`CASE WHEN instr(j.identity, '/') THEN substr(j.identity, 1, instr(j.identity, '/') - 1) ELSE j.identity END`)],
  ['moduleId', text(sql`CASE WHEN instr(j.identity, '/') THEN substr(j.identity, instr(j.identity, '/') + 1) END`)],
  ['jobType', text(sql`k.type`)],
  ['status', text(sql`j.status`)],
  ['createdDateTimeUtc', { kind: 'time', sql: sql`k.created_at` }],
  ['lastUpdatedDateTimeUtc', { kind: 'time', sql: sql`j.updated_at` }],
  ['startTimeUtc', { kind: 'time', sql: sql`j.started_at` }],
  ['endTimeUtc', { kind: 'time', sql: sql`j.ended_at` }],
])

const jobs: QuerySource = {
  from: sql`device_jobs j JOIN jobs k ON k.id = j.job_id`,
  keysFrom: sql`device_jobs j`,
  keys: [sql`j.job_id`, sql`j.identity`],
  keyAttribute: 'jobId',
  columns: sql`j.job_id, j.identity, j.status, j.started_at, j.ended_at, j.updated_at, j.answer_status, j.answer_payload, j.error_code,
    j.error_description, k.type, k.created_at`,
  field([root, second, third, ...rest]) {
    const named = typeof root === 'string' ? jobNames.get(root) : undefined
    if (named !== undefined) return second === undefined ? named : none
    if (root === 'error' && third === undefined) {
      if (second === undefined) return none
      if (second === 'code') return text(sql`j.error_code`)
      return second === 'description' ? text(sql`j.error_description`) : none
    }
    if (root !== 'outcome' || second !== 'deviceMethodResponse') return none
    if (third === 'status' && rest.length === 0) return { kind: 'number', sql: sql`j.answer_status`, absent: 'undefined' }
    return third === 'payload' ? { kind: 'json', column: sql`j.answer_payload`, steps: rest } : none
  },
}

/** The tables behind a source of the language (azure-wire 5.4). */
export const querySources: Readonly<Record<Source, QuerySource>> = { devices, 'devices.modules': modules, 'devices.jobs': jobs }
