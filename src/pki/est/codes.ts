import { createHash, timingSafeEqual } from 'node:crypto'
import { type DeviceId, type Grant, type Result, Secret, ok, parseDeviceId, plus, refuse } from '#base'
import { type CodeRecord, codeOfRow } from './code-rows.ts'
import { estLimits } from './limits.ts'
import type { EstPorts } from './ports.ts'
import { numberOf } from '../row.ts'

/*
 * Theory of operation. A code is an id, a hyphen and a secret of 128 random bits; what is kept is the secret's SHA-256, which needs no slow hash
 * because nobody guesses 128 bits. The id finds the row, the digest is compared in constant time, and only who knows the secret is told whether the
 * code has expired, is spent, or is for another device. Spending is an update that fails when nothing is left, with its audit entry in the same
 * transaction: two requests at once cannot share the last use.
 */

/** What a new code shall open. */
export type CodeSpec = {
  /** The id of one device, or the beginning of several ids and `*`. */
  readonly devices: string
  /** How long it lives; an hour unless said. */
  readonly lifetimeMs?: number
  /** How many certificates it is good for; one unless said. */
  readonly uses?: number
}

/** Proof that somebody presented a code that is good for this device now. */
export type CodeProof = { readonly id: string; readonly device: DeviceId }

const codeForm = /^([a-z2-7]{8})-([a-z2-7]{26})$/
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const nobody = Buffer.alloc(32)

/** Keeps the one-time codes. */
export class EnrollmentCodes {
  readonly #ports: Pick<EstPorts, 'clock' | 'random' | 'store' | 'commit' | 'system' | 'tell'>

  constructor(ports: Pick<EstPorts, 'clock' | 'random' | 'store' | 'commit' | 'system' | 'tell'>) {
    this.#ports = ports
  }

