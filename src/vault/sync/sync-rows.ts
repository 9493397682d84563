import type { Migration } from '#store'

/** The tables of what edges hold. `secrets` and keys (JWK) are JSON; `content` says which versions the newest number stands for; times are milliseconds. */
export const syncMigrations: readonly Migration[] = [
  {
    name: 'vault-sync/001-edges',
    sql: `
      CREATE TABLE sync_key (kid TEXT PRIMARY KEY, jwk TEXT NOT NULL, sealed_key BLOB NOT NULL, created_at INTEGER NOT NULL);
      CREATE TABLE sync_edge (
        edge TEXT PRIMARY KEY, key_sha256 TEXT NOT NULL UNIQUE, jwk TEXT NOT NULL, secrets TEXT NOT NULL, every_seconds INTEGER NOT NULL, partial INTEGER NOT NULL,
        version INTEGER NOT NULL, content TEXT NOT NULL, digest TEXT NOT NULL, held_version INTEGER, held_at INTEGER, created_at INTEGER NOT NULL
      ) STRICT;
    `,
  },
]
