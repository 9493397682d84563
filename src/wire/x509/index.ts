export { formatAddress, parseAddress } from './address.ts'
export { type Certificate, encodeCertificate, encodeTbsCertificate, parseCertificate } from './certificate.ts'
export { type ChallengeCertificate, readChallengeCertificate } from './challenge-certificate.ts'
export { encodeCertsOnly, readCertsOnly } from './certs-only.ts'
export { csrAttributes } from './csr-attributes.ts'
export { type Extensions, type KeyUsage, encodeExtensions } from './extension.ts'
export { type GeneralName } from './general-name.ts'
export { limits as x509Limits } from './limits.ts'
export { type Name, encodeName } from './name.ts'
export { type NameConstraints, type NameSubtree, masked, parseNetwork } from './name-constraints.ts'
export { oids } from './oids.ts'
export { type PemLabel, decodePem, encodePem } from './pem.ts'
export { type PublicKey, importPublicKey, keyIdentifier, parsePublicKey, refuseWeakKey } from './public-key.ts'
export { type NameAttribute, attributeType, comparableNames, nameAttributes } from './relative-names.ts'
export { type CertificateId, type IssuerDigest, type OcspRequest, certificateId, issuerDigests, parseOcspRequest } from './ocsp-request.ts'
export {
  type AnswerFields,
  type CertificateStatus,
  type SingleAnswer,
  encodeOcspError,
  encodeOcspResponse,
  encodeResponseData,
  ocspErrors,
} from './ocsp-response.ts'
export {
  ListEntries,
  type ListFields,
  type ListedReason,
  encodeRevocationList,
  encodeTbsRevocationList,
  reasonCodes as listReasonCodes,
} from './revocation-list-writer.ts'
export { type ListScope, type RevocationList, parseRevocationList } from './revocation-list.ts'
export { type SignatureAlgorithm, verifySignature } from './signature.ts'
export { type SigningRequest, encodeRequestInfo, parseSigningRequest } from './signing-request.ts'
export { attributeOids, readAttributeTypes } from './request-attributes.ts'
