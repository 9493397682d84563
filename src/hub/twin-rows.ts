import type { DeviceId } from '#base'
import type { Row, Statement, Store } from '#store'
import { etagNumber, twinEtag } from './twin-change.ts'
import { isTwinObject } from './twin-rules.ts'
import type { Twin, TwinObject } from './twin.ts'

/** Reads one twin back; undefined where there is no row of that generation. Throws the store's Faults. */
export async function loadTwin(store: Store, identity: DeviceId, generationId: string): Promise<Twin | undefined> {
  const [row] = await store.query('SELECT * FROM twins WHERE identity = ? AND generation_id = ?', identity, generationId)
  return row === undefined ? undefined : twinOf(identity, row)
}

/** Writes one twin over its row. Where the identity has been removed meanwhile there is none, and nothing is written. */
export function twinUpdate(twin: Twin): Statement {
  const { desired, reported } = twin
  return {
    sql: `UPDATE twins SET model_id = ?, tags = ?, desired = ?, desired_metadata = ?, desired_version = ?, reported = ?, reported_metadata = ?,
      reported_version = ?, version = ?, etag_number = ?, configurations = ? WHERE identity = ? AND generation_id = ?`,
    args: [
      twin.modelId,
      JSON.stringify(twin.tags),
      JSON.stringify(desired.properties),
      JSON.stringify(desired.metadata),
      desired.version,
      JSON.stringify(reported.properties),
      JSON.stringify(reported.metadata),
      reported.version,
      twin.version,
      etagNumber(twin.etag),
      JSON.stringify(twin.configurations),
      twin.identity,
      twin.generationId,
    ],
  }
}

/** Up to which offset of the journal the rows hold; 0 before the first time. */
export async function loadTwinCursor(store: Store): Promise<number> {
  const [row] = await store.query('SELECT up_to FROM twins_cursor')
  return row === undefined ? 0 : numberAt(row, 'up_to')
}

/** Moves the cursor, in the commit of the last rows that it speaks for. */
export function twinCursorUpdate(upTo: number): Statement {
  return { sql: 'INSERT INTO twins_cursor (one, up_to) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET up_to = excluded.up_to', args: [upTo] }
}

/** Reads a twin back from its row. Throws on a row that this room cannot have written. */
export function twinOf(identity: DeviceId, row: Row): Twin {
  const section = (name: 'desired' | 'reported') => ({
    properties: objectAt(row, name),
    metadata: objectAt(row, `${name}_metadata`),
    version: numberAt(row, `${name}_version`),
  })
  return {
    identity,
    generationId: textAt(row, 'generation_id'),
    modelId: textAt(row, 'model_id'),
    tags: objectAt(row, 'tags'),
    desired: section('desired'),
    reported: section('reported'),
    version: numberAt(row, 'version'),
    etag: twinEtag(numberAt(row, 'etag_number')),
    configurations: configurationsOf(objectAt(row, 'configurations')),
  }
}

function configurationsOf(object: TwinObject): Twin['configurations'] {
  const entries = Object.entries(object).map(([id, value]) => {
    const isApplied = isTwinObject(value) && value['status'] === 'Applied'
    return [id, { status: isApplied ? 'Applied' : 'Targeted' }] as const
  })
  return Object.fromEntries(entries)
}

function objectAt(row: Row, column: string): TwinObject {
  const value: TwinObject[string] = JSON.parse(textAt(row, column))
  if (!isTwinObject(value)) throw new Error(`bug: column ${column} of a twin is no object`)
  return value
}

function textAt(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new Error(`bug: column ${column} of a twin is not text`)
  return value
}

function numberAt(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw new Error(`bug: column ${column} of a twin is no number`)
  return value
}
