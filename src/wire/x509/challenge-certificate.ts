import type { Result } from '#base'
import { Fields, readDer } from './der-reader.ts'
import { readBoolean, readOctets, readOid } from './der-values.ts'
import { type GeneralName, readGeneralNames } from './general-name.ts'
import { Malformed, decoding } from './malformed.ts'
import { oids } from './oids.ts'
import { contextTag, tags } from './tags.ts'

const acmeIdentifier = '1.3.6.1.5.5.7.1.31'

/** What a certificate of the challenge tls-alpn-01 says: its names, and the digest in its critical acmeIdentifier extension. */
export type ChallengeCertificate = { readonly names: readonly GeneralName[]; readonly digest: Buffer }

/** Reads the self-signed certificate of a tls-alpn-01 answer (RFC 8737 section 3), DER. Refuses one without names, or whose acmeIdentifier is not critical. Nothing is verified: it proves itself by its digest. */
export function readChallengeCertificate(der: Buffer): Result<ChallengeCertificate> {
  return decoding('certificate', () => {
    const outer = new Fields(readDer(der), tags.sequence, 'the certificate')
    const tbs = new Fields(outer.next(tags.sequence, 'the signed part'), tags.sequence, 'the signed part')
    tbs.next(contextTag(0, true), 'the version')
    tbs.next(tags.integer, 'the serial number')
    for (const what of ['the signature algorithm', 'the issuer', 'the validity', 'the subject', 'the public key'])
      tbs.next(tags.sequence, what)
    const [list] = tbs.next(contextTag(3, true), 'the extensions').children
    if (list === undefined) throw new Malformed('it has no extensions')
    const found = new Map<string, { readonly critical: boolean; readonly value: Buffer }>()
    const extensions = new Fields(list, tags.sequence, 'the extensions')
    while (!extensions.done) {
      const extension = new Fields(extensions.next(tags.sequence, 'an extension'), tags.sequence, 'an extension')
      const type = readOid(extension.next(tags.oid, 'its type'), 'the type of an extension')
      const flag = extension.optional(tags.boolean)
      const critical = flag !== undefined && readBoolean(flag, 'the critical flag of an extension')
      const value = readOctets(extension.next(tags.octetString, 'its value'), 'the value of an extension')
      extension.finish()
      if (found.has(type)) throw new Malformed('it has the same extension twice')
      found.set(type, { critical, value })
    }
    const [names, proof] = [found.get(oids.subjectAltName), found.get(acmeIdentifier)]
    if (names === undefined || proof?.critical !== true) throw new Malformed('it is not the certificate of a challenge')
    return { names: readGeneralNames(readDer(names.value)), digest: readOctets(readDer(proof.value), 'the digest of the challenge') }
  })
}
