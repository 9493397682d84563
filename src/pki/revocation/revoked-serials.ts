import { type Instant, instant } from '#base'
import { type RevocationReason, revocationReasons } from '../row.ts'

/*
 * Theory of operation. What is revoked is asked about at every connect, so it is in memory, and there may be a million of it. Entries are
 * columns of numbers, found by an open-addressed table of their places: a lookup reads a few words whatever the number of entries, and an entry
 * costs about 50 bytes. Entries are only added. Those of one issuer and one shard are chained, newest first, so that a list is written
 * without looking at the others.
 */

/** Parts into which the certificates of one issuer are divided for its lists: by the low bits of the serial number. */
export const shardCount = 64

/** The shard of a serial number in lower-case hex. */
export function shardOf(serial: string): number {
  return Number.parseInt(serial.slice(-2), 16) % shardCount
}

/** What is known of one revoked certificate. Times in milliseconds since the epoch. */
export type RevokedEntry = { readonly issuer: string; readonly at: Instant; readonly notAfter: Instant; readonly reason: RevocationReason }

/** Called with every entry of a shard. `serial` is overwritten by the next call; `at` and `notAfter` in milliseconds; `reason` is a place in {@link revocationReasons}. */
export type VisitEntry = (serial: Uint8Array, at: number, notAfter: number, reason: number) => void

const serialBytes = 16
const none = 0xffffffff

/** Every revoked serial number. Owns the columns. */
export class RevokedSerials {
  #capacity = 1024
  #size = 0
  #words = new Uint32Array(this.#capacity * 4)
  #at = new Float64Array(this.#capacity)
  #notAfter = new Float64Array(this.#capacity)
  #reason = new Uint8Array(this.#capacity)
  #issuer = new Uint16Array(this.#capacity)
  #next = new Uint32Array(this.#capacity)
  #table = new Uint32Array(this.#capacity * 4).fill(none)
  readonly #issuers: string[] = []
  readonly #heads: Uint32Array[] = []
  /** Serial numbers that do not have 16 bytes: authorities that we did not make ourselves choose their own. */
  readonly #odd = new Map<string, RevokedEntry>()
  readonly #wanted = new Uint32Array(4)

  get size(): number {
    return this.#size + this.#odd.size
  }

