import type { RetainedStore } from '#gateway'
import type { Migration, Statement, Store } from '#store'

/** The copy of the retained messages. */
export const retainedMigrations: readonly Migration[] = [
  {
    name: 'gateway/001-retained',
    sql: `CREATE TABLE retained (topic TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT;
      CREATE TABLE cursors (name TEXT PRIMARY KEY, offset INTEGER NOT NULL) STRICT;`,
  },
]

/** Retained messages in rows, with the journal offset up to which they hold. */
export function retainedRows(store: Store): RetainedStore {
  return {
    async load() {
      const rows = await store.query('SELECT record FROM retained')
      const [cursor] = await store.query("SELECT offset FROM cursors WHERE name = 'retained'")
      return {
        records: rows.map((row) => row['record']).filter((record) => Buffer.isBuffer(record)),
        upTo: Number(cursor?.['offset'] ?? 0),
      }
    },
    async save(changes, upTo) {
      const rows: Statement[] = changes.map(([topic, record]) =>
        record === undefined
          ? { sql: 'DELETE FROM retained WHERE topic = ?', args: [topic] }
          : {
              sql: 'INSERT INTO retained (topic, record) VALUES (?, ?) ON CONFLICT (topic) DO UPDATE SET record = excluded.record',
              args: [topic, record],
            },
      )
      const cursor = {
        sql: "INSERT INTO cursors (name, offset) VALUES ('retained', ?) ON CONFLICT (name) DO UPDATE SET offset = excluded.offset",
        args: [upTo],
      }
      await store.commit([...rows, cursor])
    },
  }
}
