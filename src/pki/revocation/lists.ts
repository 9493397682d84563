import { type Clock, type Instant, type Refusal, type Result, instant, ok, refuse } from '#base'
import type { Store } from '#store'
import { ListEntries, type ListFields, listReasonCodes, parseRevocationList } from '#wire/x509'
import { bytesOf, numberOf, revocationReasons } from '../row.ts'
import { type RevokedSerials, shardCount } from './revoked-serials.ts'

/*
 * Theory of operation. An issuer's certificates are divided into shards; each has a list of its own, and a certificate says which one would name
 * it. Lists are made when somebody asks: signed, kept in the store, served until something was revoked in the shard or a day is over. A
 * delta list names what was revoked since the complete one, and is made anew whenever there is more. Numbers never go back, not even when
 * the clock does: the highest one used is in the store before a list with it is shown. Should the issuer's key be away, the last list is
 * served until its end, and after it none: a list past its end is worse than none, because some take it for good.
 */

/** Spans of lists, in milliseconds. */
export const listLimits = {
  /** How long a complete list holds; and a delta list. */
  lifeMs: 7 * 86_400_000,
  deltaLifeMs: 86_400_000,
  /** A complete list older than this is made anew. */
  renewMs: 86_400_000,
  /** And one that lacks a revocation, when it is older than this: a thousand revocations are one list, not a thousand. */
  settleMs: 10_000,
  /** Entries of the list of all shards together; who has more asks for the shards. */
  wholeEntries: 200_000,
} as const

/** The shard that means all of them. */
export const wholeShard = -1

/** What makes lists. */
export type ListPorts = {
  readonly store: Pick<Store, 'query' | 'commit'>
  readonly clock: Clock
  readonly revoked: RevokedSerials
  /** Signs in the name of the issuer with this key; refuses an issuer that is none of ours, and a key that cannot be had now. */
  sign(keyId: string, fields: Omit<ListFields, 'algorithm' | 'issuer' | 'authorityKeyId'>, entries: ListEntries): Promise<Result<Buffer>>
  /** The URI of a list, which its certificates name too. */
  pointOf(keyId: string, shard: number): string | undefined
  /** Told that a list could not be made; the old one goes on being served. */
  trouble(issuer: string, refusal: Refusal): void
}

/** A signed list. `number` is the highest number used in its scope, `base` that of the complete list. */
export type Published = {
  readonly der: Buffer
  readonly base: number
  number: number
  readonly thisUpdate: Instant
  readonly nextUpdate: Instant
}

type Delta = Omit<Published, 'base'> & { readonly of: number; readonly newest: number }

/** Makes and keeps the lists of our issuers. */
export class RevocationLists {
  readonly #ports: ListPorts
  readonly #lists = new Map<string, Published>()
  readonly #deltas = new Map<string, Delta>()
  readonly #making = new Map<string, Promise<Result<Published>>>()

  constructor(ports: ListPorts) {
    this.#ports = ports
  }

  /** The complete list of a shard ({@link wholeShard}: of all), made if need be. */
  complete(keyId: string, shard: number): Promise<Result<Published>> {
    const name = `${keyId}/${shard}`
    const running = this.#making.get(name)
    if (running !== undefined) return running
    const made = this.#complete(name, keyId, shard).finally(() => void this.#making.delete(name))
    this.#making.set(name, made)
    return made
  }

  /** What was revoked in a shard since its complete list. */
  async delta(keyId: string, shard: number): Promise<Result<Buffer>> {
    const name = `${keyId}/${shard}`
    const complete = await this.complete(keyId, shard)
    if (!complete.ok) return complete
    const { clock, revoked } = this.#ports
    const now = clock.now()
    const base = complete.value
    const newest = revoked.newestAt(keyId, shard) ?? 0
    const last = this.#deltas.get(name)
    const isGood =
      last?.of === base.base && last.newest === newest && now >= last.thisUpdate && now < last.thisUpdate + listLimits.deltaLifeMs / 2
    if (isGood) return ok(last.der)
    const number = nextNumber(base.number, now)
    base.number = number
    await this.#keepNumber(keyId, shard, number)
    const entries = new ListEntries()
    this.#write(entries, keyId, shard, now, base.thisUpdate)
    const times = { thisUpdate: now, nextUpdate: instant(now + listLimits.deltaLifeMs) }
    const signed = await this.#ports.sign(
      keyId,
      { ...times, number, deltaOf: base.base, point: this.#ports.pointOf(keyId, shard) },
      entries,
    )
    if (!signed.ok) return signed
    this.#deltas.set(name, { der: signed.value, number, of: base.base, newest, ...times })
    return signed
  }

  /** Lists that were made so far, by issuer and shard. */
  get known(): Iterable<readonly [string, Published]> {
    return this.#lists
  }

