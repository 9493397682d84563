import { type KeyObject, createHash, sign } from 'node:crypto'
import { type Instant, type Result, instant, isoTime, ok, refuse } from '#base'
import { parseJson } from '#wire/json'
import { type Certificate, importPublicKey, parseCertificate, verifySignature } from '#wire/x509'
import { factoryLimits } from './manifest.ts'

/*
 * Theory of operation. The ledger of a lot is a text of lines, one for each device made, written before the device gets its certificate. Each names
 * the digest of the line before it (the first: of the manifest) and is signed by the lot's issuer. So a line can neither be changed, nor
 * taken out, nor put in by anybody without the key; what a thief of the key can do is bounded by the claims, which the hub knows.
 */

/** One device that a station made. */
export type LotEntry = { readonly number: number; readonly at: Instant; readonly certificate: Certificate }

/** How far a ledger goes: the number of its last entry, and the digest that the next one names. */
export type LedgerEnd = { readonly number: number; readonly digest: string }

/** The next line of a ledger, with its end of line. `key` is the lot's. */
export function appendEntry(lot: string, { number, digest }: LedgerEnd, at: Instant, der: Buffer, key: KeyObject): string {
  const fields = { number: number + 1, at: isoTime(at), previous: digest, certificate: der.toString('base64') }
  const signature = sign('sha256', signedOf(lot, fields), key).toString('base64')
  return `${JSON.stringify({ ...fields, signature })}\n`
}

/** Reads a ledger line by line. Refuses `factory/ledger-broken` for what is not as the issuer wrote it; nothing behind such a line counts. */
export class LedgerReader {
  readonly #lot: string
  readonly #issuer: Certificate
  readonly #key: KeyObject | undefined
  #end: LedgerEnd

  /** `digest` is that of the manifest. */
  constructor(lot: string, issuer: Certificate, digest: string) {
    this.#lot = lot
    this.#issuer = issuer
    this.#key = importPublicKey(issuer.publicKey)
    this.#end = { number: 0, digest }
  }

  get end(): LedgerEnd {
    return this.#end
  }

  /** Reads the next line, without its end of line. */
  read(line: string): Result<LotEntry> {
    const { number, digest } = this.#end
    const no = (why: string) => refuse('factory/ledger-broken', `Line ${number + 1} of the ledger is not as the station wrote it: ${why}.`)
    const json = parseJson(line, factoryLimits.ledgerLineBytes, 2)
    if (!json.ok || typeof json.value !== 'object' || json.value === null) return no('it is no JSON')
    const members = new Map<string, unknown>(Object.entries(json.value))
    const [at, previous, encoded, signature] = ['at', 'previous', 'certificate', 'signature'].map((name) => {
      const value = members.get(name)
      return typeof value === 'string' ? value : undefined
    })
    if (at === undefined || previous === undefined || encoded === undefined || signature === undefined) return no('something is missing')
    if (members.get('number') !== number + 1 || previous !== digest) return no('it does not follow the line before it')
    const signed = signedOf(this.#lot, { number: number + 1, at, previous, certificate: encoded })
    if (this.#key === undefined || !verifySignature('ecdsa-sha256', this.#key, signed, Buffer.from(signature, 'base64')))
      return no('its signature is wrong')
    const certificate = parseCertificate(Buffer.from(encoded, 'base64'))
    if (!certificate.ok) return no(certificate.error.message)
    if (!isSignedBy(certificate.value, this.#issuer, this.#key)) return no('its certificate is not by the issuer of the lot')
    this.#end = { number: number + 1, digest: digestOf(line) }
    return ok({ number: number + 1, at: instant(Date.parse(at) || 0), certificate: certificate.value })
  }
}

function isSignedBy({ issuer, signatureAlgorithm, tbs, signature }: Certificate, by: Certificate, key: KeyObject): boolean {
  return issuer.der.equals(by.subject.der) && signatureAlgorithm !== undefined && verifySignature(signatureAlgorithm, key, tbs, signature)
}

type Fields = { readonly number: number; readonly at: string; readonly previous: string; readonly certificate: string }

function signedOf(lot: string, { number, at, previous, certificate }: Fields): Buffer {
  return Buffer.from(`thingwall lot ledger 1\n${lot}\n${number}\n${at}\n${previous}\n${certificate}\n`, 'utf8')
}

function digestOf(line: string): string {
  return createHash('sha256').update(line).digest('hex')
}
