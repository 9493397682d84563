import type { X509Certificate } from 'node:crypto'
import { instant } from '#base'
import type { CertificateFacts } from './evidence.ts'

const curves: ReadonlyMap<string, string> = new Map([
  ['prime256v1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
])

/** What posture wants to know about a certificate. Verifies nothing. */
export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    serial: certificate.serialNumber.toLowerCase(),
    fingerprintSha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    notBefore: instant(certificate.validFromDate.getTime()),
    notAfter: instant(certificate.validToDate.getTime()),
    key: keyOf(certificate),
    signature: certificate.signatureAlgorithm ?? 'unknown',
  }
}

function keyOf(certificate: X509Certificate): string {
  const { asymmetricKeyType = 'unknown', asymmetricKeyDetails } = certificate.publicKey
  if (asymmetricKeyType === 'ec') {
    const curve = asymmetricKeyDetails?.namedCurve ?? 'unknown'
    return `ec:${curves.get(curve) ?? curve}`
  }
  return asymmetricKeyType === 'rsa' ? `rsa:${asymmetricKeyDetails?.modulusLength ?? 0}` : asymmetricKeyType
}

/** The advertised names and addresses that a certificate does not cover (RFC 6125 matching, by OpenSSL). */
export function uncoveredNames(certificate: X509Certificate, advertised: readonly string[]): readonly string[] {
  return advertised.filter((name) => {
    const address = /^[0-9.]+$/.test(name) || name.includes(':')
    return (address ? certificate.checkIP(name) : certificate.checkHost(name)) === undefined
  })
}
