import { type DerNode, Fields, readDer } from './der-reader.ts'
import { readBoolean, readNamedBits, readOctets, readOid, readSmall } from './der-values.ts'
import { boolean, explicit, implicit, namedBits, nothing, octetString, oid, sequence, smallInteger } from './der-writer.ts'
import { type GeneralName, encodeGeneralNames, readGeneralName, readGeneralNames } from './general-name.ts'
import { limits } from './limits.ts'
import { Malformed } from './malformed.ts'
import { type NameConstraints, encodeNameConstraints, readNameConstraints } from './name-constraints.ts'
import { oids } from './oids.ts'
import { contextTag, tags } from './tags.ts'

/** Key usages by their names in RFC 5280 section 4.2.1.3; a name's place in this list is its bit. */
const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const

/** What a key may be used for. */
export type KeyUsage = (typeof keyUsages)[number]

/** The extensions that we understand; undefined where a certificate has none of that kind. */
export type Extensions = {
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined
  readonly keyUsage: readonly KeyUsage[] | undefined
  /** Object identifiers. Never empty. */
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly alternativeNames: readonly GeneralName[] | undefined
  readonly subjectKeyId: Buffer | undefined
  readonly authorityKeyId: Buffer | undefined
  /** Where the lists lie that would name it when it is revoked: the URIs of all distribution points that give any. */
  readonly crlDistributionPoints: readonly string[] | undefined
  /** Whether nobody need ask if this responder's certificate was revoked (RFC 6960 section 4.2.2.2.1). */
  readonly ocspNoCheck: boolean
  /** Critical extensions that we do not understand; whoever relies on the certificate must refuse it (RFC 5280 section 4.2). */
  readonly unknownCritical: readonly string[]
  /** What everything below it may be named. Whoever verifies a chain asks it (RFC 5280 section 6.1.4). */
  readonly nameConstraints: NameConstraints | undefined
}

/** One Extension, for certificates, lists and answers alike. */
export function encodeExtension(type: string, critical: boolean, value: Buffer): Buffer {
  return critical ? sequence(oid(type), boolean(true), octetString(value)) : sequence(oid(type), octetString(value))
}

/** The extensions of a certificate that we issue, each encoded, in this order. Limits on use are critical, hints are not. */
export function encodeExtensions(from: {
  readonly ca?: { readonly pathLength: number }
  readonly keyUsage: readonly KeyUsage[]
  readonly extendedKeyUsage: readonly string[]
  readonly alternativeNames?: readonly GeneralName[]
  readonly subjectKeyId: Buffer
  /** Absent in a signing request: who will sign is not known. */
  readonly authorityKeyId?: Buffer
  readonly nameConstraints?: NameConstraints
  /** URIs of the list that would name it, and of the responders that know it. */
  readonly crlDistributionPoints?: readonly string[]
  readonly ocspResponders?: readonly string[]
  readonly ocspNoCheck?: boolean
}): readonly Buffer[] {
  const { ca, alternativeNames = [] } = from
  const out = [
    encodeExtension(oids.basicConstraints, true, ca ? sequence(boolean(true), smallInteger(ca.pathLength)) : sequence()),
    encodeExtension(oids.keyUsage, true, namedBits(from.keyUsage.map((usage) => keyUsages.indexOf(usage)))),
  ]
  if (from.extendedKeyUsage.length > 0) out.push(encodeExtension(oids.extendedKeyUsage, false, sequence(...from.extendedKeyUsage.map(oid))))
  if (alternativeNames.length > 0) out.push(encodeExtension(oids.subjectAltName, false, encodeGeneralNames(alternativeNames)))
  out.push(encodeExtension(oids.subjectKeyIdentifier, false, octetString(from.subjectKeyId)))
  if (from.authorityKeyId) out.push(encodeExtension(oids.authorityKeyIdentifier, false, sequence(implicit(0, from.authorityKeyId))))
  if (from.nameConstraints) out.push(encodeExtension(oids.nameConstraints, true, encodeNameConstraints(from.nameConstraints)))
  out.push(...encodePointers(from))
  return out
}

function encodePointers(from: Parameters<typeof encodeExtensions>[0]): readonly Buffer[] {
  const { crlDistributionPoints = [], ocspResponders = [], ocspNoCheck = false } = from
  const uri = (value: string) => implicit(6, Buffer.from(value, 'latin1'))
  const out: Buffer[] = []
  if (crlDistributionPoints.length > 0)
    out.push(encodeExtension(oids.crlDistributionPoints, false, sequence(encodeDistributionPoint(crlDistributionPoints))))
  if (ocspResponders.length > 0)
    out.push(encodeExtension(oids.authorityInfoAccess, false, sequence(...ocspResponders.map((one) => sequence(oid(oids.ocsp), uri(one))))))
  if (ocspNoCheck) out.push(encodeExtension(oids.ocspNoCheck, false, nothing))
  return out
}

/** One DistributionPoint whose full name is these URIs (RFC 5280 section 4.2.1.13): several places of the same list. */
export function encodeDistributionPoint(uris: readonly string[]): Buffer {
  return sequence(explicit(0, encodeFullName(uris)))
}

/** The fullName of a DistributionPointName. */
export function encodeFullName(uris: readonly string[]): Buffer {
  return explicit(0, ...uris.map((value) => implicit(6, Buffer.from(value, 'latin1'))))
}

/** No extensions at all, as a version 1 certificate has. */
export const noExtensions: Extensions = {
  basicConstraints: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  alternativeNames: undefined,
  subjectKeyId: undefined,
  authorityKeyId: undefined,
  crlDistributionPoints: undefined,
  ocspNoCheck: false,
  unknownCritical: [],
  nameConstraints: undefined,
}

