import type { Instant, Result } from '#base'
import { refuse } from '#base'
import { type DerNode, Fields, contentOf, readDer, wholeOf } from './der-reader.ts'
import { readBitBytes, readBoolean, readOctets, readOid, readSmall, readTime, readUnsigned } from './der-values.ts'
import { readAuthorityKeyId, readPointUris } from './extension.ts'
import { limits } from './limits.ts'
import { Malformed, decoding } from './malformed.ts'
import { type Name, readName } from './name.ts'
import { oids } from './oids.ts'
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
  /** The CRL number, lower-case hex; undefined where it has none. */
  readonly number: string | undefined
  /** The number of the list that this one only adds to: a delta list. Undefined: it is complete for its scope. */
  readonly deltaOf: string | undefined
  /** What it speaks of: whoever is outside of that is not known to be good because this list does not name it. */
  readonly scope: ListScope
  readonly authorityKeyId: Buffer | undefined
  readonly signatureAlgorithm: SignatureAlgorithm | undefined
  readonly signature: Buffer
}

/** The scope of a list (RFC 5280 section 5.2.5). `points`: the URIs of its distribution point; empty: every certificate of the issuer. */
export type ListScope = { readonly only: 'all' | 'users' | 'authorities'; readonly points: readonly string[] }

const everything: ListScope = { only: 'all', points: [] }

/**
 * Reads one DER revocation list, version 1 or 2 (RFC 5280 section 5.1). Refuses what is not strict DER, every critical extension that is not
 * understood, and lists for some reasons only, of attributes, or of several issuers, which would be read as saying more than they do.
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
    if (more !== undefined) critical ??= readAll(more, entryExtensions).critical
  }
  const [list, ...rest] = extensions?.children ?? []
  if (rest.length > 0 || (extensions !== undefined && list === undefined)) throw new Malformed('the extensions are not one list')
  const { known, critical: unknown } = list === undefined ? { known: nothingKnown, critical: undefined } : readAll(list, listExtensions)
  const number = known.get(oids.crlNumber)
  const deltaOf = known.get(oids.deltaCrlIndicator)
  const point = known.get(oids.issuingDistributionPoint)
  const keyId = known.get(oids.authorityKeyIdentifier)
  return {
    tbs: wholeOf(tbsNode),
    issuer,
    thisUpdate,
    nextUpdate: next && readTime(next, 'the time of the next list'),
    revoked,
    number: number && readNumber(number),
    deltaOf: deltaOf && readNumber(deltaOf),
    scope: point === undefined ? everything : readScope(readDer(point)),
    authorityKeyId: keyId && readAuthorityKeyId(readDer(keyId)),
    signatureAlgorithm: readSignatureAlgorithm(algorithm),
    signature,
    critical: critical ?? unknown,
  }
}

const nothingKnown: ReadonlyMap<string, Buffer> = new Map()
const entryExtensions: ReadonlySet<string> = new Set([oids.reasonCode, oids.invalidityDate])
const listExtensions: ReadonlySet<string> = new Set([
  oids.crlNumber,
  oids.deltaCrlIndicator,
  oids.issuingDistributionPoint,
  oids.authorityKeyIdentifier,
])

// 20 octets (RFC 5280 section 5.2.3).
function readNumber(value: Buffer): string {
  const number = readUnsigned(readDer(value), 'the number of the list')
  if (number.length > 20) throw new Malformed('the number of the list is longer than 20 bytes')
  return number.toString('hex')
}

function readScope(value: DerNode): ListScope {
  const fields = new Fields(value, tags.sequence, 'the issuing distribution point')
  const name = fields.optional(contextTag(0, true))
  const users = readFlag(fields, 1)
  const authorities = readFlag(fields, 2)
  if (fields.optional(contextTag(3, false)) !== undefined) throw new Malformed('it speaks of some reasons only')
  if (readFlag(fields, 4)) throw new Malformed('it speaks of several issuers')
  if (readFlag(fields, 5)) throw new Malformed('it speaks of attribute certificates only')
  fields.finish()
  if (users && authorities) throw new Malformed('it speaks of nothing')
  const points = name === undefined ? [] : readPointUris(name)
  if (name !== undefined && points.length === 0) throw new Malformed('the name of its distribution point is no URI')
  return { only: users ? 'users' : authorities ? 'authorities' : 'all', points }
}

// BOOLEAN DEFAULT FALSE, tagged implicitly: where it is spelled out it must be TRUE.
function readFlag(fields: Fields, number: number): boolean {
  const node = fields.optional(contextTag(number, false))
  if (node === undefined) return false
  const content = contentOf(node)
  if (content.length !== 1 || content[0] !== 0xff) throw new Malformed('a flag of the issuing distribution point is not TRUE')
  return true
}

/** The values of the extensions that are `understood`, and the first critical one that is not. */
function readAll(
  node: DerNode,
  understood: ReadonlySet<string>,
): { readonly known: ReadonlyMap<string, Buffer>; readonly critical: string | undefined } {
  const fields = new Fields(node, tags.sequence, 'the extensions')
  const known = new Map<string, Buffer>()
  const seen = new Set<string>()
  let critical: string | undefined
  while (!fields.done) {
    const extension = new Fields(fields.next(tags.sequence, 'an extension'), tags.sequence, 'an extension')
    const type = readOid(extension.next(tags.oid, 'its type'), 'the type of an extension')
    const flag = extension.optional(tags.boolean)
    const value = readOctets(extension.next(tags.octetString, 'its value'), 'the value of an extension')
    extension.finish()
    if (seen.has(type)) throw new Malformed('it has the same extension twice')
    seen.add(type)
    if (understood.has(type)) known.set(type, value)
    else if (flag !== undefined && readBoolean(flag, 'the critical flag')) critical ??= type
  }
  return { known, critical }
}
