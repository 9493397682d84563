import { parseCertificate } from './certificate.ts'
import { decodePem } from './pem.ts'
import { parseSigningRequest } from './signing-request.ts'

/** Only a value or a refusal may come out, whatever goes in; what was accepted must be covered by its own positions. */
export function target(bytes: Buffer): void {
  const certificate = parseCertificate(bytes)
  if (certificate.ok && (certificate.value.der.length !== bytes.length || !bytes.includes(certificate.value.tbs)))
    throw new Error('a certificate lost bytes')
  parseSigningRequest(bytes)
  const text = bytes.toString('latin1')
  decodePem('CERTIFICATE', text)
  decodePem('CERTIFICATE REQUEST', text)
}