  /** Adds one; a serial number that is there already stays as it is. */
  add(serial: string, entry: RevokedEntry): void {
    if (!isWhole(serial)) {
      if (!this.#odd.has(serial)) this.#odd.set(serial, entry)
      return
    }
    if (this.#find(serial) !== none) return
    if (this.#size === this.#capacity) this.#grow()
    const place = this.#size++
    this.#words.set(this.#wanted, place * 4)
    this.#at[place] = entry.at
    this.#notAfter[place] = entry.notAfter
    this.#reason[place] = revocationReasons.indexOf(entry.reason)
    const issuer = this.#issuerOf(entry.issuer)
    this.#issuer[place] = issuer
    const heads = this.#heads[issuer]
    if (heads === undefined) throw new Error('bug: an issuer without shards')
    const shard = shardOf(serial)
    this.#next[place] = heads[shard] ?? none
    heads[shard] = place
    this.#enter(place)
  }

  /** When a serial number (lower-case hex) was revoked; undefined: it was not. */
  revokedAt(serial: string): Instant | undefined {
    if (!isWhole(serial)) return this.#odd.get(serial)?.at
    const place = this.#find(serial)
    return place === none ? undefined : instant(this.#at[place] ?? 0)
  }

  /** Everything about a revoked serial number. */
  entry(serial: string): RevokedEntry | undefined {
    if (!isWhole(serial)) return this.#odd.get(serial)
    const place = this.#find(serial)
    if (place === none) return undefined
    return {
      issuer: this.#issuers[this.#issuer[place] ?? 0] ?? '',
      at: instant(this.#at[place] ?? 0),
      notAfter: instant(this.#notAfter[place] ?? 0),
      reason: revocationReasons[this.#reason[place] ?? 0] ?? 'unspecified',
    }
  }

  /** Visits what is revoked of an issuer in one shard, newest first. */
  visit(issuer: string, shard: number, visit: VisitEntry): void {
    const serial = new Uint8Array(serialBytes)
    const view = new DataView(serial.buffer)
    const known = this.#issuers.indexOf(issuer)
    for (let place = this.#heads[known]?.[shard] ?? none; place !== none; place = this.#next[place] ?? none) {
      for (let word = 0; word < 4; word++) view.setUint32(word * 4, this.#words[place * 4 + word] ?? 0)
      visit(serial, this.#at[place] ?? 0, this.#notAfter[place] ?? 0, this.#reason[place] ?? 0)
    }
    for (const [odd, entry] of this.#odd)
      if (entry.issuer === issuer && shardOf(odd) === shard)
        visit(Buffer.from(odd, 'hex'), entry.at, entry.notAfter, revocationReasons.indexOf(entry.reason))
  }

  /** When the newest entry of a shard was added, by its own time; undefined: there is none. */
  newestAt(issuer: string, shard: number): number | undefined {
    const place = this.#heads[this.#issuers.indexOf(issuer)]?.[shard] ?? none
    let newest = place === none ? undefined : this.#at[place]
    for (const [odd, entry] of this.#odd)
      if (entry.issuer === issuer && shardOf(odd) === shard && entry.at >= (newest ?? 0)) newest = entry.at
    return newest
  }

  /** Entries of an issuer, all shards together. */
  countOf(issuer: string): number {
    let count = 0
    for (let shard = 0; shard < shardCount; shard++) this.visit(issuer, shard, () => void count++)
    return count
  }

  #issuerOf(keyId: string): number {
    const known = this.#issuers.indexOf(keyId)
    if (known >= 0) return known
    if (this.#issuers.length > 0xffff) throw new Error('bug: more issuers than there can be')
    this.#heads.push(new Uint32Array(shardCount).fill(none))
    return this.#issuers.push(keyId) - 1
  }

  /** Leaves the serial number in `#wanted`. */
  #find(serial: string): number {
    const wanted = this.#wanted
    for (let word = 0; word < 4; word++) {
      let value = 0
      for (let at = word * 8; at < word * 8 + 8; at++) value = (value << 4) | digit(serial.charCodeAt(at))
      wanted[word] = value
    }
    const [a = 0, b = 0, c = 0, d = 0] = wanted
    const mask = this.#table.length - 1
    for (let slot = mix(a, b, c, d) & mask; ; slot = (slot + 1) & mask) {
      const place = this.#table[slot] ?? none
      if (place === none) return none
      const at = place * 4
      const words = this.#words
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return place
    }
  }

  #enter(place: number): void {
    const at = place * 4
    const mask = this.#table.length - 1
    const words = this.#words
    let slot = mix(words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0) & mask
    while (this.#table[slot] !== none) slot = (slot + 1) & mask
    this.#table[slot] = place
  }

  #grow(): void {
    this.#capacity *= 2
    const words = new Uint32Array(this.#capacity * 4)
    words.set(this.#words)
    this.#words = words
    const at = new Float64Array(this.#capacity)
    at.set(this.#at)
    this.#at = at
    const notAfter = new Float64Array(this.#capacity)
    notAfter.set(this.#notAfter)
    this.#notAfter = notAfter
    const reason = new Uint8Array(this.#capacity)
    reason.set(this.#reason)
    this.#reason = reason
    const issuer = new Uint16Array(this.#capacity)
    issuer.set(this.#issuer)
    this.#issuer = issuer
    const next = new Uint32Array(this.#capacity)
    next.set(this.#next)
    this.#next = next
    this.#table = new Uint32Array(this.#capacity * 4).fill(none)
    for (let place = 0; place < this.#size; place++) this.#enter(place)
  }
}

const whole = /^[0-9a-f]{32}$/
function isWhole(serial: string): boolean {
  return serial.length === serialBytes * 2 && whole.test(serial)
}

function digit(code: number): number {
  return code < 58 ? code - 48 : code - 87
}

function mix(a: number, b: number, c: number, d: number): number {
  const folded = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(c ^ Math.imul(d, 0xc2b2ae35), 0x27d4eb2f)
  return (folded ^ (folded >>> 15)) >>> 0
}
