import { type DeviceId, type Grant, type Instant, type Result, ok, parseDeviceId, refuse } from '#base'
import { type LotEntry, LedgerReader, factoryLimits, isNameOf } from '#wire/factory'
import type { Certificate } from '#wire/x509'
import { optionalTextOf, textOf } from '../enrollment-rows.ts'
import { sha256Of } from '../held-certificate.ts'
import type { LotPorts, ProvisioningPorts } from '../ports.ts'
import type { Lot } from './lot.ts'

/** One line of a ledger that was not taken, and why. */
export type RefusedEntry = { readonly number: number; readonly serial: string; readonly registration: string; readonly reason: string }

/** What came of a ledger. */
export type Merged = {
  /** Devices that were not reported before, and those that were. */
  readonly merged: number
  readonly known: number
  readonly refused: readonly RefusedEntry[]
  /** The line from which on the ledger counts for nothing, and why. */
  readonly broken: { readonly line: number; readonly reason: string } | undefined
}

type MergePorts = Pick<ProvisioningPorts, 'store' | 'commit' | 'clock'> & { readonly lots: LotPorts }

const linesPerCommit = 100

/** Takes in the ledger of a lot. It may be taken in again, and when it has grown. Refuses `provisioning/lot-not-exported`, `provisioning/ledger-too-large`. */
export async function mergeLedger(ports: MergePorts, grant: Grant<'certificate.issue'>, lot: Lot, ledger: string): Promise<Result<Merged>> {
  const { issuer, digest } = lot
  if (issuer === undefined || digest === undefined)
    return refuse('provisioning/lot-not-exported', `Lot ${lot.lot} was not exported, so nothing was made of it.`)
  if (ledger.length > factoryLimits.ledgerBytes) return refuse('provisioning/ledger-too-large', 'The ledger is too large.')
  const reader = new LedgerReader(lot.lot, issuer, digest)
  const lines = ledger.split('\n')
  // What stands behind the last end of line was being written when the power went; its device got no certificate.
  lines.pop()
  const refused: RefusedEntry[] = []
  let merged = 0
  let known = 0
  for (let at = 0; at < lines.length; at += linesPerCommit) {
    const entries: LotEntry[] = []
    let broken: Merged['broken']
    for (const line of lines.slice(at, at + linesPerCommit)) {
      const read = reader.read(line)
      if (read.ok) entries.push(read.value)
      else broken = { line: reader.end.number + 1, reason: read.error.message }
      if (broken !== undefined) break
    }
    const part = await mergeEntries(ports, grant, lot, issuer, entries)
    if (!part.ok) return part
    merged += part.value.merged
    known += part.value.known
    refused.push(...part.value.refused)
    if (broken !== undefined) return ok({ merged, known, refused, broken })
  }
  return ok({ merged, known, refused, broken: undefined })
}

async function mergeEntries(
  ports: MergePorts,
  grant: Grant<'certificate.issue'>,
  lot: Lot,
  issuer: Certificate,
  entries: readonly LotEntry[],
): Promise<Result<Omit<Merged, 'broken'>>> {
  const claims = await claimsOf(ports, entries)
  const refused: RefusedEntry[] = []
  const adopted: { readonly device: DeviceId; readonly certificate: Certificate }[] = []
  const names = new Set<string>()
  let known = 0
  const now = ports.clock.now()
  const statements: ReturnType<typeof reporting>[] = []
  for (const { number, certificate } of entries) {
    const { serial } = certificate
    const name = certificate.subject.commonName ?? ''
    const claim = claims.get(serial)
    const device = parseDeviceId(name)
    const fingerprint = sha256Of(certificate.der)
    const reason =
      claim?.lot !== lot.lot
        ? 'the lot was never given this serial number: more were made than it may'
        : claim.fingerprint !== undefined && claim.fingerprint !== fingerprint
          ? 'another certificate has this serial number: a copy of the station made it, or this is the copy'
          : !device.ok || !isNameOf(lot.pattern, name)
            ? 'the name is none of the lot'
            : names.has(name.toLowerCase()) || (await isTaken(ports, name, serial))
              ? 'another certificate of a lot has this name'
              : undefined
    if (reason !== undefined || !device.ok) {
      refused.push({ number, serial, registration: name.slice(0, 128), reason: reason ?? 'the name is none of the lot' })
      continue
    }
    names.add(name.toLowerCase())
    claims.set(serial, { lot: lot.lot, fingerprint, isReported: true })
    if (claim?.isReported === true) known++
    else {
      adopted.push({ device: device.value, certificate })
      statements.push(reporting(serial, fingerprint, name, now))
    }
  }
  if (adopted.length === 0) return ok({ merged: 0, known, refused })
  const recorded = await ports.lots.adopt(grant, issuer, adopted)
  if (!recorded.ok) return recorded
  const what = { action: 'lot.report', resource: `lot:${lot.lot}`, detail: { devices: adopted.length, refused: refused.length } }
  const outcome = await ports.commit(grant, what, statements)
  if (!outcome.ok) return refuse('provisioning/lot-conflict', 'Devices of the lot registered at this very moment. Report again.')
  return ok({ merged: adopted.length, known, refused })
}

function reporting(serial: string, fingerprint: string, name: string, now: Instant) {
  const sql = `UPDATE factory_claims SET fingerprint = ?, registration = ?, reported_at = ?
               WHERE serial = ? AND (fingerprint IS NULL OR fingerprint = ?)`
  return { sql, args: [fingerprint, name.toLowerCase(), now, serial, fingerprint], expect: 1 }
}

type Claim = { readonly lot: string; readonly fingerprint: string | undefined; readonly isReported: boolean }

async function claimsOf({ store }: MergePorts, entries: readonly LotEntry[]): Promise<Map<string, Claim>> {
  if (entries.length === 0) return new Map()
  const marks = entries.map(() => '?').join()
  const rows = await store.query(
    `SELECT serial, lot, fingerprint, reported_at FROM factory_claims WHERE serial IN (${marks})`,
    ...entries.map(({ certificate }) => certificate.serial),
  )
  return new Map(
    rows.map((row) => [
      textOf(row, 'serial'),
      { lot: textOf(row, 'lot'), fingerprint: optionalTextOf(row, 'fingerprint'), isReported: row['reported_at'] !== null },
    ]),
  )
}

async function isTaken({ store }: MergePorts, name: string, serial: string): Promise<boolean> {
  const rows = await store.query('SELECT 1 FROM factory_claims WHERE registration = ? AND serial <> ?', name.toLowerCase(), serial)
  return rows.length > 0
}
