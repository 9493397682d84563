import { type Clock, type DeviceId, type Instant, identityParts } from '#base'
import type { Row, Statement, Store } from '#store'
import { optionalInstantOf, textOf } from './registry-columns.ts'

/*
 * Theory of operation.
 * Memory is what everybody asks; the rows are for queries, which are compiled to SQL. A change of connection is written within two seconds, and that
 * somebody was heard within half a minute, unless `flushed` is asked for. Rows are written many at a time by one statement, so that ten thousand
 * talking devices cost a few statements a flush. Nobody is connected after a start: whoever was has lost its connection with the hub.
 */

/** What is known of an identity's connection. Times are null until the first. */
export type PresenceOf = {
  readonly connectionState: 'Connected' | 'Disconnected'
  readonly connectionStateUpdatedTime: Instant | null
  readonly lastActivityTime: Instant | null
}

/**
 * Who is connected and when they were last heard: in memory, with rows that lag by a second or two, and by half a minute for when somebody was heard.
 * Identities that are not registered are nobody's business here, and are passed over.
 */
export interface Presence {
  /** A connection of this identity began. Each is to be ended by one {@link Presence.disconnected}; there may be several. */
  connected(identity: DeviceId): void
  disconnected(identity: DeviceId): void
  /** Heard from: a message, a request. Cheap enough for every message. */
  active(identity: DeviceId): void
  of(identity: DeviceId): PresenceOf
  readonly connectedDevices: number
  /** Resolves when the rows say what memory said at the call: for queries. Rejects with the store's Fault. */
  flushed(): Promise<void>
}

/** What presence asks of others. */
export type PresencePorts = {
  readonly store: Store
  readonly clock: Clock
  /** The identity of this name, if it is registered. */
  registered(identity: string): DeviceId | undefined
  /** Told of identities that are no more. */
  onRemoved(listener: (identity: DeviceId) => void): () => void
  trouble(what: string, error: unknown): void
}

const flushMs = 2_000
const flushesForActivity = 15
/** Rows that one statement writes. */
const rowsPerStatement = 1_000

type Entry = {
  readonly identity: DeviceId
  readonly isModule: boolean
  links: number
  changedAt: Instant | null
  activeAt: Instant | null
  /** Whether the row says less than this. */
  isStale: boolean
}

const unknown: PresenceOf = Object.freeze({ connectionState: 'Disconnected', connectionStateUpdatedTime: null, lastActivityTime: null })

/** Opens presence on the rows of devices and modules. Disposing of it writes what is not written yet. Throws the store's Faults. */
export async function openPresence(ports: PresencePorts, signal: AbortSignal): Promise<Presence & AsyncDisposable> {
  signal.throwIfAborted()
  const { store, clock } = ports
  await store.commit(
    ['devices', 'modules'].map((table) => ({
      sql: `UPDATE ${table} SET connected = 0, connection_updated_at = ? WHERE connected <> 0`,
      args: [clock.now()],
    })),
  )
  const heard = 'connection_updated_at IS NOT NULL OR last_activity_at IS NOT NULL'
  const devices = await store.query(`SELECT id AS identity, connection_updated_at, last_activity_at FROM devices WHERE ${heard}`)
  const modules = await store.query(
    `SELECT device_id || '/' || id AS identity, connection_updated_at, last_activity_at FROM modules WHERE ${heard}`,
  )
  return new LivePresence(ports, [...devices, ...modules])
}

/** Guards that memory and rows come to agree. */
class LivePresence implements Presence, AsyncDisposable {
  readonly #ports: PresencePorts
  readonly #entries = new Map<string, Entry>()
  /** Entries whose rows say less: those with another connection state, and those only heard from. */
  #changed: Entry[] = []
  #heard: Entry[] = []
  #connectedDevices = 0
  #flushes = 0
  #running: Promise<void> = Promise.resolve()
  #queued: Promise<void> | undefined
  readonly #stop: () => void

