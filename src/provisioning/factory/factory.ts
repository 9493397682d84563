import { type Grant, type Result, instant, ok, refuse } from '#base'
import { type LotManifest, encodeManifest, factoryLimits, manifestDigest, parseLotName, parseNamePattern } from '#wire/factory'
import type { Certificate } from '#wire/x509'
import type { Enrollment } from '../enrollment.ts'
import type { Enrollments } from '../enrollments.ts'
import { actorOf } from '../enrollments.ts'
import { optionalTextOf, textOf } from '../enrollment-rows.ts'
import { sha256Of } from '../held-certificate.ts'
import type { ProvisioningPorts } from '../ports.ts'
import { parseIdKey } from '../registration-id.ts'
import { admitToLot } from './admission.ts'
import { type Lot, type LotProgress, type LotSpec, lotOf } from './lot.ts'
import { type Merged, mergeLedger } from './merge.ts'

/*
 * Theory of operation. A lot is so many serial numbers for certificates, recorded here before anybody may use them, and an issuer whose key is the factory's. The station counts
 * down by using them up; this hub takes a device only if its certificate has one, and the first certificate that comes with a number has it. So whoever steals
 * the station's key can make no device more than the lot has left, and every one that he makes takes one away and is missed.
 */

/** Days that bound a lot. */
export const lotLimits = { lots: 1_000, minMs: 3_600_000, maxMs: 397 * 24 * 3_600_000 } as const

/** Lots of devices that a factory makes without this hub. */
export interface Factory {
  /** Refuses `factory/name-malformed`, `factory/pattern-malformed`, `provisioning/lot-exists`, `-lot-bounds`, `-lots-full`, `provisioning/id-malformed`. */
  add(grant: Grant<'enrollment.write'>, spec: LotSpec): Promise<Result<Lot>>
  list(grant: Grant<'enrollment.read'>): Promise<readonly (Lot & LotProgress)[]>
  /**
   * Makes the lot's issuer for the key of a signing request (DER), and says all that a station must know; once. Makes the enrollment group if there is none. Refuses
   * `provisioning/lot-not-found`, `provisioning/lot-not-open`, `provisioning/lot-group`, `provisioning/no-lots`.
   */
  export(grants: ExportGrants, lot: string, csr: Buffer): Promise<Result<string>>
  /** Takes in a station's ledger: see {@link mergeLedger}. */
  report(grant: Grant<'certificate.issue'>, lot: string, ledger: string): Promise<Result<Merged>>
  /** Revokes the issuer and every certificate that is known to be by it. Refuses `provisioning/lot-not-found`. */
  revoke(grant: Grant<'certificate.issue'>, lot: string): Promise<Result<Lot & LotProgress>>
  /** For proofs of this room: the lot that a verified leaf is of, if it is of one and may register. */
  admit(leaf: Certificate, enrollment: Pick<Enrollment, 'kind' | 'key'>): Promise<Result<string | undefined>>
}

/** What exporting takes. */
export type ExportGrants = { readonly issue: Grant<'certificate.issue'>; readonly enroll: Grant<'enrollment.write'> }

/** What the factory is made of. */
export type FactoryPorts = ProvisioningPorts & { readonly enrollments: Pick<Enrollments, 'current' | 'put'>; readonly idScope: string }

const noLots = refuse('provisioning/no-lots', 'This hub makes no issuers for factories.')

