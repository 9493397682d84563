import { type Instant, instant } from '#base'
import type { Offset } from '#journal'
import type { Row, Statement } from '#store'

/** Running totals of one endpoint, over restarts. */
export type EndpointCounts = {
  /** Events that the endpoint has taken. */
  readonly delivered: number
  readonly deadLettered: number
  /** Dead letters that were dropped because there were too many. */
  readonly trimmed: number
  /** Attempts that failed. */
  readonly failures: number
  /** Records that retention had dropped before they were read for this endpoint. */
  readonly lost: number
  /** Events that enrichment made larger than events may be. */
  readonly tooLarge: number
}

/** How far an endpoint is: everything below `cursor` was delivered, put aside, or is not for it. */
export type Cursor = { readonly cursor: Offset; readonly failingSince: Instant | undefined; readonly counts: EndpointCounts }

/** A cursor that begins at an offset. */
export function newCursor(cursor: Offset): Cursor {
  return { cursor, failingSince: undefined, counts: { delivered: 0, deadLettered: 0, trimmed: 0, failures: 0, lost: 0, tooLarge: 0 } }
}

/** The statement that writes a cursor. */
export function saveCursor(endpoint: string, { cursor, failingSince, counts }: Cursor): Statement {
  return {
    sql: `INSERT INTO egress_cursors (endpoint, cursor, failing_since, counts) VALUES (?, ?, ?, ?)
      ON CONFLICT (endpoint) DO UPDATE SET cursor = excluded.cursor, failing_since = excluded.failing_since, counts = excluded.counts`,
    args: [endpoint, cursor, failingSince ?? null, JSON.stringify(counts)],
  }
}

/** A cursor as its row has it. Counts that cannot be read begin again; the place does not. */
export function cursorOf(row: Row): Cursor {
  let counts: unknown
  try {
    counts = JSON.parse(String(row['counts']))
  } catch {
    counts = undefined
  }
  const known = new Map<string, unknown>(typeof counts === 'object' && counts !== null ? Object.entries(counts) : [])
  const count = (name: string): number => {
    const value = known.get(name)
    return typeof value === 'number' ? value : 0
  }
  const failing = row['failing_since']
  return {
    cursor: Number(row['cursor']),
    failingSince: typeof failing === 'number' ? instant(failing) : undefined,
    counts: {
      delivered: count('delivered'),
      deadLettered: count('deadLettered'),
      trimmed: count('trimmed'),
      failures: count('failures'),
      lost: count('lost'),
      tooLarge: count('tooLarge'),
    },
  }
}
