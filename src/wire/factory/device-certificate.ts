import { type KeyObject, sign } from 'node:crypto'
import { type Instant, type Result, instant, ok, refuse } from '#base'
import {
  type Certificate,
  type PublicKey,
  encodeCertificate,
  encodeExtensions,
  encodeName,
  encodeTbsCertificate,
  importPublicKey,
  keyIdentifier,
  oids,
  parseCertificate,
  refuseWeakKey,
} from '#wire/x509'

const hourMs = 3_600_000
// The longest life that the hub gives a device; its own profile says the same.
const maxLifetimeMs = 397 * 24 * hourMs

/**
 * Makes the certificate of a device of a lot: for clients only, no authority, valid from an hour ago (devices run behind) to the end of its issuer. `serial` is a claim. The
 * bytes are read back before they are given out. Refuses weak keys.
 */
export function signDeviceCertificate(
  device: { readonly name: string; readonly serial: string; readonly publicKey: PublicKey },
  issuer: Certificate,
  key: KeyObject,
  now: Instant,
): Result<Certificate> {
  const strong = refuseWeakKey(device.publicKey)
  if (!strong.ok) return strong
  if (!importPublicKey(device.publicKey)) return refuse('factory/key-malformed', 'The public key is not valid.')
  const seconds = (ms: number) => instant(Math.floor(ms / 1000) * 1000)
  const tbs = encodeTbsCertificate({
    serial: Buffer.from(device.serial, 'hex'),
    algorithm: 'ecdsa-sha256',
    issuer: issuer.subject.der,
    notBefore: seconds(Math.max(now - hourMs, issuer.notBefore)),
    notAfter: seconds(Math.min(now + maxLifetimeMs - hourMs, issuer.notAfter)),
    subject: encodeName({ commonName: device.name }),
    publicKey: device.publicKey.der,
    extensions: encodeExtensions({
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: [oids.clientAuth],
      subjectKeyId: keyIdentifier(device.publicKey),
      authorityKeyId: keyIdentifier(issuer.publicKey),
    }),
  })
  const read = parseCertificate(encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, key)))
  if (!read.ok) return read
  const { subject, serial, extensions } = read.value
  if (subject.commonName !== device.name || serial !== device.serial || extensions.basicConstraints?.ca === true)
    throw new Error('bug: a certificate that says something else than it was to say')
  return ok(read.value)
}