  constructor(ports: PresencePorts, rows: readonly Row[]) {
    this.#ports = ports
    for (const row of rows) {
      const known = this.#entryFor(textOf(row, 'identity'))
      if (known === undefined) continue
      known.changedAt = optionalInstantOf(row, 'connection_updated_at')
      known.activeAt = optionalInstantOf(row, 'last_activity_at')
    }
    const forget = ports.onRemoved((identity) => this.#forget(identity))
    const cancel = ports.clock.every(flushMs, () => this.#tick())
    this.#stop = () => {
      forget()
      cancel()
    }
  }

  get connectedDevices(): number {
    return this.#connectedDevices
  }

  connected(identity: DeviceId): void {
    const entry = this.#entryFor(identity)
    if (entry === undefined) return
    entry.links++
    entry.activeAt = this.#ports.clock.now()
    if (entry.links === 1) this.#turn(entry, 1)
    else this.#hear(entry)
  }

  disconnected(identity: DeviceId): void {
    const entry = this.#entries.get(identity)
    // Deleted meanwhile, and perhaps made again: its connections were those of another.
    if (entry === undefined || entry.links === 0) return
    entry.links--
    if (entry.links === 0) this.#turn(entry, -1)
  }

  active(identity: DeviceId): void {
    const entry = this.#entries.get(identity) ?? this.#entryFor(identity)
    if (entry === undefined) return
    entry.activeAt = this.#ports.clock.now()
    if (!entry.isStale) this.#hear(entry)
  }

  of(identity: DeviceId): PresenceOf {
    const entry = this.#entries.get(identity)
    if (entry === undefined) return unknown
    return {
      connectionState: entry.links > 0 ? 'Connected' : 'Disconnected',
      connectionStateUpdatedTime: entry.changedAt,
      lastActivityTime: entry.activeAt,
    }
  }

  flushed(): Promise<void> {
    // What runs now may have begun before the latest change; everybody who asks until the next begins shares that one.
    this.#queued ??= this.#afterRunning(() => [...this.#changed.splice(0), ...this.#heard.splice(0)])
    return this.#queued
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    await this.flushed()
  }

  #tick(): void {
    this.#flushes = (this.#flushes + 1) % flushesForActivity
    if (this.#queued !== undefined) return
    const done =
      this.#flushes === 0
        ? this.flushed()
        : this.#changed.length > 0
          ? this.#afterRunning(() => this.#changed.splice(0))
          : Promise.resolve()
    done.catch((error: unknown) => this.#ports.trouble('who is connected could not be written', error))
  }

  async #afterRunning(take: () => readonly Entry[]): Promise<void> {
    const before = this.#running
    const mine = (async () => {
      await before.catch(() => {})
      this.#queued = undefined
      await this.#write(take())
    })()
    this.#running = mine
    await mine
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    const statements: Statement[] = []
    // An entry may stand in both lists, and is written as it is now; or be gone, and then its row is, or belongs to another.
    const fresh = [...new Set(entries)].filter((entry) => this.#entries.get(entry.identity) === entry)
    for (const entry of fresh) entry.isStale = false
    for (const isModule of [false, true]) {
      const of = fresh.filter((entry) => entry.isModule === isModule)
      for (let at = 0; at < of.length; at += rowsPerStatement) statements.push(update(isModule, of.slice(at, at + rowsPerStatement)))
    }
    if (statements.length === 0) return
    try {
      await this.#ports.store.commit(statements)
    } catch (error) {
      for (const entry of fresh) this.#mark(entry, this.#changed)
      throw error
    }
  }

  #turn(entry: Entry, by: 1 | -1): void {
    entry.changedAt = this.#ports.clock.now()
    if (!entry.isModule) this.#connectedDevices += by
    this.#mark(entry, this.#changed)
  }

  #hear(entry: Entry): void {
    if (!entry.isStale) this.#mark(entry, this.#heard)
  }

  #mark(entry: Entry, list: Entry[]): void {
    entry.isStale = true
    list.push(entry)
  }

  /** The entry of a registered identity, made if need be. */
  #entryFor(name: string): Entry | undefined {
    const there = this.#entries.get(name)
    const identity = there === undefined ? this.#ports.registered(name) : undefined
    if (identity === undefined) return there
    const entry: Entry = { identity, isModule: identity.includes('/'), links: 0, changedAt: null, activeAt: null, isStale: false }
    this.#entries.set(identity, entry)
    return entry
  }

  #forget(identity: DeviceId): void {
    const entry = this.#entries.get(identity)
    if (entry === undefined) return
    if (entry.links > 0 && !entry.isModule) this.#connectedDevices--
    this.#entries.delete(identity)
  }
}

function update(isModule: boolean, entries: readonly Entry[]): Statement {
  const rows = entries.map(({ identity, links, changedAt, activeAt }) => {
    const { device, module } = identityParts(identity)
    return [device, module ?? null, links > 0 ? 1 : 0, changedAt, activeAt]
  })
  const [table, same] = isModule
    ? ['modules', 'modules.device_id = p.device AND modules.id = p.module']
    : ['devices', 'devices.id = p.device']
  return {
    sql: `UPDATE ${table} SET connected = p.connected, connection_updated_at = p.changed, last_activity_at = p.active
      FROM (SELECT value ->> 0 AS device, value ->> 1 AS module, value ->> 2 AS connected, value ->> 3 AS changed, value ->> 4 AS active
        FROM json_each(?)) AS p
      WHERE ${same}`,
    args: [JSON.stringify(rows)],
  }
}
