import { type KeyObject, createHash, generateKeyPairSync } from 'node:crypto'
import { type Instant, type Result, isoTime, ok, refuse } from '#base'
import {
  type LedgerEnd,
  type LotEntry,
  type LotManifest,
  LedgerReader,
  appendEntry,
  manifestDigest,
  nameOf,
  parseManifest,
  signDeviceCertificate,
} from '#wire/factory'
import { type Certificate, type PublicKey, parsePublicKey, parseSigningRequest } from '#wire/x509'

/** What a folder of a lot means: all of it verified but the key. */
export type Station = {
  readonly manifest: LotManifest
  readonly entries: readonly LotEntry[]
  readonly end: LedgerEnd
  /** Bytes of the ledger up to its last whole line. */
  readonly ledgerBytes: number
}

/** A device that was made, before it is given out: its line must be on disk first. */
export type MadeDevice = {
  readonly name: string
  readonly certificate: Certificate
  readonly privateKeyPem: string | undefined
  readonly line: string
}

/** Reads what a folder holds. Refuses a manifest or a ledger that is not as it was written. */
export function openStation(manifestText: string, ledger: string): Result<Station> {
  const manifest = parseManifest(manifestText)
  if (!manifest.ok) return manifest
  const reader = new LedgerReader(manifest.value.lot, manifest.value.chain[0], manifestDigest(manifestText))
  const lines = ledger.split('\n')
  const torn = lines.pop() ?? ''
  const entries: LotEntry[] = []
  for (const line of lines) {
    const read = reader.read(line)
    if (!read.ok) return read
    entries.push(read.value)
  }
  const ledgerBytes = Buffer.byteLength(ledger) - Buffer.byteLength(torn)
  return ok({ manifest: manifest.value, entries, end: reader.end, ledgerBytes })
}

/**
 * Makes one device, with a key of its own or for a signing request (DER). Refuses `factory/expired`, `factory/clock-behind`, `factory/used-up`, `factory/made-before`,
 * `factory/name-mismatch` and what {@link nameOf} does.
 */
export function makeDevice(
  station: Station,
  key: KeyObject,
  device: { readonly serial: string; readonly csr?: Buffer | undefined },
  now: Instant,
): Result<MadeDevice> {
  const { manifest, entries, end } = station
  const [issuer] = manifest.chain
  const name = nameOf(manifest.pattern, device.serial)
  if (!name.ok) return name
  const last = entries.at(-1)?.at ?? manifest.issuedAt
  if (now < last)
    return refuse('factory/clock-behind', `The clock says ${isoTime(now)}, and the lot was at work at ${isoTime(last)}. Set it.`)
  if (now > manifest.makeUntil)
    return refuse('factory/expired', `The lot ended at ${isoTime(manifest.makeUntil)}. Make a new one at the hub.`)
  if (entries.some(({ certificate }) => certificate.subject.commonName?.toLowerCase() === name.value.toLowerCase()))
    return refuse('factory/made-before', `${name.value} was made already. Its certificate is in the ledger.`)
  const used = new Set(entries.map(({ certificate }) => certificate.serial))
  const serial = manifest.claims.find((claim) => !used.has(claim))
  if (serial === undefined)
    return refuse('factory/used-up', `All ${manifest.claims.length} devices of the lot were made. Make a new one at the hub.`)
  const wanted = keyFor(device.csr, name.value)
  if (!wanted.ok) return wanted
  const certificate = signDeviceCertificate({ name: name.value, serial, publicKey: wanted.value.publicKey }, issuer, key, now)
  if (!certificate.ok) return certificate
  const line = appendEntry(manifest.lot, end, now, certificate.value.der, key)
  return ok({ name: name.value, certificate: certificate.value, privateKeyPem: wanted.value.privateKeyPem, line })
}

/** The station after a device was made and its line written. */
export function afterMaking(station: Station, { certificate, line }: MadeDevice, now: Instant): Station {
  const number = station.end.number + 1
  return {
    manifest: station.manifest,
    entries: [...station.entries, { number, at: now, certificate }],
    end: { number, digest: createHash('sha256').update(line.trimEnd()).digest('hex') },
    ledgerBytes: station.ledgerBytes + Buffer.byteLength(line),
  }
}

/** SHA-256 of a certificate, lower-case hex. */
export function fingerprintOf({ der }: Certificate): string {
  return createHash('sha256').update(der).digest('hex')
}

type Wanted = { readonly publicKey: PublicKey; readonly privateKeyPem: string | undefined }

function keyFor(csr: Buffer | undefined, name: string): Result<Wanted> {
  if (csr === undefined) {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const publicKey = parsePublicKey(pair.publicKey.export({ format: 'der', type: 'spki' }))
    if (!publicKey.ok) return publicKey
    return ok({ publicKey: publicKey.value, privateKeyPem: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) })
  }
  const read = parseSigningRequest(csr)
  if (!read.ok) return read
  const { subject, requested, publicKey } = read.value
  if (requested.basicConstraints?.ca === true || (subject.commonName !== undefined && subject.commonName !== name))
    return refuse('factory/name-mismatch', `The signing request is not for a device named ${name}.`)
  return ok({ publicKey, privateKeyPem: undefined })
}
