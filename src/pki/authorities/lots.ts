import { type DeviceId, type Grant, type Instant, type Result, instant, ok, refuse } from '#base'
import {
  type Certificate,
  type NameConstraints,
  type SigningRequest,
  keyIdentifier,
  parseCertificate,
  parseSigningRequest,
} from '#wire/x509'
import { type Foundry, fingerprintOf, freshSerial, validityFrom, withRoot } from '../authority.ts'
import { keySha256, ownerOf } from '../inventory.ts'
import { bytesOf } from '../row.ts'
import { readRoots } from './roots.ts'

/*
 * Theory of operation. An issuer for one lot of devices is made for a key that the factory holds, by the root. It is an authority of its own
 * kind: what it signs is good for registering, and nothing else here takes it, so that a key that was stolen from a factory is no key to the fleet.
 */

/** An issuer that was made for a lot. */
export type LotIssuer = { readonly certificate: Certificate; readonly root: Certificate }

// Devices have a common name and nothing else: every name of another form is out of bounds.
const nothingElse: NameConstraints = {
  permitted: [],
  excluded: [
    { kind: 'dns', value: '' },
    { kind: 'address', value: '0.0.0.0/0' },
    { kind: 'address', value: '::/0' },
  ],
}

/** The certificates of the issuers of all lots: the lower-case hex serials by which chains name them. */
export async function lotSerials({ ports }: Foundry): Promise<ReadonlySet<string>> {
  const rows = await ports.store.query("SELECT der FROM pki_certificate WHERE profile = 'lot-issuer' AND der IS NOT NULL")
  const read = rows.map((row) => parseCertificate(bytesOf(row, 'der')))
  return new Set(read.flatMap((one) => (one.ok ? [one.value.serial] : [])))
}

/**
 * Makes the issuer of a lot for the key of a signing request (DER), for clients only, with no issuer below it and no names but common ones. Recorded and audited
 * before it is signed.
 */
export async function makeLotIssuer(
  foundry: Foundry,
  root: Certificate,
  grant: Grant<'certificate.issue'>,
  wish: { readonly lot: string; readonly csr: Buffer; readonly notAfter: Instant },
): Promise<Result<LotIssuer>> {
  const { ports, inventory } = foundry
  const request: Result<SigningRequest> = parseSigningRequest(wish.csr)
  if (!request.ok) return request
  const { publicKey } = request.value
  const roots = await readRoots(foundry)
  if (!roots.ok) return roots
  const above = roots.value.find(({ serial }) => serial === root.serial)
  if (above === undefined) return refuse('pki/unknown-authority', 'No authority of this hub has this key.', root.serial)
  return await withRoot(foundry, above, ['lot-issuer'], async (issuer): Promise<Result<LotIssuer>> => {
    const serial = freshSerial(ports.random)
    const commonName = `Thingwall Lot ${wish.lot} ${ports.random.bytes(4).toString('hex')}`
    const { notBefore } = validityFrom(ports.clock.now(), 0, root)
    const notAfter = instant(Math.floor(Math.min(wish.notAfter, root.notAfter) / 1000) * 1000)
    const template = { profile: 'lot-issuer', serial, commonName, alternativeNames: [], publicKey, nameConstraints: nothingElse } as const
    const proof = issuer.lint({ ...template, notBefore, notAfter })
    if (!proof.ok) return proof
    const planned = { proof: proof.value, device: null, issuer: issuer.identity.keyId.toString('hex'), subject: commonName }
    const recorded = await inventory.reserve(grant, [planned])
    if (!recorded.ok) return recorded
    const [reservation] = recorded.value
    if (!reservation) throw new Error('bug: nothing was reserved')
    const der = await issuer.sign(proof.value, reservation)
    const completed = await inventory.complete([{ serial, der, fingerprintSha256: fingerprintOf(der) }])
    if (!completed.ok) return completed
    const certificate = parseCertificate(der)
    return certificate.ok ? ok({ certificate: certificate.value, root }) : certificate
  })
}

/** A certificate that a factory made, whose signature was checked. */
export type MadeElsewhere = { readonly device: DeviceId; readonly certificate: Certificate }

/** Records certificates that a factory made, so that the inventory knows them as it knows our own. One that it knows already stays as it is. */
export async function adoptCertificates(
  { ports }: Foundry,
  grant: Grant<'certificate.issue'>,
  issuer: Certificate,
  made: readonly MadeElsewhere[],
): Promise<Result<void>> {
  const keyId = keyIdentifier(issuer.publicKey).toString('hex')
  const audits = made.map(({ device, certificate: { serial, notAfter } }) => ({
    action: 'certificate.adopt',
    resource: `device:${device}`,
    detail: { serial, issuer: keyId, notAfter },
  }))
  const statements = made.flatMap(({ device, certificate }) => {
    const { serial, der, notBefore, notAfter, publicKey } = certificate
    const key = keySha256(publicKey.der)
    return [
      { sql: 'INSERT INTO pki_key (key_sha256, owner) VALUES (?, ?) ON CONFLICT DO NOTHING', args: [key, ownerOf(device)] },
      {
        sql: `INSERT INTO pki_certificate (serial, profile, issuer, subject, device, key_sha256, not_before, not_after, fingerprint, der)
              VALUES (?, 'device', ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        args: [serial, keyId, device, device, key, notBefore, notAfter, fingerprintOf(der), der],
      },
    ]
  })
  const outcome = await ports.commit(grant, audits, statements)
  return outcome.ok ? ok(undefined) : refuse('pki/not-adopted', 'The certificates of the factory were not recorded.')
}
