import type { Migration } from '#store'

/**
 * Tables of revocation. `revocation_denied`: certificates, keys and issuers that are refused whoever signed them; `kind` is `fingerprint`,
 * `key` or `issuer`, `value` lower-case hex. `revocation_list`: the newest signed list of each shard. `revocation_responder`: the
 * certificates that sign OCSP answers, their keys sealed.
 */
export const revocationMigrations: readonly Migration[] = [
  {
    name: 'revocation/001-lists',
    sql: `
      CREATE TABLE revocation_denied (
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        denied_at INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (kind, value)
      );
      CREATE TABLE revocation_list (
        issuer TEXT NOT NULL,
        shard INTEGER NOT NULL,
        number INTEGER NOT NULL,
        this_update INTEGER NOT NULL,
        next_update INTEGER NOT NULL,
        der BLOB NOT NULL,
        PRIMARY KEY (issuer, shard)
      );
      CREATE TABLE revocation_responder (
        issuer TEXT PRIMARY KEY,
        serial TEXT NOT NULL,
        certificate BLOB NOT NULL,
        sealed_key BLOB NOT NULL
      );
      CREATE INDEX revocation_key ON pki_certificate (key_sha256);
      CREATE INDEX revocation_fingerprint ON pki_certificate (fingerprint);
    `,
  },
]
