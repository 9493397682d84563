import { type Result, isoTime } from '#base'
import { type RoutedEvent, eventToJson } from '../event.ts'
import { readSettings } from './settings.ts'
import { type TlsSettings, readTls } from './tls-settings.ts'

/** A table of PostgreSQL that takes events as rows. */
export type PostgresqlSettings = TlsSettings & {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** Names the secret; undefined: the client certificate proves the hub. */
  readonly passwordSecret: string | undefined
  readonly schema: string
  readonly table: string
  /** Whether the hub may make the table when it is not there. */
  readonly createTable: boolean
}

// What needs no quotes but for letter case; longer names are cut by PostgreSQL, and then two tables are one.
const identifier = { most: 63, pattern: /^[A-Za-z_][A-Za-z0-9_]*$/, such: 'characters other than letters, digits and _' } as const

/** Reads the settings of an endpoint of the kind `postgresql`. Refuses `egress/endpoint-malformed`. */
export function parsePostgresql(given: unknown): Result<PostgresqlSettings> {
  return readSettings('postgresql', given, (reader) => {
    const tls = readTls(reader)
    const passwordSecret = reader.optionalSecret('passwordSecret')
    if (passwordSecret === undefined && tls.client === undefined) reader.wrong('neither passwordSecret nor clientCertificate is given')
    return {
      ...tls,
      host: reader.host('host'),
      port: reader.port('port', 5432),
      database: reader.text('database', { most: 63 }),
      user: reader.text('user', { most: 63 }),
      passwordSecret,
      schema: reader.optionalText('schema', identifier) ?? 'public',
      table: reader.text('table', identifier),
      createTable: reader.flag('createTable', false),
    }
  })
}

const columns = [
  ['endpoint', 'text', 'NOT NULL'],
  ['journal_offset', 'bigint', 'NOT NULL'],
  ['event_time', 'timestamptz', 'NOT NULL'],
  ['source', 'text', 'NOT NULL'],
  ['device', 'text', 'NOT NULL'],
  ['module', 'text', ''],
  ['system', 'jsonb', 'NOT NULL'],
  ['properties', 'jsonb', 'NOT NULL'],
  ['body', 'bytea', 'NOT NULL'],
  ['body_json', 'jsonb', ''],
] as const

/** Both are letters, digits and `_`, so quotes are all they need. */
const qualified = ({ schema, table }: PostgresqlSettings) => `"${schema}"."${table}"`

/** Makes the table as we would have it, if it is not there. */
export function createStatement(settings: PostgresqlSettings): string {
  const lines = columns.map(([name, type, bound]) => `${name} ${type} ${bound}`.trim())
  return `CREATE TABLE IF NOT EXISTS ${qualified(settings)} (${lines.join(', ')}, PRIMARY KEY (endpoint, journal_offset))`
}

/** Inserts any number of events at once; those that are there already are left alone, so that delivering twice makes no second row. */
export function insertStatement(settings: PostgresqlSettings): string {
  const names = columns.map(([name]) => name).join(', ')
  const arrays = columns.map(([, type], i) => `$${i + 1}::${type}[]`).join(', ')
  return `INSERT INTO ${qualified(settings)} (${names}) SELECT * FROM unnest(${arrays}) ON CONFLICT (endpoint, journal_offset) DO NOTHING`
}

/** The arguments of {@link insertStatement}, an array for each column. */
export function insertArguments(endpoint: string, events: readonly RoutedEvent[]): readonly (readonly (string | Buffer | null)[])[] {
  const rows = events.map((event) => [
    endpoint,
    String(event.offset),
    isoTime(event.time),
    event.source,
    event.device,
    event.module ?? null,
    JSON.stringify(event.system),
    JSON.stringify(event.properties),
    event.body,
    bodyJson(event),
  ])
  return columns.map((_, i) => rows.map((row) => row[i] ?? null))
}

// What jsonb cannot hold: U+0000 and halves of surrogate pairs, as JSON.stringify escapes them. An even number of \ before is an escaped \.
const beyondJsonb = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

/** The body as JSON, when its sender says that it is. `body` has it in any case, to the byte. */
function bodyJson(event: RoutedEvent): string | null {
  const { body } = eventToJson(event)
  if (body === undefined || typeof body === 'string') return null
  const text = JSON.stringify(body)
  return beyondJsonb.test(text) ? null : text
}

/**
 * Whether PostgreSQL's answer says that the rows themselves can never be taken: data exceptions (class 22) and integrity constraints (23), which a table's
 * owner may have added, and what triggers raise (P0001). Everything else may pass: the table may yet be made, the server started, the right given.
 */
export function isRowsFault(code: string | undefined): boolean {
  return code !== undefined && (code.startsWith('22') || code.startsWith('23') || code === 'P0001')
}
