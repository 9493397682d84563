import { type Clock, type DeviceId, type Instant, instant, parseDeviceId } from '#base'
import type { Fact } from '#journal'
import { scopeOf } from './address.ts'
import type { ConcurrentUse, Observations } from './evidence.ts'
import type { SessionState } from './ports.ts'

/** How a device last proved itself. */
export type LastSession = {
  readonly type: string
  readonly thumbprint: string | null
  readonly commonName: string | null
  readonly expires: Instant | null
}

type Turn = { readonly connection: string; readonly address: string; readonly at: Instant; takenOver: boolean }

const hourMs = 60 * 60_000
const dayMs = 24 * hourMs
const turnsWindowMs = 10 * 60_000
const turnsNeeded = 3
const bounds = { devices: 200_000, keys: 20_000, turns: 8, peers: 32 }

/**
 * What sessions have shown: counts by TLS version for 24 hours, the last authentication of each device, and identities that two
 * addresses take from each other in turn. Fed with facts of the journal and with the live view; all of it is bounded.
 */
export class SessionLog {
  readonly #clock: Clock
  readonly #since: Instant
  readonly #hours = new Map<number, Map<string, number>>()
  readonly #last = new Map<DeviceId, LastSession>()
  readonly #turns = new Map<string, Turn[]>()
  readonly #peers = new Map<string, Instant>()
  readonly #concurrent = new Map<string, ConcurrentUse>()
  readonly #counted = new Set<string>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.now()
  }

  /** Takes one fact; all but `connected` and `disconnected` are ignored. */
  observe(fact: Fact): void {
    if (fact.kind === 'connected') {
      const device = parseDeviceId(fact.device)
      if (!device.ok) return
      this.#count(fact.connection, fact.time, fact.tls.version, fact.address)
      this.#remember(device.value, { type: fact.auth.type, thumbprint: fact.auth.thumbprint, commonName: null, expires: null })
      this.#turn(`${fact.device}\n${fact.clientId}`, {
        connection: fact.connection,
        address: fact.address,
        at: fact.time,
        takenOver: false,
      })
    } else if (fact.kind === 'disconnected' && fact.reason === 'taken-over') {
      const turn = this.#turns.get(`${fact.device}\n${fact.clientId}`)?.find((one) => one.connection === fact.connection)
      if (turn !== undefined) turn.takenOver = true
      this.#judge(fact.device, fact.clientId)
    }
  }

  /** Takes the live view, so that sessions older than this log are counted too. */
  look(connections: readonly SessionState[]): void {
    const live = new Set(connections.map((connection) => connection.id))
    for (const id of this.#counted) if (!live.has(id)) this.#counted.delete(id)
    for (const one of connections) {
      if (!this.#counted.has(one.id)) this.#count(one.id, this.#clock.now(), one.tls.version, one.address)
      this.#remember(one.device, {
        type: one.auth.type,
        thumbprint: one.auth.thumbprint,
        commonName: one.commonName ?? null,
        expires: one.expires ?? null,
      })
    }
  }

  /** How the device last proved itself; undefined when it has not connected while we looked. */
  last(device: DeviceId): LastSession | undefined {
    return this.#last.get(device)
  }

  /** Identities that a webhook let in when they last connected. */
  *byWebhook(): Iterable<DeviceId> {
    for (const [device, { type }] of this.#last) if (type === 'custom') yield device
  }

  /** The last 24 hours, as evidence. */
  summary(): Observations['session-log'] {
    const now = this.#clock.now()
    const byTlsVersion: Record<string, number> = {}
    let sessions = 0
    let plaintext = 0
    for (const [hour, versions] of this.#hours) {
      if (now - hour * hourMs > dayMs + hourMs) {
        this.#hours.delete(hour)
        continue
      }
      for (const [version, count] of versions) {
        sessions += count
        if (version === 'none') plaintext += count
        else byTlsVersion[version] = (byTlsVersion[version] ?? 0) + count
      }
    }
    for (const [address, at] of this.#peers) if (now - at > dayMs) this.#peers.delete(address)
    for (const [key, use] of this.#concurrent) if (now - use.lastAt > dayMs) this.#concurrent.delete(key)
    const concurrent = [...this.#concurrent.values()]
    return {
      since: instant(Math.max(this.#since, now - dayMs)),
      sessions,
      byTlsVersion,
      plaintext,
      publicPeers: [...this.#peers.keys()],
      concurrent,
    }
  }

  #count(connection: string, at: Instant, version: string, address: string): void {
    this.#counted.add(connection)
    const hour = Math.floor(at / hourMs)
    const versions = this.#hours.get(hour) ?? new Map<string, number>()
    const name = /^(TLSv1(\.[1-3])?|SSLv3)$/.test(version) ? version : 'none'
    versions.set(name, (versions.get(name) ?? 0) + 1)
    this.#hours.set(hour, versions)
    if (scopeOf(address) === 'global' && (this.#peers.has(address) || this.#peers.size < bounds.peers)) this.#peers.set(address, at)
  }

  #remember(device: DeviceId, session: LastSession): void {
    if (!this.#last.has(device) && this.#last.size >= bounds.devices) return
    this.#last.set(device, session)
  }

  #turn(key: string, turn: Turn): void {
    const turns = this.#turns.get(key) ?? []
    // The oldest identity is forgotten first: a Map keeps the order of insertion.
    this.#turns.delete(key)
    if (this.#turns.size >= bounds.keys) for (const oldest of this.#turns.keys()) if (this.#turns.delete(oldest)) break
    turns.push(turn)
    if (turns.length > bounds.turns) turns.shift()
    this.#turns.set(key, turns)
  }

  #judge(device: string, clientId: string): void {
    const turns = this.#turns.get(`${device}\n${clientId}`) ?? []
    const latest = turns.at(-1)
    const id = parseDeviceId(device)
    if (latest === undefined || !id.ok) return
    const recent = turns.filter((turn) => latest.at - turn.at <= turnsWindowMs)
    const changes = recent.filter((turn, i) => turn.takenOver && recent[i + 1] !== undefined && recent[i + 1]?.address !== turn.address)
    if (changes.length < turnsNeeded) return
    const addresses = [...new Set(recent.map((turn) => turn.address))]
    this.#concurrent.set(`${device}\n${clientId}`, { device: id.value, addresses, turns: changes.length, lastAt: latest.at })
  }
}
