import { type Result, ok, refuse } from '#base'
import { parseCertificate } from '#wire/x509'
import type { RevocationReason } from '../row.ts'
import { type Signed, objectOf } from './call.ts'
import { memberOf } from './names.ts'
import type { AcmeOrders } from './orders.ts'
import type { AcmePorts } from './ports.ts'

/** Reason codes of RFC 5280 section 5.3.1 that a client may give. */
const reasons: ReadonlyMap<unknown, RevocationReason> = new Map<unknown, RevocationReason>([
  [undefined, 'unspecified'],
  [0, 'unspecified'],
  [1, 'keyCompromise'],
  [4, 'superseded'],
  [5, 'cessationOfOperation'],
  [9, 'privilegeWithdrawn'],
])

/**
 * Revokes a certificate that was issued by ACME (RFC 8555 section 7.6), for the account that ordered it, one that has proven all of its names, or whoever
 * holds its key. A certificate of anything else of this hub is not there.
 */
export async function revoke({ payload, account, key }: Signed, ports: AcmePorts, orders: AcmeOrders): Promise<Result<void>> {
  const json = objectOf(payload)
  if (!json.ok) return json
  const encoded = memberOf(json.value, 'certificate')
  const reason = reasons.get(memberOf(json.value, 'reason'))
  if (reason === undefined) return refuse('pki/acme-reason', 'The reason must be 0, 1, 4, 5 or 9 (RFC 5280 section 5.3.1).')
  if (typeof encoded !== 'string') return refuse('pki/acme-malformed', 'The payload names no certificate.')
  const certificate = parseCertificate(Buffer.from(encoded, 'base64url'))
  if (!certificate.ok) return certificate
  const { serial, der, publicKey, extensions } = certificate.value
  const found = await ports.certificate(serial)
  if (found?.der === undefined || found.record.profile !== 'operator-service' || !found.der.equals(der))
    return refuse('pki/acme-not-found', 'This certificate was not issued here by ACME.')
  const names = (extensions.alternativeNames ?? []).map(({ value }) => value)
  const may = account === undefined ? key?.spki.equals(publicKey.der) === true : await orders.speaksFor(account.record.id, serial, names)
  if (!may) return refuse('pki/acme-not-yours', 'Neither this account nor this key may revoke this certificate.')
  if (found.record.revoked !== null) return refuse('pki/acme-already-revoked', 'This certificate is revoked already.')
  const revoked = await ports.revoke(serial, reason)
  return revoked.ok ? ok(undefined) : revoked
}
