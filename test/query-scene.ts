import { instant } from '#base'
import type { Migration, Store } from '#store'
import { type TwinObject, hubMigrations } from '#hub'
import { FakeClock } from './fake-clock.ts'
import { openTestStore } from './open-test-store.ts'
import { SeededRandom } from './seeded-random.ts'

/** The tables that queries read. */
export const queryMigrations: readonly Migration[] = hubMigrations

/** A device or a module (`device/module`) to be put into the tables as the hub's parts would have. */
export type QueryRow = {
  readonly identity: string
  readonly tags?: TwinObject
  readonly desired?: TwinObject
  readonly reported?: TwinObject
  readonly status?: 'enabled' | 'disabled'
  readonly statusReason?: string | null
  readonly connected?: boolean
  readonly lastActivityAt?: number | null
  readonly thumbprint?: string | null
  readonly iotEdge?: boolean
  readonly modelId?: string
  readonly configurations?: TwinObject
}

/** A real store with the tables of queries, and rows put into it. */
export async function openQueryScene() {
  const opened = await openTestStore(queryMigrations)
  const clock = new FakeClock()
  return {
    store: opened.store,
    clock,
    random: new SeededRandom(7),
    put: (rows: readonly QueryRow[]) => put(opened.store, rows),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}

async function put(store: Store, rows: readonly QueryRow[]): Promise<void> {
  const statements = rows.flatMap((row) => {
    const [device = '', module] = row.identity.split('/')
    const connected = row.connected === true ? 1 : 0
    const at = instant(1_767_225_600_000)
    const insertion =
      module === undefined
        ? {
            sql: `INSERT INTO devices (id, generation_id, etag, status, status_reason, auth_type, primary_thumbprint, created_at, updated_at, iot_edge,
              connected, last_activity_at) VALUES (?, '1', 'e1', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
            args: [
              device,
              row.status ?? 'enabled',
              row.statusReason ?? null,
              (row.thumbprint ?? null) === null ? 'certificateAuthority' : 'selfSigned',
              row.thumbprint ?? null,
              at,
              at,
              row.iotEdge === true ? 1 : 0,
              connected,
              row.lastActivityAt ?? null,
            ],
          }
        : {
            sql: `INSERT INTO modules (device_id, id, generation_id, etag, auth_type, created_at, updated_at, connected, last_activity_at)
              VALUES (?, ?, '1', 'e1', 'none', ?, ?, ?, ?)`,
            args: [device, module, at, at, connected, row.lastActivityAt ?? null],
          }
    const text = (value: TwinObject | undefined) => JSON.stringify(value ?? {})
    const twin = {
      sql: 'UPDATE twins SET tags = ?, desired = ?, reported = ?, model_id = ?, configurations = ? WHERE identity = ?',
      args: [text(row.tags), text(row.desired), text(row.reported), row.modelId ?? '', text(row.configurations), row.identity],
      expect: 1,
    }
    return [insertion, twin]
  })
  for (let i = 0; i < statements.length; i += 1_000) {
    const outcome = await store.commit(statements.slice(i, i + 1_000))
    if (!outcome.ok) throw new Error('the scene has a row twice')
  }
}