  /** Makes a code, durably and audited. The secret is in this answer only. Refuses `pki/code-malformed` and `pki/too-many-codes`. */
  async add(grant: Grant<'certificate.issue'>, spec: CodeSpec): Promise<Result<{ readonly record: CodeRecord; readonly code: Secret }>> {
    const { clock, random, store, commit, tell } = this.#ports
    const { devices, lifetimeMs = estLimits.codeDefaultMs, uses = 1 } = spec
    const sound = checkSpec({ devices, lifetimeMs, uses })
    if (!sound.ok) return sound
    const now = clock.now()
    const [count] = await store.query('SELECT count(*) AS n FROM pki_enrollment_code WHERE expires_at > ?', now)
    if (count !== undefined && numberOf(count, 'n') >= estLimits.codes)
      return refuse('pki/too-many-codes', `There are at most ${estLimits.codes} one-time codes at a time.`)
    const id = base32(random.bytes(5))
    const secret = base32(random.bytes(16))
    const actor = `${grant.actor.kind}:${grant.actor.id}`
    const expiresAt = plus(now, lifetimeMs)
    const record = { id, devices, uses, used: 0, failures: 0, createdAt: now, createdBy: actor, expiresAt }
    const added = await commit(
      grant,
      { action: 'enrollment-code.add', resource: `enrollment-code:${id}`, detail: { devices, uses, expiresAt } },
      [
        { sql: 'DELETE FROM pki_enrollment_code WHERE expires_at < ?', args: [now - estLimits.codeKeptMs] },
        {
          sql: `INSERT INTO pki_enrollment_code (id, devices, secret_sha256, uses, created_at, created_by, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
          args: [id, devices, digestOf(secret), uses, now, actor, expiresAt],
          expect: 1,
        },
      ],
    )
    if (!added.ok) throw new Error('bug: a fresh code was there already')
    tell({ kind: 'enrollment-code-added', time: now, actor, code: id, devices, uses, expiresAt })
    return ok({ record, code: new Secret(Buffer.from(`${id}-${secret}`)) })
  }

  /** Every code that is kept, newest first. */
  async list(_grant: Grant<'pki.read'>): Promise<readonly CodeRecord[]> {
    const rows = await this.#ports.store.query(`SELECT * FROM pki_enrollment_code ORDER BY created_at DESC, id LIMIT ${estLimits.codes}`)
    return rows.map((row) => codeOfRow(row).record)
  }

  /** Ends a code. `pki/code-not-found` when there is none. */
  async remove(grant: Grant<'certificate.issue'>, id: string): Promise<Result<void>> {
    const { clock, commit, tell } = this.#ports
    const removed = await commit(grant, { action: 'enrollment-code.remove', resource: `enrollment-code:${id}` }, [
      { sql: 'DELETE FROM pki_enrollment_code WHERE id = ?', args: [id], expect: 1 },
    ])
    if (!removed.ok) return refuse('pki/code-not-found', 'There is no such one-time code.')
    tell({ kind: 'enrollment-code-removed', time: clock.now(), actor: `${grant.actor.kind}:${grant.actor.id}`, code: id })
    return ok(undefined)
  }

  /** Whether `text` is a code that is good for `device` now. Spends nothing. Every wrong secret counts against the code that it named. */
  async prove(device: DeviceId, text: string): Promise<Result<CodeProof>> {
    const { clock, store } = this.#ports
    const [, id = '', secret = ''] = codeForm.exec(text) ?? []
    const [row] = await store.query('SELECT * FROM pki_enrollment_code WHERE id = ?', id)
    const known = row === undefined ? undefined : codeOfRow(row)
    if (!timingSafeEqual(digestOf(secret), known?.digest ?? nobody) || known === undefined) {
      if (known !== undefined)
        await store.commit([{ sql: 'UPDATE pki_enrollment_code SET failures = failures + 1 WHERE id = ?', args: [id] }])
      return refuse('pki/code-wrong', 'The device id and the one-time code do not fit.', id)
    }
    const { record } = known
    if (record.failures >= estLimits.codeFailures)
      return refuse('pki/code-locked', 'This one-time code was tried too often with a wrong secret. Ask for another.', id)
    if (record.expiresAt <= clock.now()) return refuse('pki/code-expired', 'This one-time code has expired. Ask for another.', id)
    if (record.used >= record.uses) return refuse('pki/code-spent', 'This one-time code was used already. Ask for another.', id)
    if (!covers(record.devices, device)) return refuse('pki/code-wrong', 'The device id and the one-time code do not fit.', id)
    return ok({ id, device })
  }

  /** Takes one use off a code that was proven, durably and audited. `pki/code-spent` when somebody else was faster. */
  async spend({ id, device }: CodeProof): Promise<Result<void>> {
    const { clock, commit, system } = this.#ports
    const spent = await commit(system, { action: 'enrollment-code.use', resource: `device:${device}`, detail: { code: id } }, [
      {
        sql: 'UPDATE pki_enrollment_code SET used = used + 1 WHERE id = ? AND used < uses AND expires_at > ? AND failures < ?',
        args: [id, clock.now(), estLimits.codeFailures],
        expect: 1,
      },
    ])
    return spent.ok ? ok(undefined) : refuse('pki/code-spent', 'This one-time code was used already. Ask for another.', id)
  }

  /** Gives a use back: no certificate came of it. */
  async giveBack({ id }: CodeProof): Promise<void> {
    await this.#ports.store.commit([{ sql: 'UPDATE pki_enrollment_code SET used = used - 1 WHERE id = ? AND used > 0', args: [id] }])
  }
}

function checkSpec({ devices, lifetimeMs, uses }: Required<CodeSpec>): Result<unknown> {
  const named = devices.endsWith('*') ? devices.slice(0, -1) : devices
  if (named.includes('*') || !parseDeviceId(named).ok)
    return refuse('pki/code-malformed', 'A one-time code is for a device id, or for the beginning of some followed by one *.')
  if (!Number.isInteger(uses) || uses < 1 || uses > estLimits.codeMaxUses)
    return refuse('pki/code-malformed', `A one-time code is good for 1 to ${estLimits.codeMaxUses} certificates.`)
  return Number.isFinite(lifetimeMs) && lifetimeMs >= estLimits.codeMinMs && lifetimeMs <= estLimits.codeMaxMs
    ? ok(undefined)
    : refuse('pki/code-malformed', 'A one-time code lives between one minute and 30 days.')
}

function covers(devices: string, device: DeviceId): boolean {
  return devices.endsWith('*') ? device.startsWith(devices.slice(0, -1)) : devices === device
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** Lower-case base32 of RFC 4648 section 6 without padding: can be read out and typed. */
function base32(bytes: Buffer): string {
  let [bits, held, text] = [0, 0, '']
  for (const byte of bytes) {
    held = (held << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet.charAt((held >>> (bits - 5)) & 31)
    held &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + alphabet.charAt((held << (5 - bits)) & 31)
}
