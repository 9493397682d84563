import { createPrivateKey } from 'node:crypto'
import { type Result, ok, refuse } from '#base'
import { encodeBody, multipartMixed } from '#wire/est'
import type { WebAnswer } from '#wire/web'
import { attributeOids, decodePem, encodeCertsOnly, parseCertificate, parseSigningRequest, readAttributeTypes } from '#wire/x509'
import type { Issued } from '../issue-device.ts'
import type { EnrollmentCodes } from './codes.ts'
import type { Admitted, Operation } from './operation.ts'
import type { EstPorts } from './ports.ts'

/** Operations that end in a certificate. */
export type Enrolling = Extract<Operation, 'simpleenroll' | 'simplereenroll' | 'serverkeygen'>

/** Who enrolls, with what, from where. `csr` is DER as it came. */
export type Enrollment = {
  readonly operation: Enrolling
  readonly admitted: Extract<Admitted, { readonly kind: 'device' }>
  readonly csr: Buffer
  readonly address: string
}

/** The media type of a certs-only answer (RFC 7030 section 4.2.3). */
export const certsOnlyType = 'application/pkcs7-mime; smime-type=certs-only'

/** Makes the certificate that was asked for and the answer that carries it. A code is spent before anything is signed, and given back when nothing was. */
export async function enroll(enrollment: Enrollment, ports: EstPorts, codes: EnrollmentCodes): Promise<Result<WebAnswer>> {
  const { operation, admitted, csr } = enrollment
  const { device, code } = admitted
  const sound = checkRequest(enrollment)
  if (!sound.ok) return sound
  if (code !== undefined) {
    const spent = await codes.spend(code)
    if (!spent.ok) return spent
  }
  let issued: Result<Issued> | undefined
  try {
    issued = await ports.issue(operation === 'serverkeygen' ? { deviceId: device, generate: true } : { deviceId: device, csr })
  } finally {
    if (code !== undefined && issued?.ok !== true) await codes.giveBack(code)
  }
  if (!issued.ok) return issued
  tellEnrolled(enrollment, issued.value, ports)
  const leaf = leafOf(issued.value)
  return ok(operation === 'serverkeygen' ? withKey(issued.value, leaf) : answerOf([leaf]))
}

/** A certs-only answer with these certificates. */
export function answerOf(certificates: readonly Buffer[]): WebAnswer {
  const headers = { 'content-type': certsOnlyType, 'content-transfer-encoding': 'base64' }
  return { status: 200, headers, body: encodeBody(encodeCertsOnly(certificates)) }
}

function checkRequest({ operation, admitted, csr }: Enrollment): Result<unknown> {
  const request = parseSigningRequest(csr)
  if (!request.ok) return request
  const types = readAttributeTypes(csr)
  if (!types.ok) return types
  // The key would have to be encrypted for a key that we cannot look up; handing it out in another way than was asked is no answer.
  if (types.value.includes(attributeOids.decryptKeyIdentifier) || types.value.includes(attributeOids.asymmetricDecryptKeyIdentifier))
    return refuse('pki/est-key-encryption', 'A key is handed out under the protection of TLS alone; DecryptKeyIdentifier is not offered.')
  const { subject, requested } = request.value
  if (subject.commonName !== undefined && subject.commonName !== admitted.device)
    return refuse('pki/est-other-name', 'A client gets certificates for its own device id only.', subject.text)
  if ((requested.alternativeNames?.length ?? 0) > 0)
    return refuse('pki/est-other-name', 'Certificates of devices have no alternative names; ask without.')
  if (requested.basicConstraints?.ca === true || requested.keyUsage?.includes('keyCertSign') === true)
    return refuse('pki/authority-requested', 'The signing request asks for the certificate of an authority.')
  // RFC 7030 section 4.2.2: the subject must be the one of the certificate that is renewed.
  if (operation === 'simplereenroll' && subject.text !== admitted.leaf?.subject)
    return refuse('pki/est-other-name', 'The subject of the request is not the one of the certificate that is to be renewed.', subject.text)
  return ok(undefined)
}

function leafOf({ certificatePem }: Issued): Buffer {
  const blocks = decodePem('CERTIFICATE', certificatePem)
  const leaf = blocks.ok ? blocks.value[0] : undefined
  if (leaf === undefined) throw new Error('bug: issued nothing')
  return leaf
}

function withKey({ privateKeyPem, fingerprintSha256 }: Issued, leaf: Buffer): WebAnswer {
  if (privateKeyPem === undefined) throw new Error('bug: a certificate without its key')
  // From here the key is text on its way out; nothing of ours keeps it.
  const pkcs8 = privateKeyPem.use((pem) => createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' }))
  privateKeyPem[Symbol.dispose]()
  const key = encodeBody(pkcs8)
  pkcs8.fill(0)
  const parts = [
    { type: 'application/pkcs8', body: key },
    { type: certsOnlyType, body: encodeBody(encodeCertsOnly([leaf])) },
  ]
  const { type, body } = multipartMixed(parts, fingerprintSha256.slice(0, 32))
  return { status: 200, headers: { 'content-type': type }, body }
}

function tellEnrolled({ operation, admitted, address }: Enrollment, issued: Issued, { tell, clock }: EstPorts): void {
  const { device, code } = admitted
  const read = parseCertificate(leafOf(issued))
  if (!read.ok) throw new Error('bug: we issued what we cannot read')
  const time = clock.now()
  tell({
    kind: 'certificate-issued',
    time,
    device,
    actor: 'system:est',
    serial: issued.serial,
    thumbprint: issued.fingerprintSha256,
    issuer: read.value.issuer.text,
    notBefore: issued.notBefore,
    notAfter: issued.notAfter,
  })
  const proof = code === undefined ? 'certificate' : 'code'
  const fact = { kind: 'est-enrolled', time, device, operation, proof, serial: issued.serial, address } as const
  tell(code === undefined ? fact : { ...fact, code: code.id })
}
