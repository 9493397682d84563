import { generateKeyPairSync, sign } from 'node:crypto'
import { type Instant, type Random, plus } from '#base'
import { encodeCertificate, encodeExtensions, encodeName, encodePem, encodeTbsCertificate, keyIdentifier, parsePublicKey } from '#wire/x509'

const hour = 60 * 60_000

/**
 * A certificate that vouches for nobody, with its fresh key, for the momentary weak listener: PEM, valid for an hour from `now`. Its key never
 * leaves the process and no trust bundle knows it.
 */
export function selfSigned(commonName: string, now: Instant, random: Random): { readonly cert: string; readonly key: string } {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKey = parsePublicKey(pair.publicKey.export({ type: 'spki', format: 'der' }))
  if (!publicKey.ok) throw new Error('bug: a fresh P-256 key cannot be read')
  const name = encodeName({ commonName })
  const keyId = keyIdentifier(publicKey.value)
  const tbs = encodeTbsCertificate({
    serial: random.bytes(16),
    algorithm: 'ecdsa-sha256',
    issuer: name,
    notBefore: plus(now, -hour),
    notAfter: plus(now, hour),
    subject: name,
    publicKey: publicKey.value.der,
    extensions: encodeExtensions({ keyUsage: ['digitalSignature'], extendedKeyUsage: [], subjectKeyId: keyId, authorityKeyId: keyId }),
  })
  const der = encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, pair.privateKey))
  return { cert: encodePem('CERTIFICATE', der), key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) }
}
