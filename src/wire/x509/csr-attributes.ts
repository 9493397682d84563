import { oid, sequence, setOf } from './der-writer.ts'
import { oids } from './oids.ts'

/** What a signing request for a device should be like, as the DER of a CsrAttrs (RFC 7030 section 4.5.2): a P-256 key, and ECDSA with SHA-256. */
export const csrAttributes: Buffer = sequence(sequence(oid(oids.ecPublicKey), setOf(oid(oids.p256))), oid(oids.ecdsaWithSha256))
