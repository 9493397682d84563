import type { Migration } from '#store'

/** The copy of the retained messages. */
export const retainedMigrations: readonly Migration[] = [
  {
    name: 'gateway/001-retained',
    sql: `CREATE TABLE retained (topic TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT;
      CREATE TABLE cursors (name TEXT PRIMARY KEY, offset INTEGER NOT NULL) STRICT;`,
  },
]
