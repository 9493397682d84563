import { type Instant, type Result, isoTime } from '#base'
import { isNameOf } from '#wire/factory'
import { type Certificate, importPublicKey, oids, parseCertificate, refuseWeakKey, verifySignature } from '#wire/x509'
import { type Station, fingerprintOf } from './station.ts'

/** One thing that a hub will ask of a device, what is so, and how to mend it if it is not. */
export type Check = { readonly name: string; readonly ok: boolean; readonly says: string; readonly fix: string }

/** Everything that a hub asks of a certificate of this lot at registration, as far as it can be told without the hub. One that is no certificate fails the first check alone. */
export function checkDevice(station: Station, der: Buffer, now: Instant): readonly Check[] {
  const read = parseCertificate(der)
  const check = (name: string, isOk: boolean, says: string, fix: string): Check => ({ name, ok: isOk, says, fix: isOk ? '' : fix })
  if (!read.ok) return [check('certificate', false, read.error.message, 'give the certificate of a device, PEM or DER.')]
  const leaf = read.value
  const { manifest, entries } = station
  const [issuer] = manifest.chain
  const name = leaf.subject.commonName ?? ''
  const strong = refuseWeakKey(leaf.publicKey)
  const entry = entries.find(({ certificate }) => certificate.serial === leaf.serial)
  const isMade = entry !== undefined && fingerprintOf(entry.certificate) === fingerprintOf(leaf)
  const usage = leaf.extensions.extendedKeyUsage
  const again = 'make the device with: thingwall factory make'
  const anew = 'make a new lot at the hub, and the device of it.'
  return [
    check('certificate', true, leaf.subject.text, ''),
    check('key', strong.ok, saysOf(strong, 'strong enough'), 'make a new key: EC P-256.'),
    check('issuer', isBy(leaf, issuer), leaf.issuer.text, `use a device of this lot, or the folder of the lot that made it; ${again}`),
    check('authority', leaf.extensions.basicConstraints?.ca !== true, 'devices are none', again),
    check('usage', usage === undefined || usage.includes(oids.clientAuth), 'to prove itself as a client', again),
    check(
      'name',
      isNameOf(manifest.pattern, name),
      `${name} of ${manifest.pattern}`,
      'name the device as the lot does; nothing else registers of it.',
    ),
    check(
      'claim',
      manifest.claims.includes(leaf.serial),
      `serial ${leaf.serial}`,
      'the hub never gave this serial number to the lot: more were made than it may.',
    ),
    check(
      'ledger',
      isMade,
      entry === undefined ? 'no line' : `line ${entry.number}`,
      entry === undefined
        ? `the station never wrote it down; ${again}`
        : 'another certificate has this serial number: the folder was copied, or restored.',
    ),
    check('begin', now >= leaf.notBefore, `valid from ${isoTime(leaf.notBefore)}`, 'set the clock.'),
    check('end', now <= leaf.notAfter, `valid until ${isoTime(leaf.notAfter)}`, anew),
    check('lot', now <= issuer.notAfter, `its devices register until ${isoTime(issuer.notAfter)}`, anew),
  ]
}

function isBy(leaf: Certificate, issuer: Certificate): boolean {
  const key = importPublicKey(issuer.publicKey)
  const { signatureAlgorithm, tbs, signature } = leaf
  if (key === undefined || signatureAlgorithm === undefined || !leaf.issuer.der.equals(issuer.subject.der)) return false
  return verifySignature(signatureAlgorithm, key, tbs, signature)
}

function saysOf(result: Result<unknown>, good: string): string {
  return result.ok ? good : result.error.message
}
