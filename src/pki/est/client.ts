import { type Result, ok, refuse } from '#base'
import { decodeBody, encodeBody } from '#wire/est'
import { parseCertificate, parseSigningRequest, readCertsOnly } from '#wire/x509'

/** One call of an EST server: `operation` such as `simpleenroll`; `body` is text. Rejects, as a Fault, when there is no answer. */
export type EstSend = (
  method: 'GET' | 'POST',
  operation: string,
  body: { readonly type: string; readonly text: string } | undefined,
) => Promise<{ readonly status: number; readonly body: Buffer }>

/** What an authority of somebody else issued: the leaf, and the authorities that it published with `cacerts`; all DER. */
export type EstIssued = { readonly certificate: Buffer; readonly authorities: readonly Buffer[] }

/**
 * Has an external authority issue a certificate by EST (RFC 7030 sections 4.1 and 4.2) for a signing request (DER). Trusts nothing of the answer: it
 * has to be one certificate for the very key and common name of the request. Refuses `pki/est-server-refused` for any status but 200 and
 * `pki/est-server-wrong` for an answer that is not what was asked for; whether the chain is one to be trusted is for the caller to verify.
 */
export async function estEnroll(send: EstSend, csr: Buffer): Promise<Result<EstIssued>> {
  const request = parseSigningRequest(csr)
  if (!request.ok) return request
  const authorities = await certificatesOf(send('GET', 'cacerts', undefined))
  if (!authorities.ok) return authorities
  const issued = await certificatesOf(send('POST', 'simpleenroll', { type: 'application/pkcs10', text: encodeBody(csr) }))
  if (!issued.ok) return issued
  const [certificate, ...more] = issued.value
  if (certificate === undefined || more.length > 0) return wrong('it is not one certificate')
  const read = parseCertificate(certificate)
  if (!read.ok) return read
  const { publicKey, subject } = request.value
  if (!read.value.publicKey.der.equals(publicKey.der)) return wrong('it is for another key')
  if (read.value.subject.commonName !== subject.commonName) return wrong('it is for another name')
  return ok({ certificate, authorities: authorities.value })
}

async function certificatesOf(answering: ReturnType<EstSend>): Promise<Result<readonly Buffer[]>> {
  const { status, body } = await answering
  if (status !== 200) return refuse('pki/est-server-refused', 'The external authority did not issue.', `status ${status}`)
  const der = decodeBody(body)
  return der.ok ? readCertsOnly(der.value) : der
}

function wrong(why: string): ReturnType<typeof refuse> {
  return refuse('pki/est-server-wrong', 'The external authority answered with something that was not asked for.', why)
}
