import { createHash } from 'node:crypto'
import { type Clock, type Instant, type Refusal, type Result, instant, ok } from '#base'
import {
  type Certificate,
  type CertificateId,
  type CertificateStatus,
  type OcspRequest,
  certificateId,
  encodeOcspError,
  encodeOcspResponse,
  encodeResponseData,
  keyIdentifier,
  listReasonCodes,
  parseOcspRequest,
} from '#wire/x509'
import type { Inventory } from '../inventory.ts'
import type { SigningKey } from '../keys/signing-key.ts'

/** Spans of answers, in milliseconds, and what is remembered. */
export const responderLimits = {
  /** How long an answer holds. A staple is older than its client by as much as this at most. */
  lifeMs: 24 * 3_600_000,
  /** How long an answer without a nonce is given again. */
  keptMs: 10 * 60_000,
  keptAnswers: 10_000,
  /** A certificate may be asked about before its clock is ours. */
  backdateMs: 5 * 60_000,
} as const

/** A certificate that signs answers for one issuer, and its key. */
export type ResponderKey = { readonly certificate: Certificate; readonly key: SigningKey }

/** What the responder asks of others. */
export type ResponderPorts = {
  readonly clock: Clock
  readonly inventory: Pick<Inventory, 'revoked' | 'bySerial'>
  /** Certificates of our authorities, those that sign no more included. */
  authorities(): readonly Certificate[]
  /** Who signs for the issuer with this key identifier. */
  responderFor(keyId: string): Promise<Result<ResponderKey>>
  /** Told that an answer could not be signed; the client is told to try later. */
  trouble(issuer: string, refusal: Refusal): void
}

type Known = { readonly keyId: string; readonly sha1: readonly [Buffer, Buffer]; readonly sha256: readonly [Buffer, Buffer] }

/**
 * Answers whether certificates are revoked (RFC 6960). `good` is said only of what we issued and handed out; what we never made is
 * `unknown`. Every answer is signed by a certificate that its issuer made for this alone. Guards the answers that are kept.
 */
export class Responder {
  readonly #ports: ResponderPorts
  readonly #kept = new Map<string, { readonly der: Buffer; readonly until: number }>()
  #known: { readonly of: readonly Certificate[]; readonly list: readonly Known[] } = { of: [], list: [] }

  constructor(ports: ResponderPorts) {
    this.#ports = ports
  }

  /** Something was revoked: what is kept is not true any more. */
  forget(): void {
    this.#kept.clear()
  }

  /** The answer to a request, DER. Never refuses: what cannot be answered is an answer of its own. */
  async answer(request: Buffer): Promise<{ readonly der: Buffer; readonly isSigned: boolean; readonly maxAgeMs: number }> {
    const parsed = parseOcspRequest(request)
    if (!parsed.ok) return unsigned('malformedRequest')
    const { certificates, nonce } = parsed.value
    const issuer = certificates.map((one) => this.#issuerOf(one)).find((one) => one !== undefined)
    // Nobody else's certificates: an answer about them would have to be signed by somebody else (RFC 5019 section 2.2.3).
    if (issuer === undefined) return unsigned('unauthorized')
    const [only] = certificates
    const name = certificates.length === 1 && nonce === undefined && only !== undefined ? only.der.toString('latin1') : undefined
    const now = this.#ports.clock.now()
    const kept = name === undefined ? undefined : this.#kept.get(name)
    if (kept !== undefined && now < kept.until && kept.until - now <= responderLimits.keptMs)
      return { der: kept.der, isSigned: true, maxAgeMs: kept.until - now }
    const signed = await this.#sign(issuer, parsed.value, now)
    if (!signed.ok) {
      this.#ports.trouble(issuer.keyId, signed.error)
      return unsigned('tryLater')
    }
    if (name !== undefined) this.#keep(name, signed.value, now + responderLimits.keptMs)
    return { der: signed.value, isSigned: true, maxAgeMs: nonce === undefined ? responderLimits.keptMs : 0 }
  }

  /** An answer about one certificate of ours, by serial number, that is sent along with it in TLS (RFC 6066 section 8). */
  async staple(serial: string, keyId: string): Promise<Result<Buffer>> {
    const issuer = this.#authorities().find((one) => one.keyId === keyId)
    if (issuer === undefined) throw new Error('bug: a certificate of ours by nobody of ours')
    const certificates = [certificateId(...issuer.sha1, serial)]
    return this.#sign(issuer, { certificates, nonce: undefined }, this.#ports.clock.now())
  }

  async #sign(issuer: Known, { certificates, nonce }: OcspRequest, now: Instant): Promise<Result<Buffer>> {
    const found = await this.#ports.responderFor(issuer.keyId)
    if (!found.ok) return found
    const { certificate, key } = found.value
    const thisUpdate = instant(Math.floor((now - responderLimits.backdateMs) / 1000) * 1000)
    const nextUpdate = instant(Math.min(now + responderLimits.lifeMs, certificate.notAfter))
    const answers = await Promise.all(
      certificates.map(async (one) => ({ id: one.der, status: await this.#statusOf(one, issuer), thisUpdate, nextUpdate })),
    )
    const responderKeyHash = digestOf('sha1', certificate.publicKey.bits)
    const data = encodeResponseData({ responderKeyHash, producedAt: now, answers, nonce })
    return ok(encodeOcspResponse(data, 'ecdsa-sha256', await key.sign(data), certificate.der))
  }

  async #statusOf(one: CertificateId, issuer: Known): Promise<CertificateStatus> {
    const { inventory } = this.#ports
    if (this.#issuerOf(one) !== issuer) return { kind: 'unknown' }
    const revoked = inventory.revoked.entry(one.serial)
    if (revoked?.issuer === issuer.keyId) return { kind: 'revoked', at: revoked.at, reason: listReasonCodes[revoked.reason] }
    const known = await inventory.bySerial(one.serial)
    return { kind: known?.der !== undefined && known.record.issuer === issuer.keyId ? 'good' : 'unknown' }
  }

  #issuerOf({ digest, issuerNameHash, issuerKeyHash }: CertificateId): Known | undefined {
    if (digest === undefined) return undefined
    return this.#authorities().find((one) => one[digest][0].equals(issuerNameHash) && one[digest][1].equals(issuerKeyHash))
  }

  #authorities(): readonly Known[] {
    const of = this.#ports.authorities()
    if (of !== this.#known.of) this.#known = { of, list: of.map(knownOf) }
    return this.#known.list
  }

  #keep(name: string, der: Buffer, until: number): void {
    this.#kept.set(name, { der, until })
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= responderLimits.keptAnswers) break
      this.#kept.delete(oldest)
    }
  }
}

function unsigned(error: Parameters<typeof encodeOcspError>[0]): { readonly der: Buffer; readonly isSigned: false; readonly maxAgeMs: 0 } {
  return { der: encodeOcspError(error), isSigned: false, maxAgeMs: 0 }
}

function knownOf({ subject, publicKey }: Certificate): Known {
  const digests = (name: 'sha1' | 'sha256') => [digestOf(name, subject.der), digestOf(name, publicKey.bits)] as const
  return { keyId: keyIdentifier(publicKey).toString('hex'), sha1: digests('sha1'), sha256: digests('sha256') }
}

// SHA-1 names an issuer or a responder here, as the protocol wants it; nothing is proven by it.
function digestOf(name: 'sha1' | 'sha256', bytes: Buffer): Buffer {
  return createHash(name).update(bytes).digest()
}
