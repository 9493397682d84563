import type { JWK } from 'jose'
import { type Grant, type Result, Secret, ok, refuse } from '#base'
import { acmeLimits } from './limits.ts'
import type { AccountKey } from './jws.ts'
import { readPatterns } from './names.ts'
import type { AcmePorts } from './ports.ts'
import { type Account, type AccountRecord, accountOfRow } from './rows.ts'

/*
 * Accounts are made by operators, each with the names that it may have certificates for: without such a policy nobody gets anything. A client
 * shows the key of the binding once, and binds its own key to the account by it; another key gets in by a change of keys alone, or by a new account.
 */

/** What a new account is called and for. */
export type AccountSpec = { readonly name: string; readonly names: readonly string[] }

const purposeOf = (id: string) => `pki-acme/${id}`

/** What keeping accounts needs. */
export type AccountPorts = Pick<AcmePorts, 'clock' | 'random' | 'store' | 'commit' | 'seal' | 'unseal' | 'system' | 'tell'>

/** Keeps the accounts. */
export class AcmeAccounts {
  readonly #ports: AccountPorts

  constructor(ports: AccountPorts) {
    this.#ports = ports
  }

  /**
   * Makes an account, durably and audited; the key of its binding is in this answer only. Refuses `pki/acme-names`, `pki/acme-account-name`,
   * `pki/acme-account-exists` and `pki/acme-too-many-accounts`.
   */
  async add(
    grant: Grant<'pki.administer'>,
    { name, names }: AccountSpec,
  ): Promise<Result<{ readonly record: AccountRecord; readonly macKey: Secret }>> {
    const { clock, random, store, commit, seal, tell } = this.#ports
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
      return refuse('pki/acme-account-name', 'An account is called by 1 to 64 letters, digits, dots, hyphens and underscores.')
    const patterns = readPatterns(names)
    if (!patterns.ok) return patterns
    if ((await store.query('SELECT id FROM pki_acme_account')).length >= acmeLimits.accounts)
      return refuse('pki/acme-too-many-accounts', `There are at most ${acmeLimits.accounts} ACME accounts.`)
    const [id, mac] = [random.bytes(15).toString('base64url'), random.bytes(32)]
    const [now, actor] = [clock.now(), `${grant.actor.kind}:${grant.actor.id}`]
    const added = await commit(
      grant,
      { action: 'acme-account.add', resource: `acme-account:${name}`, detail: { names: patterns.value.join(' ') } },
      [
        {
          sql: `INSERT INTO pki_acme_account (id, name, names, sealed_mac, status, contact, created_at, created_by) VALUES (?, ?, ?, ?, 'waiting', '[]', ?, ?)`,
          args: [id, name, JSON.stringify(patterns.value), seal(purposeOf(id), mac), now, actor],
          expect: 1,
        },
      ],
    )
    if (!added.ok) return refuse('pki/acme-account-exists', 'There is an ACME account of this name already.')
    tell({ kind: 'acme-account-changed', time: now, actor, account: id, name, change: 'added' })
    const record = {
      id,
      name,
      names: patterns.value,
      status: 'waiting',
      thumbprint: null,
      contact: [],
      createdAt: now,
      createdBy: actor,
    } as const
    return ok({ record, macKey: new Secret(mac) })
  }

  /** Every account, by name. */
  async list(_grant: Grant<'pki.read'>): Promise<readonly AccountRecord[]> {
    const rows = await this.#ports.store.query('SELECT * FROM pki_acme_account ORDER BY name')
    return rows.map((row) => accountOfRow(row).record)
  }

