import { type DeviceId, type Instant, identityOf, identityParts, instant, parseDeviceId, parseModuleId } from '#base'
import type { Store } from '#store'

type Registered = { readonly generationId: string; readonly createdAt: Instant }

/** An identity as tests write it: `pump-1` or `pump-1/vision`. */
export function identity(text: string): DeviceId {
  const [device = '', module] = text.split('/')
  const parsed = parseDeviceId(device)
  if (!parsed.ok) throw new Error(parsed.error.message)
  if (module === undefined) return parsed.value
  const name = parseModuleId(module)
  if (!name.ok) throw new Error(name.error.message)
  return identityOf(parsed.value, name.value)
}

/** Rows of devices and modules as the registry writes them, and its look-up, for tests of what hangs on them. */
export class DeviceRows {
  readonly store: Store
  readonly #registered = new Map<DeviceId, Registered>()
  #generation = 0

  constructor(store: Store) {
    this.store = store
  }

  /** Reads what the store has. */
  async load(): Promise<this> {
    for (const from of ['SELECT id AS identity', "SELECT device_id || '/' || id AS identity"])
      for (const row of await this.store.query(`${from}, generation_id, created_at FROM ${from.includes('/') ? 'modules' : 'devices'}`)) {
        this.#generation = Math.max(this.#generation, Number(row['generation_id']))
        this.#registered.set(identity(String(row['identity'])), {
          generationId: String(row['generation_id']),
          createdAt: instant(Number(row['created_at'])),
        })
      }
    return this
  }

  find(id: DeviceId): Registered | undefined {
    return this.#registered.get(id)
  }

  async add(...names: readonly string[]): Promise<void> {
    const createdAt = instant(Date.UTC(2026, 0, 1))
    const made = names.map((name) => {
      const { device, module } = identityParts(identity(name))
      const generationId = String(++this.#generation)
      const rest = [generationId, 'e', 'certificateAuthority', createdAt, createdAt]
      const statement =
        module === undefined
          ? {
              sql: `INSERT INTO devices (id, status, generation_id, etag, auth_type, created_at, updated_at) VALUES (?, 'enabled', ?, ?, ?, ?, ?)`,
              args: [device, ...rest],
            }
          : {
              sql: 'INSERT INTO modules (device_id, id, generation_id, etag, auth_type, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
              args: [device, module, ...rest],
            }
      return { name, generationId, statement }
    })
    const outcome = await this.store.commit(made.map(({ statement }) => statement))
    if (!outcome.ok) throw new Error('the rows of these devices exist')
    for (const { name, generationId } of made) this.#registered.set(identity(name), { generationId, createdAt })
  }

  async remove(name: string): Promise<void> {
    const { device, module } = identityParts(identity(name))
    await this.store.commit([
      module === undefined
        ? { sql: 'DELETE FROM devices WHERE id = ?', args: [device] }
        : { sql: 'DELETE FROM modules WHERE device_id = ? AND id = ?', args: [device, module] },
    ])
    this.#registered.delete(identity(name))
  }
}
