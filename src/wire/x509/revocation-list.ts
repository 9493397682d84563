import type { Instant, Result } from '#base'
import { refuse } from '#base'
import { type DerNode, Fields, readDer, wholeOf } from './der-reader.ts'
import { readBitBytes, readBoolean, readOctets, readOid, readSmall, readTime, readUnsigned } from './der-values.ts'
import { limits } from './limits.ts'
import { Malformed, decoding } from './malformed.ts'
import { type Name, readName } from './name.ts'
import { type SignatureAlgorithm, readSignatureAlgorithm } from './signature.ts'
import { contextTag, tags } from './tags.ts'

/** A certificate revocation list's meaning. Nothing here says that its signature was checked. */
export type RevocationList = {
  /** The bytes that the issuer signed. */
  readonly tbs: Buffer
  readonly issuer: Name
  readonly thisUpdate: Instant
  /** Undefined where it does not say until when it holds (RFC 5280 section 5.1.2.5 wants it). */
  readonly nextUpdate: Instant | undefined
  /** Serial numbers, lower-case hex without leading zero bytes. */
  readonly revoked: ReadonlySet<string>
  readonly signatureAlgorithm: SignatureAlgorithm | undefined
  readonly signature: Buffer
}

const invalidityDate = '2.5.29.24'
const reasonCode = '2.5.29.21'

/**
 * Reads one DER revocation list, version 1 or 2 (RFC 5280 section 5.1). Refuses what is not strict DER and every critical extension: delta
 * lists, lists for some reasons only and indirect ones would be read as saying more than they do.
 */
export function parseRevocationList(der: Buffer): Result<RevocationList> {
  const read = decoding('revocation list', () => readList(der))
  if (!read.ok || read.value.critical === undefined) return read
  return refuse(
    'x509/unknown-critical-extension',
    'The revocation list has a critical extension that is not understood here.',
    read.value.critical,
  )
}

function readList(der: Buffer): RevocationList & { readonly critical: string | undefined } {
  const outer = new Fields(readDer(der, limits.revocationListBytes, limits.revocationListNodes), tags.sequence, 'the list')
  const tbsNode = outer.next(tags.sequence, 'the signed part')
  const algorithm = outer.next(tags.sequence, 'the signature algorithm')
  const signature = readBitBytes(outer.next(tags.bitString, 'the signature'), 'the signature')
  outer.finish()
  const tbs = new Fields(tbsNode, tags.sequence, 'the signed part')
  const version = tbs.optional(tags.integer)
  if (version !== undefined && readSmall(version, 'the version') !== 1) throw new Malformed('it is neither version 1 nor 2')
  if (!wholeOf(tbs.next(tags.sequence, 'the signature algorithm')).equals(wholeOf(algorithm)))
    throw new Malformed('it names two signature algorithms')
  const issuer = readName(tbs.next(tags.sequence, 'the issuer'), 'the issuer')
  const thisUpdate = readTime(tbs.any('its time'), 'the time of issue')
  const next = tbs.optional(tags.utcTime) ?? tbs.optional(tags.generalizedTime)
  const entries = tbs.optional(tags.sequence)
  const extensions = tbs.optional(contextTag(0, true))
  tbs.finish()
  const revoked = new Set<string>()
  let critical: string | undefined
  for (const node of entries?.children ?? []) {
    const entry = new Fields(node, tags.sequence, 'an entry')
    revoked.add(readUnsigned(entry.next(tags.integer, 'the serial number'), 'the serial number').toString('hex'))
    readTime(entry.any('the time of revocation'), 'the time of revocation')
    const more = entry.optional(tags.sequence)
    entry.finish()
    if (more !== undefined) critical ??= criticalOf(more, [reasonCode, invalidityDate])
  }
  const [list, ...rest] = extensions?.children ?? []
  if (rest.length > 0 || (extensions !== undefined && list === undefined)) throw new Malformed('the extensions are not one list')
  if (list !== undefined) critical ??= criticalOf(list, [])
  return {
    tbs: wholeOf(tbsNode),
    issuer,
    thisUpdate,
    nextUpdate: next && readTime(next, 'the time of the next list'),
    revoked,
    signatureAlgorithm: readSignatureAlgorithm(algorithm),
    signature,
    critical,
  }
}

/** The first critical extension that is not among `understood`. */
function criticalOf(node: DerNode, understood: readonly string[]): string | undefined {
  const fields = new Fields(node, tags.sequence, 'the extensions')
  let found: string | undefined
  while (!fields.done) {
    const extension = new Fields(fields.next(tags.sequence, 'an extension'), tags.sequence, 'an extension')
    const type = readOid(extension.next(tags.oid, 'its type'), 'the type of an extension')
    const flag = extension.optional(tags.boolean)
    readOctets(extension.next(tags.octetString, 'its value'), 'the value of an extension')
    extension.finish()
    if (flag !== undefined && readBoolean(flag, 'the critical flag') && !understood.includes(type)) found ??= type
  }
  return found
}
