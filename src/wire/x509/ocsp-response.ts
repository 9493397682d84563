import { type Instant, never } from '#base'
import { bitString, element, explicit, implicit, octetString, oid, sequence } from './der-writer.ts'
import { encodeExtension } from './extension.ts'
import { oids } from './oids.ts'
import { type SignatureAlgorithm, encodeSignatureAlgorithm } from './signature.ts'
import { contextTag, tags } from './tags.ts'

/** Answers that are not signed, and so say nothing about any certificate (RFC 6960 section 4.2.1). */
export const ocspErrors = { malformedRequest: 1, internalError: 2, tryLater: 3, unauthorized: 6 } as const

/** What is known of one certificate. */
export type CertificateStatus =
  | { readonly kind: 'good' | 'unknown' }
  /** `reason`: a code of RFC 5280 section 5.3.1; 0 is not written. */
  | { readonly kind: 'revoked'; readonly at: Instant; readonly reason: number }

/** The answer about one certificate. */
export type SingleAnswer = {
  /** The certificate as the client named it, DER. */
  readonly id: Buffer
  readonly status: CertificateStatus
  readonly thisUpdate: Instant
  readonly nextUpdate: Instant
}

/** What an answer says. */
export type AnswerFields = {
  /** SHA-1 of the bits of the responder's public key. */
  readonly responderKeyHash: Buffer
  readonly producedAt: Instant
  readonly answers: readonly SingleAnswer[]
  readonly nonce: Buffer | undefined
}

/** Encodes an answer that is not signed. */
export function encodeOcspError(error: keyof typeof ocspErrors): Buffer {
  return sequence(element(tags.enumerated, Buffer.from([ocspErrors[error]])))
}

/** Encodes the part of an answer that is signed. */
export function encodeResponseData({ responderKeyHash, producedAt, answers, nonce }: AnswerFields): Buffer {
  return sequence(
    explicit(2, octetString(responderKeyHash)),
    generalizedTime(producedAt),
    sequence(...answers.map(encodeSingle)),
    ...(nonce === undefined ? [] : [explicit(1, sequence(encodeExtension(oids.ocspNonce, false, octetString(nonce))))]),
  )
}

/** Puts a signed part, its signature and the responder's certificate together. */
export function encodeOcspResponse(data: Buffer, algorithm: SignatureAlgorithm, signature: Buffer, certificate: Buffer): Buffer {
  const basic = sequence(data, encodeSignatureAlgorithm(algorithm), bitString(signature), explicit(0, sequence(certificate)))
  return sequence(element(tags.enumerated, Buffer.from([0])), explicit(0, sequence(oid(oids.ocspBasic), octetString(basic))))
}

function encodeSingle({ id, status, thisUpdate, nextUpdate }: SingleAnswer): Buffer {
  return sequence(id, encodeStatus(status), generalizedTime(thisUpdate), explicit(0, generalizedTime(nextUpdate)))
}

function encodeStatus(status: CertificateStatus): Buffer {
  switch (status.kind) {
    case 'good':
      return implicit(0, Buffer.alloc(0))
    case 'revoked': {
      const { at, reason } = status
      const why = reason === 0 ? [] : [explicit(0, element(tags.enumerated, Buffer.from([reason])))]
      return element(contextTag(1, true), generalizedTime(at), ...why)
    }
    case 'unknown':
      return implicit(2, Buffer.alloc(0))
    default:
      return never(status)
  }
}

// Times of OCSP are GeneralizedTime in every year, unlike those of certificates (RFC 6960 section 4.2.2.1).
function generalizedTime(at: Instant): Buffer {
  return element(tags.generalizedTime, Buffer.from(`${new Date(at).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`, 'latin1'))
}
