import { type Grant, type Instant, type Result, instant, isoTime, ok, refuse } from '#base'
import {
  type Certificate,
  type GeneralName,
  decodePem,
  encodeCertificate,
  encodeExtensions,
  encodePem,
  encodeRequestInfo,
  keyIdentifier,
  parseCertificate,
  parseSigningRequest,
} from '#wire/x509'
import { type Foundry, fingerprintOf } from '../authority.ts'
import { keySha256 } from '../inventory.ts'
import { profiles } from '../profile.ts'
import { bytesOf, numberOf, textOf } from '../row.ts'
import { subjectOf } from '../subject.ts'
import { placeOfNewKeys } from './authority-keys.ts'
import { isInForce, readRoots } from './roots.ts'
import { type IssuerRole, checkImported } from './imported-path.ts'

/*
 * Theory of operation. The key of an issuer is made here, where keys are made, and never leaves; what goes to whoever holds the root is a signing
 * request, and what comes back is a certificate. It is checked as a stranger's, and the root at which it ends is taken only by the fingerprint that the operator
 * gives: a chain proves nothing about its own root. One commit then makes it the issuer; leaves of the earlier one stay good.
 */

/** A key of ours that waits for a certificate. */
export type IssuerRequest = {
  readonly id: string
  readonly role: IssuerRole
  readonly requestPem: string
  /** SHA-256 of the public key, lower-case hex. */
  readonly keySha256: string
  readonly madeAt: Instant
}

/** What importing an issuer did. */
export type ImportedIssuer = {
  readonly role: IssuerRole
  readonly serial: string
  readonly subject: string
  /** SHA-256 of the DER in lower-case hex, of the issuer and of the root at which it ends. */
  readonly fingerprintSha256: string
  readonly rootSha256: string
  readonly notAfter: Instant
}

/** The most requests that wait at a time, and the most PEM that comes back, in characters. */
export const ceremonyLimits = { waiting: 16, pemCharacters: 65_536 } as const

const titles = { 'device-issuer': 'Thingwall Devices', 'server-issuer': 'Thingwall Servers' } as const

/** Makes the key of a new issuer and the request that whoever holds the root signs. `pki/too-many-requests` when 16 wait already. */
export async function requestIssuer({ ports }: Foundry, grant: Grant<'pki.administer'>, role: IssuerRole): Promise<Result<IssuerRequest>> {
  const [row] = await ports.store.query('SELECT count(*) AS n FROM pki_issuer_request')
  if (row === undefined || numberOf(row, 'n') >= ceremonyLimits.waiting)
    return refuse('pki/too-many-requests', 'Too many requests wait for their certificate. Remove one: thingwall pki issuer forget.')
  const id = ports.random.bytes(6).toString('hex')
  const store = placeOfNewKeys(ports)
  const made = await store.make(purposeOf(id))
  if (!made.ok) return made
  const { key, reference } = made.value
  const { ca, keyUsage, extendedKeyUsage } = profiles[role]
  const info = encodeRequestInfo({
    subject: subjectOf(role, `${titles[role]} ${ports.random.bytes(4).toString('hex')}`),
    publicKey: key.publicKey.der,
    extensions: encodeExtensions({
      ...(ca ? { ca } : {}),
      keyUsage,
      extendedKeyUsage,
      alternativeNames: [],
      subjectKeyId: keyIdentifier(key.publicKey),
    }),
  })
  const der = encodeCertificate(info, 'ecdsa-sha256', await key.sign(info))
  if (!parseSigningRequest(der).ok) throw new Error('bug: a signing request of ours cannot be read')
  const sha256 = keySha256(key.publicKey.der)
  const madeAt = ports.clock.now()
  const audit = { action: 'pki.issuer-request', resource: `issuer-request:${id}`, detail: { role, place: store.place, keySha256: sha256 } }
  const kept = await ports.commit(grant, audit, [
    {
      sql: 'INSERT INTO pki_issuer_request (id, role, place, reference, request, key_sha256, made_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
      args: [id, role, store.place, reference, der, sha256, madeAt],
      expect: 1,
    },
  ])
  if (!kept.ok) throw new Error('bug: a fresh key is known already')
  return ok({ id, role, requestPem: encodePem('CERTIFICATE REQUEST', der), keySha256: sha256, madeAt })
}

/** The requests that wait for their certificate, oldest first. */
export async function issuerRequests({ ports }: Foundry): Promise<readonly IssuerRequest[]> {
  const rows = await ports.store.query('SELECT id, role, request, key_sha256, made_at FROM pki_issuer_request ORDER BY rowid')
  return rows.map((row) => ({
    id: textOf(row, 'id'),
    role: roleOf(textOf(row, 'role')),
    requestPem: encodePem('CERTIFICATE REQUEST', bytesOf(row, 'request')),
    keySha256: textOf(row, 'key_sha256'),
    madeAt: instant(numberOf(row, 'made_at')),
  }))
}

/** Forgets a request and its key. `pki/unknown-request` for none. */
export async function forgetRequest({ ports }: Foundry, grant: Grant<'pki.administer'>, id: string): Promise<Result<void>> {
  const audit = { action: 'pki.issuer-forget', resource: `issuer-request:${id}` }
  const gone = await ports.commit(grant, audit, [{ sql: 'DELETE FROM pki_issuer_request WHERE id = ?', args: [id], expect: 1 }])
  return gone.ok ? gone : refuse('pki/unknown-request', 'No such request waits for its certificate.')
}

