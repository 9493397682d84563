import { type Result, ok, refuse } from '#base'
import { isNameOf } from '#wire/factory'
import type { Certificate } from '#wire/x509'
import type { Enrollment } from '../enrollment.ts'
import { optionalTextOf } from '../enrollment-rows.ts'
import { sha256Of } from '../held-certificate.ts'
import type { ProvisioningPorts } from '../ports.ts'
import { parseIdKey } from '../registration-id.ts'
import type { Lot } from './lot.ts'

type AdmissionPorts = Pick<ProvisioningPorts, 'store' | 'commit' | 'clock' | 'system' | 'tell'>

/**
 * Holds a device of a lot against what the lot may make: name, group, serial number, and that no other certificate has that number. The first one seen has it. Refuses
 * `provisioning/unauthorized` with the reason in the detail; each refusal is a fact, for a lot whose key was stolen is seen by nothing else.
 */
export async function admitToLot(
  ports: AdmissionPorts,
  lot: Lot,
  leaf: Certificate,
  enrollment: Pick<Enrollment, 'kind' | 'key'>,
): Promise<Result<string>> {
  const { serial, der } = leaf
  const name = leaf.subject.commonName ?? ''
  const no = (reason: string): Result<never> => {
    const said = { lot: lot.lot, serial, registration: name.slice(0, 128), reason }
    ports.tell({ kind: 'lot-device-refused', time: ports.clock.now(), ...said })
    return refuse('provisioning/unauthorized', 'Not authorized.', `lot ${lot.lot}: ${reason}`)
  }
  if (lot.state !== 'exported') return no('the lot was revoked')
  const group = parseIdKey(lot.group)
  if (enrollment.kind !== 'group' || !group.ok || enrollment.key !== group.value) return no('the enrollment is not the one of the lot')
  if (!isNameOf(lot.pattern, name)) return no('the name is none of the lot')
  const claim = await claimOf(ports, serial)
  if (claim?.lot !== lot.lot) return no('the serial number was never given to the lot')
  const fingerprint = sha256Of(der)
  if (claim.fingerprint === undefined) {
    if (lot.strict) return no('no ledger has told of it yet')
    const first = await bind(ports, lot, serial, fingerprint, name)
    if (first) return ok(lot.lot)
    // Somebody else was first, in between.
    if ((await claimOf(ports, serial))?.fingerprint !== fingerprint) return no('another certificate or another device has this claim')
  } else if (claim.fingerprint !== fingerprint) return no('another certificate has this serial number')
  if (!claim.isRegistered) {
    const sql = 'UPDATE factory_claims SET registered_at = ? WHERE serial = ? AND registered_at IS NULL'
    await ports.store.commit([{ sql, args: [ports.clock.now(), serial] }])
  }
  return ok(lot.lot)
}

/** A claim as it is kept. */
export async function claimOf(
  { store }: Pick<ProvisioningPorts, 'store'>,
  serial: string,
): Promise<{ readonly lot: string; readonly fingerprint: string | undefined; readonly isRegistered: boolean } | undefined> {
  const [row] = await store.query('SELECT lot, fingerprint, registered_at FROM factory_claims WHERE serial = ?', serial)
  return (
    row && {
      lot: optionalTextOf(row, 'lot') ?? '',
      fingerprint: optionalTextOf(row, 'fingerprint'),
      isRegistered: row['registered_at'] !== null,
    }
  )
}

async function bind(
  { commit, clock, system }: AdmissionPorts,
  lot: Lot,
  serial: string,
  fingerprint: string,
  name: string,
): Promise<boolean> {
  const sql = 'UPDATE factory_claims SET fingerprint = ?, registration = ?, registered_at = ? WHERE serial = ? AND fingerprint IS NULL'
  const statement = { sql, args: [fingerprint, name.toLowerCase(), clock.now(), serial], expect: 1 }
  const what = { action: 'lot.claim', resource: `lot:${lot.lot}`, detail: { serial, registration: name } }
  return (await commit(system, what, [statement])).ok
}
