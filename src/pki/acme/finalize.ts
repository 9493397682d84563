import { createPublicKey } from 'node:crypto'
import type { JWK } from 'jose'
import { type Result, ok, refuse } from '#base'
import { formatAddress, parseAddress, parseSigningRequest } from '#wire/x509'
import type { Issued } from '../issue-device.ts'
import { acmeLimits } from './limits.ts'
import { alternativeNameOf } from './names.ts'
import type { AcmeOrders } from './orders.ts'
import type { AcmePorts } from './ports.ts'
import type { Account, Order } from './rows.ts'

/**
 * Holds a signing request against its order (RFC 8555 section 7.4): exactly the names that were proven, no authority, and a key that is not the account's
 * (section 11.1). Refuses `pki/acme-csr`.
 */
export function checkCsr(csr: Buffer, { identifiers }: Order, accountKey: JWK | undefined): Result<void> {
  const no = (message: string, detail?: string) => refuse('pki/acme-csr', message, detail)
  const read = parseSigningRequest(csr)
  if (!read.ok) return no(read.error.message, read.error.code)
  const { subject, requested, publicKey } = read.value
  const wanted = new Set(identifiers.map(({ type, value }) => `${type}:${value}`))
  const asked = new Set<string>()
  for (const { kind, value } of requested.alternativeNames ?? []) {
    if (kind !== 'dns' && kind !== 'address') return no('The request asks for names that are neither hosts nor addresses.')
    asked.add(kind === 'dns' ? `dns:${value.toLowerCase()}` : `ip:${formatAddress(parseAddress(value) ?? Buffer.alloc(0)) ?? ''}`)
  }
  if (subject.commonName !== undefined) asked.add(nameOf(subject.commonName))
  if (asked.size !== wanted.size || [...asked].some((one) => !wanted.has(one)))
    return no('The request asks for other names than the order.', [...asked].join(' ').slice(0, 256))
  if (requested.basicConstraints?.ca === true || requested.keyUsage?.includes('keyCertSign') === true)
    return no('The signing request asks for the certificate of an authority.')
  if (accountKey !== undefined && spkiOf(accountKey).equals(publicKey.der))
    return no('The key of a certificate must not be the key of the account.')
  return ok(undefined)
}

/** Makes the certificate of an order that is ready. Whatever goes wrong, the order is ready again. */
export async function finalize(
  account: Account,
  order: Order,
  csr: Buffer,
  ports: AcmePorts,
  orders: AcmeOrders,
  address: string,
): Promise<Result<void>> {
  const { record, jwk } = account
  const sound = checkCsr(csr, order, jwk)
  if (!sound.ok) return sound
  if (!(await orders.begin(order))) return refuse('pki/acme-not-ready', 'The order is not ready.')
  let issued: Result<Issued> | undefined
  try {
    const names = order.identifiers.map(alternativeNameOf)
    issued = await ports.issue({ csr, names, owner: `acme:${record.id}`, lifetimeMs: acmeLimits.certificateMs })
    if (issued.ok) await orders.complete(order, issued.value.serial, issued.value.certificatePem)
  } finally {
    if (issued?.ok !== true) await orders.giveBack(order)
  }
  if (!issued.ok) return refuse('pki/acme-csr', issued.error.message, issued.error.code)
  const { serial, notAfter } = issued.value
  const identifiers = order.identifiers.map(({ value }) => value).join(' ')
  ports.tell({
    kind: 'acme-issued',
    time: ports.clock.now(),
    account: record.id,
    name: record.name,
    identifiers,
    serial,
    notAfter,
    address,
  })
  return ok(undefined)
}

function nameOf(commonName: string): string {
  const bytes = parseAddress(commonName)
  return bytes === undefined ? `dns:${commonName.toLowerCase()}` : `ip:${formatAddress(bytes) ?? ''}`
}

function spkiOf(jwk: JWK): Buffer {
  return createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'der' })
}