/** What comes back from whoever holds the root: our issuer and what stands above it (PEM), and the root that the operator trusts. */
export type Answered = {
  readonly chainPem: string
  /** SHA-256 of the root's DER, in hex; colons and capitals do not matter. Left out for a root that is trusted here already. */
  readonly rootSha256: string | undefined
}

/**
 * Takes a certificate for a key that waits, after every check (see {@link checkImported}), as the issuer of its role. `pki/no-request-fits` for another key,
 * `pki/root-not-trusted` for a chain that ends elsewhere than at the root whose fingerprint is given. The caller goes by it from then on.
 */
export async function importIssuer(
  foundry: Foundry,
  grant: Grant<'pki.administer'>,
  { chainPem, rootSha256 }: Answered,
  served: readonly GeneralName[],
): Promise<Result<ImportedIssuer>> {
  const { ports } = foundry
  const read = readChain(chainPem)
  if (!read.ok) return read
  const path = read.value
  const [issuer, ...above] = path
  const root = above.at(-1)
  if (!issuer || !root) return refuse('pki/chain-broken', 'Give the issuer first, then who signed it, and so on up to the root.')
  const sha256 = keySha256(issuer.publicKey.der)
  const [request] = await ports.store.query('SELECT * FROM pki_issuer_request WHERE key_sha256 = ?', sha256)
  if (request === undefined)
    return refuse('pki/no-request-fits', 'The certificate is for a key that did not ask for one. Sign the request that this hub made.')
  const role = roleOf(textOf(request, 'role'))
  const checked = checkImported(path, role, ports.clock.now(), served)
  if (!checked.ok) return checked
  const trusted = fingerprintOf(root.der)
  const ours = await readRoots(foundry)
  if (!ours.ok) return ours
  const isOurs = ours.value.some((one) => isInForce(one) && one.certificate.der.equals(root.der))
  const [known] = await ports.store.query('SELECT 1 FROM pki_anchor WHERE fingerprint = ?', trusted)
  const given = rootSha256?.replaceAll(':', '').toLowerCase()
  if (given === undefined ? !isOurs && known === undefined : given !== trusted)
    return refuse('pki/root-not-trusted', 'The chain ends at a root whose fingerprint was not given.', fingerprintOf(root.der))
  const id = textOf(request, 'id')
  const fingerprint = fingerprintOf(issuer.der)
  const { serial, notBefore, notAfter, subject } = issuer
  const detail = { role, serial, fingerprint, root: trusted, notAfter: isoTime(notAfter) }
  const above1 = above[0] ?? root
  const between = Buffer.concat(above.slice(0, -1).map(({ der }) => der))
  const kept = await ports.commit(grant, { action: 'pki.issuer-import', resource: `certificate:${serial}`, detail }, [
    { sql: 'DELETE FROM pki_issuer_request WHERE id = ?', args: [id], expect: 1 },
    {
      sql: `INSERT INTO pki_certificate (serial, profile, issuer, subject, key_sha256, not_before, not_after, fingerprint, der)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      args: [
        serial,
        role,
        keyIdentifier(above1.publicKey).toString('hex'),
        subject.commonName ?? subject.text,
        sha256,
        notBefore,
        notAfter,
        fingerprint,
        issuer.der,
      ],
      expect: 1,
    },
    { sql: `INSERT INTO pki_key (key_sha256, owner) VALUES (?, 'hub')`, args: [sha256], expect: 1 },
    {
      sql: `INSERT INTO pki_keyring (serial, role, certificate, sealed_key, place, purpose, origin, chain) VALUES (?, ?, ?, ?, ?, ?, 'imported', ?)`,
      args: [serial, role, issuer.der, bytesOf(request, 'reference'), textOf(request, 'place'), purposeOf(id), between],
      expect: 1,
    },
    ...(isOurs || known !== undefined
      ? []
      : [
          {
            sql: 'INSERT INTO pki_anchor (fingerprint, certificate, added_at) VALUES (?, ?, ?)',
            args: [trusted, root.der, ports.clock.now()],
          },
        ]),
  ])
  if (!kept.ok)
    return refuse('pki/serial-in-use', 'A certificate with this serial number is known already. Have it signed under another one.')
  return ok({ role, serial, subject: subject.text, fingerprintSha256: fingerprint, rootSha256: trusted, notAfter })
}

function readChain(pem: string): Result<readonly Certificate[]> {
  if (pem.length > ceremonyLimits.pemCharacters) return refuse('pki/chain-too-long', 'That is too much for a chain of certificates.')
  const ders = decodePem('CERTIFICATE', pem)
  if (!ders.ok) return ders
  const path: Certificate[] = []
  for (const der of ders.value) {
    const read = parseCertificate(der)
    if (!read.ok) return read
    path.push(read.value)
  }
  return ok(path)
}

function roleOf(text: string): IssuerRole {
  if (text !== 'device-issuer' && text !== 'server-issuer') throw new Error('bug: unknown role of an issuer')
  return text
}

const purposeOf = (id: string) => `pki/request/${id}`