  /** Makes those anew that are due, one after the other, and gives the others their turn in between. */
  async renewDue(): Promise<void> {
    for (const name of this.#lists.keys()) {
      const [keyId = '', shard = ''] = name.split('/')
      await this.complete(keyId, Number(shard))
      await new Promise<void>((resolve) => void setImmediate(resolve))
    }
  }

  async #complete(name: string, keyId: string, shard: number): Promise<Result<Published>> {
    const known = this.#lists.get(name) ?? (await this.#read(keyId, shard))
    if (known !== undefined) this.#lists.set(name, known)
    const now = this.#ports.clock.now()
    if (known !== undefined && !this.#isDue(known, keyId, shard, now)) return ok(known)
    const made = await this.#make(keyId, shard, now, known)
    if (made.ok) {
      this.#lists.set(name, made.value)
      return made
    }
    if (made.error.code === 'pki/unknown-authority' || made.error.code === 'pki/list-too-long') return made
    this.#ports.trouble(keyId, made.error)
    return known !== undefined && now >= known.thisUpdate && now < known.nextUpdate ? ok(known) : made
  }

  #isDue({ thisUpdate }: Published, keyId: string, shard: number, now: number): boolean {
    const age = now - thisUpdate
    if (age < 0 || age >= listLimits.renewMs) return true
    if (age < listLimits.settleMs) return false
    for (const one of shardsOf(shard)) if ((this.#ports.revoked.newestAt(keyId, one) ?? 0) >= thisUpdate) return true
    return false
  }

  async #make(keyId: string, shard: number, now: Instant, known: Published | undefined): Promise<Result<Published>> {
    if (shard === wholeShard && this.#ports.revoked.countOf(keyId) > listLimits.wholeEntries)
      return refuse('pki/list-too-long', 'The complete list of this issuer has too many entries; ask for its shards.')
    const entries = new ListEntries()
    for (const one of shardsOf(shard)) {
      this.#write(entries, keyId, one, now)
      if (shard === wholeShard) await new Promise<void>((resolve) => void setImmediate(resolve))
    }
    const number = nextNumber(known?.number ?? 0, now)
    const times = { thisUpdate: now, nextUpdate: instant(now + listLimits.lifeMs) }
    const point = shard === wholeShard ? undefined : this.#ports.pointOf(keyId, shard)
    const signed = await this.#ports.sign(keyId, { ...times, number, point }, entries)
    if (!signed.ok) return signed
    await this.#ports.store.commit([
      {
        sql: `INSERT INTO revocation_list (issuer, shard, number, this_update, next_update, der) VALUES (?, ?, ?, ?, ?, ?)
              ON CONFLICT (issuer, shard) DO UPDATE SET number = excluded.number, this_update = excluded.this_update,
              next_update = excluded.next_update, der = excluded.der`,
        args: [keyId, shard, number, times.thisUpdate, times.nextUpdate, signed.value],
      },
    ])
    return ok({ der: signed.value, base: number, number, ...times })
  }

  async #read(keyId: string, shard: number): Promise<Published | undefined> {
    const [row] = await this.#ports.store.query(
      'SELECT number, this_update, next_update, der FROM revocation_list WHERE issuer = ? AND shard = ?',
      keyId,
      shard,
    )
    if (row === undefined) return undefined
    const der = Buffer.from(bytesOf(row, 'der'))
    const list = parseRevocationList(der)
    const number = numberOf(row, 'number')
    return {
      der,
      number,
      base: list.ok ? Number.parseInt(list.value.number ?? '0', 16) : number,
      thisUpdate: instant(numberOf(row, 'this_update')),
      nextUpdate: instant(numberOf(row, 'next_update')),
    }
  }

  async #keepNumber(keyId: string, shard: number, number: number): Promise<void> {
    const sql = 'UPDATE revocation_list SET number = ? WHERE issuer = ? AND shard = ?'
    await this.#ports.store.commit([{ sql, args: [number, keyId, shard] }])
  }

  /** Entries that came since `since`. Those of certificates that ended a whole life of a list ago have been on one after their end, and go. */
  #write(entries: ListEntries, keyId: string, shard: number, now: number, since = 0): void {
    this.#ports.revoked.visit(keyId, shard, (serial, at, notAfter, reason) => {
      if (notAfter + listLimits.lifeMs < now || at < since) return
      entries.add(serial, Math.floor(at / 1000), listReasonCodes[revocationReasons[reason] ?? 'unspecified'])
    })
  }
}

function shardsOf(shard: number): Iterable<number> {
  return shard === wholeShard ? Array.from({ length: shardCount }, (_none, one) => one) : [shard]
}

/** Seconds since the epoch read well as numbers of lists; whatever the clock says, the next is larger than the last. */
function nextNumber(last: number, now: number): number {
  return Math.max(last + 1, Math.floor(now / 1000))
}
