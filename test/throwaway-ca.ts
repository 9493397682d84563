import { type KeyObject, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { type Instant, instant } from '#base'
import {
  type Certificate,
  encodeCertificate,
  encodeExtensions,
  encodeName,
  encodeTbsCertificate,
  keyIdentifier,
  oids,
  parseCertificate,
  parsePublicKey,
} from '#wire/x509'

/** A certificate with its key, so that it can sign others. */
export type Party = { readonly certificate: Certificate; readonly der: Buffer; readonly key: KeyObject }

/** What a certificate shall say. Whatever is left out is what an honest one of that kind says. */
export type Wish = {
  readonly name: string
  readonly by?: Party
  /** DER of the subject, in place of the name. */
  readonly subject?: Buffer
  readonly ca?: { readonly pathLength: number } | undefined
  readonly keyUsage?: Parameters<typeof encodeExtensions>[0]['keyUsage']
  readonly extendedKeyUsage?: readonly string[]
  readonly notBefore?: Instant
  readonly notAfter?: Instant
  /** Changes the encoded extensions, to leave some out or add hostile ones. */
  readonly extensions?: (honest: readonly Buffer[]) => readonly Buffer[]
  /** Changes the signature. */
  readonly signature?: (honest: Buffer) => Buffer
  /** Signs with another key than the issuer's. */
  readonly signedWith?: KeyObject
}

const start = Date.UTC(2026, 0, 1)
const year = 366 * 24 * 3_600_000

/** DER of the certificate alone, for those too malformed to be read back. */
export function makeDer(wish: Wish): { readonly der: Buffer; readonly key: KeyObject } {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const parsed = parsePublicKey(pair.publicKey.export({ type: 'spki', format: 'der' }))
  if (!parsed.ok) throw new Error('a fresh key cannot be read')
  const issuerKey = wish.by?.certificate.publicKey ?? parsed.value
  const honest = encodeExtensions({
    ...(wish.ca ? { ca: wish.ca } : {}),
    keyUsage: wish.keyUsage ?? (wish.ca ? ['keyCertSign', 'cRLSign'] : ['digitalSignature']),
    extendedKeyUsage: wish.extendedKeyUsage ?? (wish.ca ? [] : [oids.clientAuth]),
    subjectKeyId: keyIdentifier(parsed.value),
    authorityKeyId: keyIdentifier(issuerKey),
  })
  const subject = wish.subject ?? encodeName({ commonName: wish.name })
  const tbs = encodeTbsCertificate({
    serial: Buffer.concat([Buffer.from([0x5a]), randomBytes(15)]),
    algorithm: 'ecdsa-sha256',
    issuer: wish.by?.certificate.subject.der ?? subject,
    notBefore: wish.notBefore ?? instant(start - year),
    notAfter: wish.notAfter ?? instant(start + year),
    subject,
    publicKey: parsed.value.der,
    extensions: wish.extensions?.(honest) ?? honest,
  })
  const signature = sign('sha256', tbs, wish.signedWith ?? wish.by?.key ?? pair.privateKey)
  return { der: encodeCertificate(tbs, 'ecdsa-sha256', wish.signature?.(signature) ?? signature), key: pair.privateKey }
}

/** A real certificate, signed for real, by `by` or by itself. */
export function make(wish: Wish): Party {
  const { der, key } = makeDer(wish)
  const certificate = parseCertificate(der)
  if (!certificate.ok) throw new Error(certificate.error.message)
  return { certificate: certificate.value, der, key }
}
