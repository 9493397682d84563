import type { StateStore } from '#gateway'
import type { Migration, Statement, Store } from '#store'

/** Rows of stored sessions, and what a copied retained message says beside its record. */
export const sessionMigrations: readonly Migration[] = [
  {
    name: 'gateway/002-sessions',
    sql: `CREATE TABLE sessions (owner TEXT NOT NULL, client_id BLOB NOT NULL, row BLOB NOT NULL, PRIMARY KEY (owner, client_id)) STRICT;
      ALTER TABLE retained ADD COLUMN about TEXT;`,
  },
]

/** Retained messages and stored sessions in rows, with the journal offset up to which they hold. */
export function stateRows(store: Store): StateStore {
  return {
    async load() {
      const retained = await store.query('SELECT record, about FROM retained')
      const sessions = await store.query('SELECT owner, client_id, row FROM sessions')
      const [cursor] = await store.query("SELECT offset FROM cursors WHERE name = 'retained'")
      return {
        retained: retained.flatMap(({ record, about }) =>
          Buffer.isBuffer(record) ? [{ record, about: typeof about === 'string' ? about : undefined }] : [],
        ),
        sessions: sessions.flatMap(({ owner, client_id: clientId, row }) =>
          typeof owner === 'string' && Buffer.isBuffer(clientId) && Buffer.isBuffer(row)
            ? [{ owner, clientId: clientId.toString('utf8'), row }]
            : [],
        ),
        upTo: Number(cursor?.['offset'] ?? 0),
      }
    },
    async save({ retained, sessions }, upTo) {
      const topics: Statement[] = retained.map(([topic, row]) =>
        row === undefined
          ? { sql: 'DELETE FROM retained WHERE topic = ?', args: [topic] }
          : {
              sql: `INSERT INTO retained (topic, record, about) VALUES (?, ?, ?)
                ON CONFLICT (topic) DO UPDATE SET record = excluded.record, about = excluded.about`,
              args: [topic, row.record, row.about ?? null],
            },
      )
      // A client identifier may hold any character, U+0000 apart or not: it is stored as bytes.
      const rows: Statement[] = sessions.map(({ owner, clientId, row }) =>
        row === undefined
          ? { sql: 'DELETE FROM sessions WHERE owner = ? AND client_id = ?', args: [owner, Buffer.from(clientId, 'utf8')] }
          : {
              sql: `INSERT INTO sessions (owner, client_id, row) VALUES (?, ?, ?)
                ON CONFLICT (owner, client_id) DO UPDATE SET row = excluded.row`,
              args: [owner, Buffer.from(clientId, 'utf8'), row],
            },
      )
      const cursor: Statement[] =
        upTo === undefined
          ? []
          : [
              {
                sql: "INSERT INTO cursors (name, offset) VALUES ('retained', ?) ON CONFLICT (name) DO UPDATE SET offset = excluded.offset",
                args: [upTo],
              },
            ]
      const saved = await store.commit([...topics, ...rows, ...cursor])
      if (!saved.ok) throw new Error('bug: no row of the copy can conflict')
    },
  }
}