  /** Ends an account and its orders; certificates stay as they are. `pki/acme-account-not-found` when there is none of this name. */
  async remove(grant: Grant<'pki.administer'>, name: string): Promise<Result<void>> {
    const { clock, store, commit, tell } = this.#ports
    const none = refuse('pki/acme-account-not-found', 'There is no such ACME account.')
    const [row] = await store.query('SELECT * FROM pki_acme_account WHERE name = ?', name)
    if (row === undefined) return none
    const { id } = accountOfRow(row).record
    const removed = await commit(grant, { action: 'acme-account.remove', resource: `acme-account:${name}` }, [
      { sql: 'DELETE FROM pki_acme_account WHERE id = ?', args: [id], expect: 1 },
      { sql: 'DELETE FROM pki_acme_authorization WHERE account = ?', args: [id] },
      { sql: 'DELETE FROM pki_acme_order WHERE account = ?', args: [id] },
    ])
    if (!removed.ok) return none
    tell({
      kind: 'acme-account-changed',
      time: clock.now(),
      actor: `${grant.actor.kind}:${grant.actor.id}`,
      account: id,
      name,
      change: 'removed',
    })
    return ok(undefined)
  }

  /** The account with this id. */
  async byId(id: string): Promise<Account | undefined> {
    const [row] = await this.#ports.store.query('SELECT * FROM pki_acme_account WHERE id = ?', id)
    return row && accountOfRow(row)
  }

  /** The account to which a key is bound. */
  async byKey(thumbprint: string): Promise<Account | undefined> {
    const [row] = await this.#ports.store.query('SELECT * FROM pki_acme_account WHERE thumbprint = ?', thumbprint)
    return row && accountOfRow(row)
  }

  /** Lends the key of a binding to `work`. An account that is not there has a key too, which nothing fits: who asks learns nothing from the time. */
  async withMacKey<T>(account: Account | undefined, work: (key: Uint8Array) => Promise<Result<T>>): Promise<Result<T>> {
    const { random, unseal } = this.#ports
    const opened = account === undefined ? ok(new Secret(random.bytes(32))) : unseal(purposeOf(account.record.id), account.sealedMac)
    if (!opened.ok) return opened
    using key = opened.value
    return await work(key.use((bytes) => Buffer.from(bytes)))
  }

  /** Binds a client's key to an account that waits. `pki/acme-binding` when somebody was faster, or the key belongs to another account. */
  async bind({ record }: Account, key: AccountKey, contact: readonly string[]): Promise<Result<Account>> {
    const bound = await this.#change(record, 'bound', {
      sql: `UPDATE pki_acme_account SET status = 'valid', thumbprint = ?, jwk = ?, contact = ? WHERE id = ? AND status = 'waiting'`,
      args: [key.thumbprint, JSON.stringify(key.jwk), JSON.stringify(contact), record.id],
    })
    const account = bound ? await this.byId(record.id) : undefined
    return account === undefined
      ? refuse('pki/acme-binding', 'This binding was used already. Ask the operator for another account.')
      : ok(account)
  }

  /** Takes other addresses of people. */
  async setContact({ record }: Account, contact: readonly string[]): Promise<void> {
    await this.#ports.store.commit([
      { sql: 'UPDATE pki_acme_account SET contact = ? WHERE id = ?', args: [JSON.stringify(contact), record.id] },
    ])
  }

  /** Ends an account at the wish of its client, for good. */
  async deactivate({ record }: Account): Promise<void> {
    await this.#change(record, 'deactivated', {
      sql: `UPDATE pki_acme_account SET status = 'deactivated' WHERE id = ? AND status = 'valid'`,
      args: [record.id],
    })
  }

  /** Puts another key in place of the old one. False when somebody else was faster. */
  async changeKey({ record }: Account, jwk: JWK, thumbprint: string): Promise<boolean> {
    return this.#change(record, 'key-changed', {
      sql: `UPDATE pki_acme_account SET thumbprint = ?, jwk = ? WHERE id = ? AND thumbprint = ? AND status = 'valid'`,
      args: [thumbprint, JSON.stringify(jwk), record.id, record.thumbprint],
    })
  }

  async #change(
    { id, name }: AccountRecord,
    change: 'bound' | 'key-changed' | 'deactivated',
    statement: { readonly sql: string; readonly args: readonly (string | null)[] },
  ): Promise<boolean> {
    const { clock, commit, system, tell } = this.#ports
    const done = await commit(system, { action: 'acme-account.change', resource: `acme-account:${name}`, detail: { change } }, [
      { ...statement, expect: 1 },
    ])
    if (done.ok) tell({ kind: 'acme-account-changed', time: clock.now(), actor: 'system:acme', account: id, name, change })
    return done.ok
  }
}
