import type { Migration } from '#store'

// A twin as it is born (newTwin in twin-change.ts), of the row of a device or a module.
const born = (of: string) =>
  `'{}', '{}', '{"$lastUpdated":"' || ${of} || '0000Z"}', 1, '{}', '{"$lastUpdated":"' || ${of} || '0000Z"}', 1, 2, 1`
const time = (row: string) => `strftime('%Y-%m-%dT%H:%M:%f', ${row}created_at / 1000.0, 'unixepoch')`
const columns = `identity, device_id, module_id, generation_id, tags, desired, desired_metadata, desired_version, reported, reported_metadata,
  reported_version, version, etag_number`

/**
 * Each device and module has its row of a twin from birth to removal, in the commit of its own row: queries find every twin, and a copy that comes
 * late finds no row to write to. After `hubMigrations`.
 */
export const hubTwinMigrations: readonly Migration[] = [
  {
    name: 'hub-twin/001-born-and-gone',
    sql: `
      INSERT OR IGNORE INTO twins (${columns}) SELECT id, id, NULL, generation_id, ${born(time(''))} FROM devices;
      INSERT OR IGNORE INTO twins (${columns}) SELECT device_id || '/' || id, device_id, id, generation_id, ${born(time(''))} FROM modules;
      CREATE TRIGGER twin_of_device AFTER INSERT ON devices BEGIN
        INSERT OR REPLACE INTO twins (${columns}) VALUES (NEW.id, NEW.id, NULL, NEW.generation_id, ${born(time('NEW.'))});
      END;
      CREATE TRIGGER twin_of_module AFTER INSERT ON modules BEGIN
        INSERT OR REPLACE INTO twins (${columns})
          VALUES (NEW.device_id || '/' || NEW.id, NEW.device_id, NEW.id, NEW.generation_id, ${born(time('NEW.'))});
      END;
      CREATE TRIGGER no_twin_of_device AFTER DELETE ON devices BEGIN
        DELETE FROM twins WHERE device_id = OLD.id;
      END;
      CREATE TRIGGER no_twin_of_module AFTER DELETE ON modules BEGIN
        DELETE FROM twins WHERE identity = OLD.device_id || '/' || OLD.id;
      END;
    `,
  },
]
