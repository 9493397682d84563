import type { Migration } from '#store'

/** The tables of the audit log. */
export const auditMigrations: readonly Migration[] = [
  {
    name: 'audit/001-log',
    sql: `
      CREATE TABLE audit_log (
        sequence INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        actor_kind TEXT NOT NULL,
        actor_id TEXT NOT NULL,
        actor_via TEXT NOT NULL,
        action TEXT NOT NULL,
        resource TEXT NOT NULL,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL,
        previous_hash TEXT NOT NULL,
        hash TEXT NOT NULL
      );
      CREATE TABLE audit_head (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), sequence INTEGER NOT NULL, hash TEXT NOT NULL);
      INSERT INTO audit_head (only_row, sequence, hash) VALUES (1, 0, '${'0'.repeat(64)}');
    `,
  },
]
