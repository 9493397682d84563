import { parseAttestation } from './attest.ts'
import { parsePublicArea } from './public-area.ts'
import { parseTpmSignature } from './signature.ts'

/** Only a value or a refusal may come out, whatever goes in; what was accepted must hold all that came. */
export function target(bytes: Buffer): void {
  const area = parsePublicArea(bytes)
  if (area.ok && area.value.bytes.length + 2 !== bytes.length) throw new Error('a public area lost bytes')
  const attestation = parseAttestation(bytes)
  if (attestation.ok && attestation.value.bytes.length !== bytes.length) throw new Error('an attestation lost bytes')
  parseTpmSignature(bytes)
}