/** Opens the lots on their rows; all of them are in memory, their claims are not. Throws the store's Faults. */
export async function openFactory(ports: FactoryPorts): Promise<Factory> {
  const { store, commit, clock, tell } = ports
  const lots = new Map((await store.query('SELECT * FROM factory_lots')).map((row) => [textOf(row, 'lot'), lotOf(row)] as const))
  const byIssuer = new Map([...lots.values()].flatMap((lot) => (lot.issuer ? [[keyOf(lot.issuer), lot.lot] as const] : [])))
  const named = (name: string): Result<Lot> => {
    const lot = lots.get(name)
    return lot === undefined ? refuse('provisioning/lot-not-found', `There is no lot ${name}.`) : ok(lot)
  }
  const changed = (grant: Grant, lot: Lot, action: 'create' | 'export' | 'revoke') => {
    lots.set(lot.lot, lot)
    if (lot.issuer) byIssuer.set(keyOf(lot.issuer), lot.lot)
    tell({ kind: 'lot-changed', time: clock.now(), actor: actorOf(grant), action, lot: lot.lot, group: lot.group, count: lot.count })
  }
  const progress = async (lot: Lot): Promise<Lot & LotProgress> => {
    const [row] = await store.query(
      `SELECT count(fingerprint) AS known, count(reported_at) AS reported, count(registered_at) AS registered FROM factory_claims WHERE lot = ?`,
      lot.lot,
    )
    const number = (name: string) => Number(row?.[name] ?? 0)
    return { ...lot, known: number('known'), reported: number('reported'), registered: number('registered') }
  }
  return {
    async add(grant, spec) {
      const checked = checkSpec(spec)
      if (!checked.ok) return checked
      if (lots.size >= lotLimits.lots) return refuse('provisioning/lots-full', `There are at most ${lotLimits.lots} lots.`)
      const now = clock.now()
      const makeUntil = instant(now + spec.expiresMs)
      const lot: Lot = {
        lot: spec.lot,
        group: spec.group,
        pattern: spec.pattern,
        count: spec.count,
        strict: spec.strict,
        createdAt: now,
        makeUntil,
        registerUntil: instant(makeUntil + spec.shelfMs),
        state: 'open',
        issuer: undefined,
        digest: undefined,
      }
      const sql = `INSERT INTO factory_lots (lot, group_id, pattern, device_count, strict, created_at, make_until, register_until, state)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open')`
      const args = [lot.lot, lot.group, lot.pattern, lot.count, lot.strict ? 1 : 0, now, makeUntil, lot.registerUntil]
      const what = { action: 'lot.create', resource: `lot:${lot.lot}`, detail: { group: lot.group, count: lot.count, makeUntil } }
      const outcome = await commit(grant, what, [{ sql, args, expect: 1 }])
      if (!outcome.ok) return refuse('provisioning/lot-exists', `There is a lot ${lot.lot} already.`)
      changed(grant, lot, 'create')
      return ok(lot)
    },
    async list() {
      const all: (Lot & LotProgress)[] = []
      for (const lot of lots.values()) all.push(await progress(lot))
      return all
    },
    async export(grants, name, csr) {
      if (ports.lots === undefined) return noLots
      const lot = named(name)
      if (!lot.ok) return lot
      if (lot.value.state !== 'open')
        return refuse('provisioning/lot-not-open', `Lot ${name} was exported already, or revoked. A second station needs a lot of its own.`)
      const key = parseIdKey(lot.value.group)
      if (!key.ok) return key
      const before = await ports.enrollments.current('group', key.value)
      const wish = { lot: name, csr, notAfter: lot.value.registerUntil }
      const made = await ports.lots.issue(grants.issue, wish)
      if (!made.ok) return made
      const { certificate, root } = made.value
      if (before !== undefined && !takes(before.enrollment, root))
        return refuse(
          'provisioning/lot-group',
          `The group ${lot.value.group} takes other authorities. Give it this hub's root, or name a group that is not there yet.`,
        )
      const claims = Array.from({ length: lot.value.count }, () => freshSerial(ports)).sort()
      const manifest = manifestOf(ports, lot.value, [certificate, root], claims)
      const digest = manifestDigest(manifest)
      const what = { action: 'lot.export', resource: `lot:${name}`, detail: { issuer: certificate.serial, claims: claims.length } }
      const outcome = await commit(grants.issue, what, [
        {
          sql: `UPDATE factory_lots SET state = 'exported', issuer = ?, digest = ? WHERE lot = ? AND state = 'open'`,
          args: [certificate.der, digest, name],
          expect: 1,
        },
        {
          sql: 'INSERT INTO factory_claims (serial, lot) SELECT value, ? FROM json_each(?)',
          args: [name, JSON.stringify(claims)],
          expect: claims.length,
        },
      ])
      if (!outcome.ok) return refuse('provisioning/lot-not-open', `Lot ${name} was exported at this very moment.`)
      const exported: Lot = { ...lot.value, state: 'exported', issuer: certificate, digest }
      changed(grants.issue, exported, 'export')
      if (before === undefined) {
        const put = await ports.enrollments.put(grants.enroll, 'group', groupFor(exported, certificate), { ifMatch: undefined })
        if (!put.ok) return put
      }
      return ok(manifest)
    },
    async report(grant, name, ledger) {
      if (ports.lots === undefined) return noLots
      const lot = named(name)
      if (!lot.ok) return lot
      const merged = await mergeLedger({ ...ports, lots: ports.lots }, grant, lot.value, ledger)
      if (!merged.ok) return merged
      const { merged: fresh, known, refused, broken } = merged.value
      const counts = { merged: fresh, known, refused: refused.length + (broken === undefined ? 0 : 1) }
      tell({ kind: 'lot-reported', time: clock.now(), actor: actorOf(grant), lot: name, ...counts })
      return merged
    },
    async revoke(grant, name) {
      if (ports.lots === undefined) return noLots
      const lot = named(name)
      if (!lot.ok) return lot
      const sql = `UPDATE factory_lots SET state = 'revoked' WHERE lot = ?`
      await commit(grant, { action: 'lot.revoke', resource: `lot:${name}` }, [{ sql, args: [name], expect: 1 }])
      changed(grant, { ...lot.value, state: 'revoked' }, 'revoke')
      const rows = await store.query('SELECT fingerprint, registration FROM factory_claims WHERE lot = ? AND fingerprint IS NOT NULL', name)
      const text = (column: string) => rows.flatMap((row) => optionalTextOf(row, column) ?? [])
      const revoked = await ports.lots.revoke(grant, lot.value.issuer, text('fingerprint'), text('registration'))
      return revoked.ok ? ok(await progress({ ...lot.value, state: 'revoked' })) : revoked
    },
    async admit(leaf, enrollment) {
      const name = byIssuer.get(leaf.issuer.der.toString('hex'))
      const lot = name === undefined ? undefined : lots.get(name)
      return lot === undefined ? ok(undefined) : await admitToLot(ports, lot, leaf, enrollment)
    },
  }
}

