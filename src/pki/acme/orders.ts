import { type Instant, type Result, instant, ok, plus, refuse } from '#base'
import type { Statement } from '#store'
import { numberOf } from '../row.ts'
import { acmeLimits } from './limits.ts'
import { type Identifier, covers } from './names.ts'
import type { AcmePorts, ChallengeMethod } from './ports.ts'
import { type AccountRecord, type Authorization, type Order, type Problem, authorizationOfRow, orderOfRow } from './rows.ts'
import { type AuthorizationState, type OrderState, authorizationState, orderState } from './states.ts'

/** An order as it stands now. */
export type OrderNow = { readonly order: Order; readonly authorizations: readonly Authorization[]; readonly state: OrderState }

/** Keeps orders and their authorizations. An authorization is of one order alone, and lives as long. */
export class AcmeOrders {
  readonly #ports: Pick<AcmePorts, 'clock' | 'random' | 'store'>

  constructor(ports: Pick<AcmePorts, 'clock' | 'random' | 'store'>) {
    this.#ports = ports
  }

  /** Ends orders that were being finalized when the hub ended: whether there is a certificate is in the inventory, and nobody got it. */
  async recover(): Promise<void> {
    const problem = JSON.stringify({ code: 'pki/acme-trouble', message: 'The hub ended while the certificate was made. Order again.' })
    await this.#ports.store.commit([
      { sql: `UPDATE pki_acme_order SET status = 'invalid', problem = ? WHERE status = 'processing'`, args: [problem] },
    ])
  }

  /** Makes an order. Refuses `pki/acme-identifier` for a name that the account may not have, and `pki/acme-too-often`. */
  async create({ id: account, names }: AccountRecord, identifiers: readonly Identifier[]): Promise<Result<OrderNow>> {
    const { clock, random, store } = this.#ports
    const foreign = identifiers.find((one) => !covers(names, one))
    if (foreign !== undefined)
      return refuse('pki/acme-identifier', `This account gets no certificates for ${foreign.value}. An operator says for which.`)
    const now = clock.now()
    const [recent] = await store.query(
      'SELECT count(*) AS n FROM pki_acme_order WHERE account = ? AND created_at > ?',
      account,
      now - 3_600_000,
    )
    if (recent !== undefined && numberOf(recent, 'n') >= acmeLimits.ordersPerHour)
      return refuse('pki/acme-too-often', 'This account made too many orders; wait an hour.')
    const id = random.bytes(16).toString('base64url')
    const expiresAt = plus(now, acmeLimits.orderMs)
    const made = await store.commit([
      ...forget(instant(now - acmeLimits.orderKeptMs)),
      {
        sql: `INSERT INTO pki_acme_order (id, account, status, identifiers, created_at, expires_at) VALUES (?, ?, 'open', ?, ?, ?)`,
        args: [id, account, JSON.stringify(identifiers), now, expiresAt],
        expect: 1,
      },
      ...identifiers.map(({ type, value }, place) => ({
        sql: `INSERT INTO pki_acme_authorization (id, order_id, account, place, type, value, status, token, expires_at) VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?)`,
        args: [random.bytes(16).toString('base64url'), id, account, place, type, value, random.bytes(32).toString('base64url'), expiresAt],
        expect: 1,
      })),
    ])
    const found = made.ok ? await this.find(account, id) : undefined
    if (found === undefined) throw new Error('bug: a fresh order is not there')
    return ok(found)
  }

  /** An order of an account; another's is not there. */
  async find(account: string, id: string): Promise<OrderNow | undefined> {
    const { clock, store } = this.#ports
    const [row] = await store.query('SELECT * FROM pki_acme_order WHERE id = ? AND account = ?', id, account)
    if (row === undefined) return undefined
    const order = orderOfRow(row)
    const rows = await store.query('SELECT * FROM pki_acme_authorization WHERE order_id = ? ORDER BY place', id)
    const authorizations = rows.map(authorizationOfRow)
    const now = clock.now()
    return {
      order,
      authorizations,
      state: orderState(
        order.status,
        authorizations.map((one) => stateOf(one, now)),
      ),
    }
  }

  /** The newest orders of an account that have not ended. */
  async list(account: string): Promise<readonly string[]> {
    const { clock, store } = this.#ports
    const rows = await store.query(
      `SELECT * FROM pki_acme_order WHERE account = ? AND status <> 'invalid' AND expires_at > ? ORDER BY created_at DESC LIMIT ?`,
      account,
      clock.now(),
      acmeLimits.listedOrders,
    )
    return rows.map((row) => orderOfRow(row).id)
  }

  /** An authorization of an account, and how it stands; another's is not there. */
  async authorization(
    account: string,
    id: string,
  ): Promise<{ readonly authorization: Authorization; readonly state: AuthorizationState } | undefined> {
    const { clock, store } = this.#ports
    const [row] = await store.query('SELECT * FROM pki_acme_authorization WHERE id = ? AND account = ?', id, account)
    if (row === undefined) return undefined
    const authorization = authorizationOfRow(row)
    return { authorization, state: stateOf(authorization, clock.now()) }
  }

  /** Keeps what looks have found; false when the authorization has ended meanwhile. */
  async settle(id: string, method: ChallengeMethod, problem: Problem | undefined): Promise<boolean> {
    const { clock, store } = this.#ports
    const now = clock.now()
    const settled = await store.commit([
      {
        sql: `UPDATE pki_acme_authorization SET status = ?, method = ?, validated_at = ?, problem = ? WHERE id = ? AND status = 'pending' AND expires_at > ?`,
        args: [
          problem === undefined ? 'valid' : 'invalid',
          method,
          problem === undefined ? now : null,
          problem === undefined ? null : JSON.stringify({ code: problem.code, message: problem.message }),
          id,
          now,
        ],
        expect: 1,
      },
    ])
    return settled.ok
  }

  /** Gives an authorization up at the wish of its account. */
  async deactivate(id: string): Promise<void> {
    await this.#ports.store.commit([
      { sql: `UPDATE pki_acme_authorization SET status = 'deactivated' WHERE id = ? AND status IN ('pending', 'valid')`, args: [id] },
    ])
  }

  /** Takes a ready order into work. False: somebody else did, or it is over. */
  async begin({ id }: Order): Promise<boolean> {
    // The authorizations once more, in the same statement: one may be given up between the look at the order and this.
    const begun = await this.#ports.store.commit([
      {
        sql: `UPDATE pki_acme_order SET status = 'processing' WHERE id = ? AND status = 'open' AND NOT EXISTS
              (SELECT 1 FROM pki_acme_authorization WHERE order_id = ? AND (status <> 'valid' OR expires_at <= ?))`,
        args: [id, id, this.#ports.clock.now()],
        expect: 1,
      },
    ])
    return begun.ok
  }

  /** Puts an order back: no certificate came of it, and its client may send another request. */
  async giveBack({ id }: Order): Promise<void> {
    await this.#ports.store.commit([
      { sql: `UPDATE pki_acme_order SET status = 'open' WHERE id = ? AND status = 'processing'`, args: [id] },
    ])
  }

  /** Keeps the certificate of an order. */
  async complete({ id }: Order, serial: string, certificatePem: string): Promise<void> {
    await this.#ports.store.commit([
      {
        sql: `UPDATE pki_acme_order SET status = 'valid', serial = ?, certificate = ? WHERE id = ? AND status = 'processing'`,
        args: [serial, certificatePem, id],
      },
    ])
  }

  /** Whether an account may speak for a certificate: it ordered it, or holds valid authorizations for all of its names (section 7.6). */
  async speaksFor(account: string, serial: string, names: readonly string[]): Promise<boolean> {
    const { clock, store } = this.#ports
    if ((await store.query('SELECT 1 AS n FROM pki_acme_order WHERE account = ? AND serial = ?', account, serial)).length > 0) return true
    if (names.length === 0) return false
    const rows = await store.query(
      `SELECT DISTINCT value FROM pki_acme_authorization WHERE account = ? AND status = 'valid' AND expires_at > ? AND value IN (${names.map(() => '?').join()})`,
      account,
      clock.now(),
      ...names,
    )
    return rows.length === new Set(names).size
  }
}

/** How an authorization stands at `now`. */
export function stateOf({ status, expiresAt }: Authorization, now: Instant): AuthorizationState {
  return authorizationState(status, expiresAt, now)
}

function forget(before: Instant): readonly Statement[] {
  return [
    { sql: 'DELETE FROM pki_acme_authorization WHERE expires_at < ?', args: [before] },
    { sql: 'DELETE FROM pki_acme_order WHERE expires_at < ?', args: [before] },
  ]
}
