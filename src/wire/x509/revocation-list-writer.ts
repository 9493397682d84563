import { type Instant, instant } from '#base'
import { bitString, element, explicit, implicit, octetString, oid, sequence, smallInteger, time, unsignedInteger } from './der-writer.ts'
import { encodeExtension, encodeFullName } from './extension.ts'
import { oids } from './oids.ts'
import { type SignatureAlgorithm, encodeSignatureAlgorithm } from './signature.ts'
import { tags } from './tags.ts'

/** Reason codes by their names in RFC 5280 section 5.3.1. `unspecified` is said by saying nothing. */
export const reasonCodes = {
  unspecified: 0,
  keyCompromise: 1,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const

/** Why a certificate is on a list. */
export type ListedReason = keyof typeof reasonCodes

// By reason: crlEntryExtensions with the reason code alone. Never critical, and never written for `unspecified` (RFC 5280 section 5.3.1).
const reasonBytes = new Map<number, Buffer>()

function encodeReason(code: number): Buffer {
  const known = reasonBytes.get(code)
  if (known !== undefined) return known
  const value = element(tags.enumerated, Buffer.from([code]))
  const bytes = sequence(sequence(oid(oids.reasonCode), octetString(value)))
  reasonBytes.set(code, bytes)
  return bytes
}

// Thousands are revoked in the same second when somebody revokes an issuer.
let lastSecond = -1
let lastTime: Buffer = Buffer.alloc(0)

function timeOf(seconds: number): Buffer {
  if (seconds !== lastSecond) {
    lastTime = time(instant(seconds * 1000))
    lastSecond = seconds
  }
  return lastTime
}

/** Entries of a list as they are written, one after the other: a million of them cost a few allocations. Guards the position. */
export class ListEntries {
  #bytes = Buffer.alloc(4096)
  #length = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Adds one. `serial`: unsigned, big-endian, at most 20 bytes; `at` in whole seconds since the epoch; `reason` a code. */
  add(serial: Uint8Array, at: number, reason: number): void {
    const when = timeOf(at)
    const why = reason === 0 ? undefined : encodeReason(reason)
    const padded = ((serial[0] ?? 0) & 0x80) === 0 ? 0 : 1
    const body = 2 + padded + serial.length + when.length + (why?.length ?? 0)
    if (serial.length === 0 || serial.length > 20 || body > 127) throw new Error('bug: an entry that cannot be written')
    this.#grow(body + 2)
    const out = this.#bytes
    let to = this.#length
    out[to++] = tags.sequence
    out[to++] = body
    out[to++] = tags.integer
    out[to++] = serial.length + padded
    if (padded === 1) out[to++] = 0
    out.set(serial, to)
    to += serial.length
    out.set(when, to)
    to += when.length
    if (why !== undefined) out.set(why, to)
    this.#length += body + 2
    this.#count++
  }

  /** What was written. Shares memory. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #grow(by: number): void {
    if (this.#length + by <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(this.#bytes.length * 2)
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

/** What a list says besides its entries. */
export type ListFields = {
  readonly algorithm: SignatureAlgorithm
  /** The issuer's subject, DER. */
  readonly issuer: Buffer
  readonly authorityKeyId: Buffer
  readonly thisUpdate: Instant
  readonly nextUpdate: Instant
  /** Larger than that of every list before it of the same scope. */
  readonly number: number
  /** For a delta list: the number of the complete list that it adds to. */
  readonly deltaOf?: number
  /** The URI of the part of the issuer's certificates that it speaks of; undefined: all. */
  readonly point: string | undefined
}

/** Encodes the part of a version 2 list that is signed (RFC 5280 section 5.1.2). An empty list has no list of entries. */
export function encodeTbsRevocationList(fields: ListFields, entries: ListEntries): Buffer {
  const { point, deltaOf } = fields
  const extensions = [
    encodeExtension(oids.authorityKeyIdentifier, false, sequence(implicit(0, fields.authorityKeyId))),
    encodeExtension(oids.crlNumber, false, numberOf(fields.number)),
    ...(deltaOf === undefined ? [] : [encodeExtension(oids.deltaCrlIndicator, true, numberOf(deltaOf))]),
    ...(point === undefined ? [] : [encodeExtension(oids.issuingDistributionPoint, true, sequence(explicit(0, encodeFullName([point]))))]),
  ]
  return sequence(
    smallInteger(1),
    encodeSignatureAlgorithm(fields.algorithm),
    fields.issuer,
    time(fields.thisUpdate),
    time(fields.nextUpdate),
    ...(entries.count === 0 ? [] : [element(tags.sequence, entries.bytes)]),
    explicit(0, sequence(...extensions)),
  )
}

/** Puts a signed part and its signature together. */
export function encodeRevocationList(tbs: Buffer, algorithm: SignatureAlgorithm, signature: Buffer): Buffer {
  return sequence(tbs, encodeSignatureAlgorithm(algorithm), bitString(signature))
}

function numberOf(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error('bug: no number of a list')
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return unsignedInteger(bytes)
}
