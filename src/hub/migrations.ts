import type { Migration } from '#store'

/** The tables of the device registry. */
export const hubMigrations: readonly Migration[] = [
  {
    name: 'hub/001-devices',
    sql: `
      CREATE TABLE devices (
        id TEXT PRIMARY KEY,
        generation_id TEXT NOT NULL,
        etag TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('enabled', 'disabled')),
        status_reason TEXT,
        auth_type TEXT NOT NULL CHECK (auth_type IN ('certificateAuthority', 'selfSigned')),
        primary_thumbprint TEXT,
        secondary_thumbprint TEXT,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL
      ) WITHOUT ROWID;
    `,
  },
  {
    // Two symmetric keys, sealed by the vault. NULL for every device that has a certificate.
    name: 'hub/002-sealed-keys',
    sql: 'ALTER TABLE devices ADD COLUMN sealed_keys BLOB;',
  },
]