function manifestOf(ports: FactoryPorts, lot: Lot, chain: LotManifest['chain'], claims: readonly string[]): string {
  const { group, pattern, createdAt: issuedAt, makeUntil } = lot
  const hub = ports.hubs()[0]?.hostName ?? ''
  return encodeManifest({ lot: lot.lot, group, pattern, idScope: ports.idScope, hub, issuedAt, makeUntil, chain, claims })
}

function checkSpec({ lot, pattern, group, count, expiresMs, shelfMs }: LotSpec): Result<void> {
  const name = parseLotName(lot)
  if (!name.ok) return name
  const names = parseNamePattern(pattern)
  if (!names.ok) return names
  const key = parseIdKey(group)
  if (!key.ok) return key
  const isCount = Number.isInteger(count) && count >= 1 && count <= factoryLimits.devicesPerLot
  return isCount && expiresMs >= lotLimits.minMs && shelfMs >= lotLimits.minMs && expiresMs + shelfMs <= lotLimits.maxMs
    ? ok(undefined)
    : refuse(
        'provisioning/lot-bounds',
        `A lot has 1 to ${factoryLimits.devicesPerLot} devices; the times to make and to register them are an hour at least, and 397 days together.`,
      )
}

/** Whether a group takes what the root stands above. */
function takes({ attestation }: Enrollment, root: Certificate): boolean {
  if (attestation.type !== 'signingCertificates') return attestation.type === 'caReferences'
  const { primary, secondary } = attestation.certificates
  const print = sha256Of(root.der)
  return primary?.sha256 === print || secondary?.sha256 === print
}

function groupFor({ group }: Lot, issuer: Certificate) {
  const certificate = issuer.der.toString('base64')
  return { enrollmentGroupId: group, attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate } } } } }
}

/** Issuers are told apart by their names, which have random letters in them. */
function keyOf(issuer: Certificate): string {
  return issuer.subject.der.toString('hex')
}

function freshSerial({ random }: Pick<ProvisioningPorts, 'random'>): string {
  const bytes = random.bytes(16)
  return bytes[0] === 0 ? freshSerial({ random }) : bytes.toString('hex')
}
