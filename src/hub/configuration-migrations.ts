import type { Migration } from '#store'

/** The table of automatic device management, and the way to twins that it has touched. After `hubMigrations`. */
export const hubConfigurationMigrations: readonly Migration[] = [
  {
    // `spec` is JSON. A deleted configuration stays until what it set has been taken back; its name may be used again before that.
    name: 'hub-configuration/001-configurations',
    sql: `
      CREATE TABLE configurations (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        spec TEXT NOT NULL,
        etag TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        results TEXT,
        deleted_at INTEGER
      );
      CREATE UNIQUE INDEX configurations_live ON configurations (id) WHERE deleted_at IS NULL;
      CREATE INDEX twins_configured ON twins (device_id, module_id) WHERE configurations <> '{}';
    `,
  },
]
