import { createHash } from 'node:crypto'
import { type Result, isoTime, ok, refuse } from '#base'
import type { Json } from '#wire/json'
import { decodePem, parseCertificate, refuseWeakKey } from '#wire/x509'
import type { HeldCertificate, JsonObject } from './enrollment.ts'
import { provisioningLimits } from './limits.ts'

/**
 * Reads a certificate of an enrollment: `{certificate}` in PEM or base64 of DER, or `{info}` of one that is held already (azure-wire 7.3). Refuses
 * `provisioning/certificate-malformed`, keys too weak, and what is an authority where none belongs, or none where one does.
 */
export function readHeldCertificate(json: Json, isAuthority: boolean, held: readonly HeldCertificate[]): Result<HeldCertificate> {
  if (typeof json !== 'object' || json === null || !('certificate' in json || 'info' in json)) return none('it is missing')
  const text = 'certificate' in json ? json['certificate'] : undefined
  if (typeof text === 'string' && text !== '') return readCertificate(text, isAuthority)
  const info = 'info' in json ? json['info'] : undefined
  const print = typeof info === 'object' && info !== null && 'sha256Thumbprint' in info ? info['sha256Thumbprint'] : undefined
  const found = typeof print === 'string' ? held.find((one) => one.sha256 === print.toLowerCase()) : undefined
  return found === undefined ? none('there is only what is told of it, and it is not held here') : ok(found)
}

function readCertificate(text: string, isAuthority: boolean): Result<HeldCertificate> {
  if (text.length > provisioningLimits.certificateCharacters) return none('it is too long')
  const der = derOf(text)
  if (der === undefined) return none('it is neither PEM nor base64 of DER')
  const read = parseCertificate(der)
  if (!read.ok) return none(read.error.message)
  const strong = refuseWeakKey(read.value.publicKey)
  if (!strong.ok) return strong
  const isOne = read.value.extensions.basicConstraints?.ca === true
  if (isOne && !isAuthority) return none('it is the one of an authority, and devices have none')
  if (!isOne && isAuthority) return none('it is not the one of an authority')
  return ok({ der, sha256: sha256Of(der) })
}

function derOf(text: string): Buffer | undefined {
  if (text.includes('-----BEGIN')) {
    const blocks = decodePem('CERTIFICATE', text)
    return blocks.ok && blocks.value.length === 1 ? blocks.value[0] : undefined
  }
  const bare = text.replaceAll(/\s/g, '')
  // Clients send PEM in base64, too.
  const bytes = /^[A-Za-z0-9+/]+={0,2}$/.test(bare) ? Buffer.from(bare, 'base64') : undefined
  const inner = bytes?.subarray(0, 11).toString('latin1') === '-----BEGIN ' ? bytes.toString('latin1') : undefined
  return inner === undefined ? bytes : derOf(inner)
}

/** SHA-256 of bytes, lower-case hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** What is told of a certificate in place of itself (azure-wire 7.3). Thumbprints are upper-case hex as the modelled service prints them. */
export function certificateInfo(der: Buffer): JsonObject {
  const read = parseCertificate(der)
  if (!read.ok) throw new Error('bug: a certificate that was read before is none')
  const { subject, issuer, notBefore, notAfter, serial, version } = read.value
  return {
    subjectName: subject.text,
    sha1Thumbprint: createHash('sha1').update(der).digest('hex').toUpperCase(),
    sha256Thumbprint: sha256Of(der).toUpperCase(),
    issuerName: issuer.text,
    notBeforeUtc: isoTime(notBefore),
    notAfterUtc: isoTime(notAfter),
    serialNumber: serial.toUpperCase(),
    version,
  }
}

function none(why: string): Result<never> {
  return refuse('provisioning/certificate-malformed', `A certificate of this enrollment cannot be used: ${why}.`)
}
