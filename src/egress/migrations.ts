import type { Migration } from '#store'

/** The tables of routes, endpoints, their cursors and dead letters. */
export const egressMigrations: readonly Migration[] = [
  {
    name: 'egress/001-routes',
    sql: `
      -- Every set of routes that was in force. seen_from: the journal ended there when it was committed; from_offset: the record that says so.
      CREATE TABLE egress_sets (
        version INTEGER PRIMARY KEY,
        seen_from INTEGER NOT NULL,
        from_offset INTEGER,
        content TEXT NOT NULL,
        digest TEXT NOT NULL,
        actor TEXT NOT NULL,
        what TEXT NOT NULL,
        changed_at INTEGER NOT NULL
      );
      CREATE TABLE egress_endpoints (
        name TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        settings TEXT NOT NULL,
        sources TEXT NOT NULL,
        condition TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL
      );
      CREATE TABLE egress_cursors (
        endpoint TEXT PRIMARY KEY,
        cursor INTEGER NOT NULL,
        failing_since INTEGER,
        counts TEXT NOT NULL
      );
      CREATE TABLE egress_dead_letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        endpoint TEXT NOT NULL,
        journal_offset INTEGER NOT NULL,
        device TEXT NOT NULL,
        reason TEXT NOT NULL,
        tries INTEGER NOT NULL,
        event BLOB NOT NULL,
        put_aside_at INTEGER NOT NULL,
        replays INTEGER NOT NULL DEFAULT 0
      );
      CREATE INDEX egress_dead_letters_endpoint ON egress_dead_letters (endpoint, id);
    `,
  },
]
