import { type Instant, type Result, ok, refuse } from '#base'
import { type Certificate, parseCertificate } from '#wire/x509'
import { findPath } from './chain.ts'
import { limits } from './limits.ts'

/**
 * Verifies the certificate of an endorsement key (DER, leaf first) to manufacturers' authorities (DER) at `now`: path, usage, validity. Revocation
 * is not asked: what an operator does not want any more is not expected any more. Refuses what is malformed and what does not lead there.
 */
export function verifyEndorsement(anchors: readonly Buffer[], presented: readonly Buffer[], now: Instant): Result<void> {
  if (presented.length > limits.presentedCertificates)
    return refuse('pki/chain-too-long', `A client presents at most ${limits.presentedCertificates} certificates.`)
  const known = readAll(anchors)
  if (!known.ok) return known
  const shown = readAll(presented)
  if (!shown.ok) return shown
  const [leaf, ...others] = shown.value
  if (leaf === undefined) return refuse('pki/no-certificate', 'No certificate of the endorsement key was presented.')
  const path = findPath(leaf, others, { anchors: known.value, issuers: [] }, 'endorsement')
  if (!path.ok) return path
  return path.value.every(({ notBefore, notAfter }) => now >= notBefore && now <= notAfter)
    ? ok(undefined)
    : refuse('pki/expired', 'The certificate of the endorsement key, or one above it, is not valid now.')
}

function readAll(ders: readonly Buffer[]): Result<readonly Certificate[]> {
  const certificates: Certificate[] = []
  for (const der of ders) {
    const read = parseCertificate(der)
    if (!read.ok) return read
    certificates.push(read.value)
  }
  return ok(certificates)
}
