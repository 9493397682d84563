import { type DerNode, Fields, readDer } from './der-reader.ts'
import { readBoolean, readNamedBits, readOctets, readOid, readSmall } from './der-values.ts'
import { boolean, implicit, namedBits, octetString, oid, sequence, smallInteger } from './der-writer.ts'
import { type GeneralName, encodeGeneralNames, readGeneralNames } from './general-name.ts'
import { Malformed } from './malformed.ts'
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
  /** Critical extensions that we do not understand; whoever relies on the certificate must refuse it (RFC 5280 section 4.2). */
  readonly unknownCritical: readonly string[]
  /** Whether it constrains names. We do not process that, so a chain with it is refused, critical or not. */
  readonly namesConstrained: boolean
}

function encodeExtension(type: string, critical: boolean, value: Buffer): Buffer {
  return critical ? sequence(oid(type), boolean(true), octetString(value)) : sequence(oid(type), octetString(value))
}

/** The extensions of a certificate that we issue, each encoded, in this order. Limits on use are critical, hints are not. */
export function encodeExtensions(from: {
  readonly ca?: { readonly pathLength: number }
  readonly keyUsage: readonly KeyUsage[]
  readonly extendedKeyUsage: readonly string[]
  readonly alternativeNames?: readonly GeneralName[]
  readonly subjectKeyId: Buffer
  readonly authorityKeyId: Buffer
}): readonly Buffer[] {
  const { ca, alternativeNames = [] } = from
  const out = [
    encodeExtension(oids.basicConstraints, true, ca ? sequence(boolean(true), smallInteger(ca.pathLength)) : sequence()),
    encodeExtension(oids.keyUsage, true, namedBits(from.keyUsage.map((usage) => keyUsages.indexOf(usage)))),
  ]
  if (from.extendedKeyUsage.length > 0) out.push(encodeExtension(oids.extendedKeyUsage, false, sequence(...from.extendedKeyUsage.map(oid))))
  if (alternativeNames.length > 0) out.push(encodeExtension(oids.subjectAltName, false, encodeGeneralNames(alternativeNames)))
  out.push(encodeExtension(oids.subjectKeyIdentifier, false, octetString(from.subjectKeyId)))
  out.push(encodeExtension(oids.authorityKeyIdentifier, false, sequence(implicit(0, from.authorityKeyId))))
  return out
}

/** No extensions at all, as a version 1 certificate has. */
export const noExtensions: Extensions = {
  basicConstraints: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  alternativeNames: undefined,
  subjectKeyId: undefined,
  authorityKeyId: undefined,
  unknownCritical: [],
  namesConstrained: false,
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
    unknownCritical,
    namesConstrained: seen.has(oids.nameConstraints),
  }
}

const understood: ReadonlySet<string> = new Set([
  oids.basicConstraints,
  oids.keyUsage,
  oids.extendedKeyUsage,
  oids.subjectAltName,
  oids.subjectKeyIdentifier,
  oids.authorityKeyIdentifier,
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

function readAuthorityKeyId(value: DerNode): Buffer | undefined {
  const fields = new Fields(value, tags.sequence, 'the authority key identifier')
  const id = fields.optional(contextTag(0, false))
  fields.optional(contextTag(1, true))
  fields.optional(contextTag(2, false))
  fields.finish()
  return id && id.source.subarray(id.body, id.end)
}
