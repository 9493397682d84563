import type { Migration } from '#store'
import { authorityKeyMigrations } from './authorities/authority-keys.ts'
import { rootMigrations } from './authorities/roots.ts'
import { campaignMigrations } from './campaigns/rows.ts'
import { acmeMigrations } from './acme/rows.ts'
import { estMigrations } from './est/code-rows.ts'
import { revocationMigrations } from './revocation/migrations.ts'

/** Tables of this room. A certificate without `fingerprint` was recorded but never handed out. */
export const pkiMigrations: readonly Migration[] = [
  {
    name: 'pki/001-certificates',
    sql: `
      CREATE TABLE pki_certificate (
        serial TEXT PRIMARY KEY,
        profile TEXT NOT NULL,
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        device TEXT,
        key_sha256 TEXT NOT NULL,
        not_before INTEGER NOT NULL,
        not_after INTEGER NOT NULL,
        fingerprint TEXT,
        der BLOB,
        revoked_at INTEGER,
        reason TEXT
      );
      CREATE INDEX pki_certificate_device ON pki_certificate (device);
      CREATE INDEX pki_certificate_revoked ON pki_certificate (revoked_at) WHERE revoked_at IS NOT NULL;
      CREATE TABLE pki_key (
        key_sha256 TEXT PRIMARY KEY,
        owner TEXT NOT NULL
      );
      CREATE TABLE pki_keyring (
        serial TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        certificate BLOB NOT NULL,
        sealed_key BLOB NOT NULL
      );
    `,
  },
  ...revocationMigrations,
  ...estMigrations,
  ...acmeMigrations,
  ...rootMigrations,
  ...authorityKeyMigrations,
  ...campaignMigrations,
]