/** Reads `Extensions` (RFC 5280 section 4.1). Throws Malformed for a duplicate, and for a known one whose value is not right. */
export function readExtensions(node: DerNode): Extensions {
  const fields = new Fields(node, tags.sequence, 'the extensions')
  const known = new Map<string, DerNode>()
  const seen = new Set<string>()
  const unknownCritical: string[] = []
  while (!fields.done) {
    const extension = new Fields(fields.next(tags.sequence, 'an extension'), tags.sequence, 'an extension')
    const type = readOid(extension.next(tags.oid, 'its type'), 'the type of an extension')
    const flag = extension.optional(tags.boolean)
    const critical = flag !== undefined && readBoolean(flag, 'the critical flag of an extension')
    if (flag !== undefined && !critical) throw new Malformed('an extension spells out that it is not critical')
    const value = readOctets(extension.next(tags.octetString, 'its value'), 'the value of an extension')
    extension.finish()
    if (seen.has(type)) throw new Malformed('it has the same extension twice')
    seen.add(type)
    if (understood.has(type)) known.set(type, readDer(value))
    else if (critical) unknownCritical.push(type)
  }
  if (seen.size === 0) throw new Malformed('its list of extensions is empty')
  const read = <T>(type: string, reader: (value: DerNode) => T): T | undefined => {
    const value = known.get(type)
    return value && reader(value)
  }
  return {
    basicConstraints: read(oids.basicConstraints, readBasicConstraints),
    keyUsage: read(oids.keyUsage, readKeyUsage),
    extendedKeyUsage: read(oids.extendedKeyUsage, readExtendedKeyUsage),
    alternativeNames: read(oids.subjectAltName, readGeneralNames),
    subjectKeyId: read(oids.subjectKeyIdentifier, (value) => readOctets(value, 'the subject key identifier')),
    authorityKeyId: read(oids.authorityKeyIdentifier, readAuthorityKeyId),
    crlDistributionPoints: read(oids.crlDistributionPoints, readDistributionPoints),
    ocspNoCheck: known.has(oids.ocspNoCheck),
    unknownCritical,
    nameConstraints: read(oids.nameConstraints, readNameConstraints),
  }
}

const understood: ReadonlySet<string> = new Set([
  oids.basicConstraints,
  oids.keyUsage,
  oids.extendedKeyUsage,
  oids.subjectAltName,
  oids.subjectKeyIdentifier,
  oids.authorityKeyIdentifier,
  oids.nameConstraints,
  oids.crlDistributionPoints,
  oids.ocspNoCheck,
])

function readBasicConstraints(value: DerNode): { readonly ca: boolean; readonly pathLength: number | undefined } {
  const fields = new Fields(value, tags.sequence, 'the basic constraints')
  const flag = fields.optional(tags.boolean)
  const ca = flag !== undefined && readBoolean(flag, 'the CA flag')
  if (flag !== undefined && !ca) throw new Malformed('the basic constraints spell out that it is not a CA')
  const length = fields.optional(tags.integer)
  fields.finish()
  if (length && !ca) throw new Malformed('it has a path length but is not a CA')
  return { ca, pathLength: length && readSmall(length, 'the path length') }
}

function readKeyUsage(value: DerNode): readonly KeyUsage[] {
  const usages = readNamedBits(value, 'the key usage').map((bit) => {
    const usage = keyUsages[bit]
    if (!usage) throw new Malformed('the key usage has an unknown bit')
    return usage
  })
  if (usages.length === 0) throw new Malformed('the key usage is empty')
  return usages
}

function readExtendedKeyUsage(value: DerNode): readonly string[] {
  const fields = new Fields(value, tags.sequence, 'the extended key usage')
  const out: string[] = []
  while (!fields.done) out.push(readOid(fields.next(tags.oid, 'a usage'), 'an extended key usage'))
  // RFC 5280 section 4.2.1.12 says SIZE (1..MAX); others have crashed here (CVE-2026-40097).
  if (out.length === 0) throw new Malformed('the extended key usage is empty')
  return out
}

function readDistributionPoints(value: DerNode): readonly string[] {
  const points = new Fields(value, tags.sequence, 'the distribution points')
  const uris: string[] = []
  while (!points.done) {
    const point = new Fields(points.next(tags.sequence, 'a point'), tags.sequence, 'a distribution point')
    const name = point.optional(contextTag(0, true))
    // Reasons and another issuer of lists: such a point is no list of the issuer's own for every reason, so it names none.
    const isPartial = !point.done
    point.optional(contextTag(1, false))
    point.optional(contextTag(2, true))
    point.finish()
    if (name !== undefined && !isPartial) uris.push(...readPointUris(name))
  }
  return uris
}

/** The URIs of a DistributionPointName `[0]`; a name relative to the issuer's has none. */
export function readPointUris(name: DerNode): readonly string[] {
  const [choice, ...more] = name.children
  if (choice === undefined || more.length > 0) throw new Malformed('the name of a distribution point is not one')
  if (choice.tag !== contextTag(0, true)) return []
  return choice.children
    .slice(0, limits.generalNames)
    .map(readGeneralName)
    .filter(({ kind }) => kind === 'uri')
    .map((one) => one.value)
}

/** The keyIdentifier of an AuthorityKeyIdentifier. */
export function readAuthorityKeyId(value: DerNode): Buffer | undefined {
  const fields = new Fields(value, tags.sequence, 'the authority key identifier')
  const id = fields.optional(contextTag(0, false))
  fields.optional(contextTag(1, true))
  fields.optional(contextTag(2, false))
  fields.finish()
  return id && id.source.subarray(id.body, id.end)
}
