import { parseOcspRequest } from './ocsp-request.ts'
import { parseRevocationList } from './revocation-list.ts'

/** Only a value or a refusal may come out, whatever goes in; what was accepted is bounded. */
export function target(bytes: Buffer): void {
  const list = parseRevocationList(bytes)
  if (list.ok && !bytes.includes(list.value.tbs)) throw new Error('a list lost bytes')
  const request = parseOcspRequest(bytes)
  if (!request.ok) return
  const { certificates, nonce } = request.value
  if (certificates.length === 0 || certificates.length > 16) throw new Error('a request of too few or too many')
  if (nonce !== undefined && (nonce.length === 0 || nonce.length > 128)) throw new Error('a nonce of a wrong length')
}
