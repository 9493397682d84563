import type { Migration } from '#store'
import { hubConfigurationMigrations } from './configuration-migrations.ts'
import { hubJobMigrations } from './job-rows.ts'
import { hubContainerMigrations } from './containers.ts'
import { hubRegistryJobMigrations } from './registry-jobs.ts'
import { hubFileMigrations } from './file-rows.ts'
import { hubQueueMigrations } from './queue-rows.ts'
import { hubTransferMigrations } from './transfer-rows.ts'
import { hubTwinMigrations } from './twin-migrations.ts'

/** The tables of the device registry and of twins. */
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
  {
    // What IoT Hub says of a device besides; times in milliseconds since the epoch, NULL for never. `parent_scopes` is a JSON list.
    name: 'hub/003-devices-whole',
    sql: `
      ALTER TABLE devices ADD COLUMN iot_edge INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE devices ADD COLUMN device_scope TEXT;
      ALTER TABLE devices ADD COLUMN parent_scopes TEXT;
      ALTER TABLE devices ADD COLUMN status_updated_at INTEGER;
      ALTER TABLE devices ADD COLUMN connected INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE devices ADD COLUMN connection_updated_at INTEGER;
      ALTER TABLE devices ADD COLUMN last_activity_at INTEGER;
    `,
  },
  {
    name: 'hub/004-modules',
    sql: `
      CREATE TABLE modules (
        device_id TEXT NOT NULL,
        id TEXT NOT NULL,
        generation_id TEXT NOT NULL,
        etag TEXT NOT NULL,
        managed_by TEXT,
        auth_type TEXT NOT NULL,
        primary_thumbprint TEXT,
        secondary_thumbprint TEXT,
        sealed_keys BLOB,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        connected INTEGER NOT NULL DEFAULT 0,
        connection_updated_at INTEGER,
        last_activity_at INTEGER,
        PRIMARY KEY (device_id, id)
      ) WITHOUT ROWID;
    `,
  },
  {
    // A copy of what the journal says: rows lag, and name the offset up to which they do not. `identity` is a device's id or `{device}/{module}`.
    // Sections and their metadata are JSON objects.
    name: 'hub/005-twins',
    sql: `
      CREATE TABLE twins (
        identity TEXT PRIMARY KEY,
        device_id TEXT NOT NULL,
        module_id TEXT,
        generation_id TEXT NOT NULL,
        model_id TEXT NOT NULL DEFAULT '',
        tags TEXT NOT NULL,
        desired TEXT NOT NULL,
        desired_metadata TEXT NOT NULL,
        desired_version INTEGER NOT NULL,
        reported TEXT NOT NULL,
        reported_metadata TEXT NOT NULL,
        reported_version INTEGER NOT NULL,
        version INTEGER NOT NULL,
        etag_number INTEGER NOT NULL,
        configurations TEXT NOT NULL DEFAULT '{}'
      );
      CREATE INDEX twins_by_device ON twins (device_id);
      CREATE TABLE twins_cursor (one INTEGER PRIMARY KEY CHECK (one = 1), up_to INTEGER NOT NULL);
    `,
  },
  ...hubTwinMigrations,
  ...hubQueueMigrations,
  ...hubFileMigrations,
  ...hubJobMigrations,
  ...hubConfigurationMigrations,
  ...hubTransferMigrations,
  ...hubContainerMigrations,
  ...hubRegistryJobMigrations,
]
