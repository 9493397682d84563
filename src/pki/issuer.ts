import { isDeepStrictEqual } from 'node:util'
import { type Brand, type Result, ok } from '#base'
import {
  type Certificate,
  type ListEntries,
  type ListFields,
  encodeCertificate,
  encodeExtensions,
  encodeRevocationList,
  encodeTbsCertificate,
  encodeTbsRevocationList,
  keyIdentifier,
  parseCertificate,
} from '#wire/x509'
import type { SigningKey } from './keys/signing-key.ts'
import { type IssuerFacts, lintTemplate } from './lint.ts'
import { subjectOf } from './subject.ts'
import { type Template, profiles } from './profile.ts'

/** Proof that this issuer linted exactly this template. The first `sign` spends it. */
export type Linted = Brand<{ readonly template: Template }, 'Linted'>

/** Proof that the inventory holds a row for this serial on disk. Minted by {@link reserved} for the inventory only. */
export type Reserved = Brand<{ readonly serial: string }, 'Reserved'>

/** For the inventory, once the row is durable. */
export function reserved(serial: string): Reserved {
  return Object.freeze({ serial }) as Reserved
}

const algorithm = 'ecdsa-sha256'
const placeholder = Buffer.from([0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01])

/**
 * Whose name and key go into what it signs. For a root, its own. `keyId` is how this hub names the key; `subjectKeyId` is how its certificate does, which may differ
 * where others signed that (RFC 5280 section 4.2.1.2).
 */
export type IssuerIdentity = IssuerFacts & { readonly subject: Buffer; readonly keyId: Buffer; readonly subjectKeyId?: Buffer }

/** Holds one issuing key (EC P-256). Signs nothing but what it linted and the inventory recorded. */
export class Issuer {
  readonly identity: IssuerIdentity
  readonly #key: SigningKey
  // The bytes to sign stay in here: what the caller holds is proof, not material that could be changed after the lint.
  readonly #unspent = new WeakMap<Linted, Buffer>()

  constructor(identity: IssuerIdentity, key: SigningKey) {
    this.identity = identity
    this.#key = key
  }

  /** Holds the template against the rules, and reads the bytes that would be signed back to see that they say the same. */
  lint(template: Template): Result<Linted> {
    const copy = Object.freeze({ ...template, alternativeNames: Object.freeze([...template.alternativeNames]) })
    const linted = lintTemplate(copy, this.identity)
    if (!linted.ok) return linted
    const tbs = this.#encode(copy)
    assertSays(tbs, copy, this.identity)
    const proof = Object.freeze({ template: copy }) as Linted
    this.#unspent.set(proof, tbs)
    return ok(proof)
  }

  /** Signs what was linted, once. The certificate comes as DER. Throws the Fault `pki/key-unavailable`; the proof is spent then too. */
  async sign(proof: Linted, recorded: Reserved): Promise<Buffer> {
    const tbs = this.#unspent.get(proof)
    if (!tbs) throw new Error('bug: proof spent, or from another issuer')
    if (recorded.serial !== proof.template.serial) throw new Error('bug: another serial was recorded')
    this.#unspent.delete(proof)
    return encodeCertificate(tbs, algorithm, await this.#key.sign(tbs))
  }

  /** Signs a list of what this issuer has revoked, in its own name. Throws the Fault `pki/key-unavailable`. */
  async signRevocationList(fields: Omit<ListFields, 'algorithm' | 'issuer' | 'authorityKeyId'>, entries: ListEntries): Promise<Buffer> {
    const { subject: issuer, keyId, subjectKeyId: authorityKeyId = keyId } = this.identity
    const tbs = encodeTbsRevocationList({ ...fields, algorithm, issuer, authorityKeyId }, entries)
    return encodeRevocationList(tbs, algorithm, await this.#key.sign(tbs))
  }

  #encode(template: Template): Buffer {
    const { ca, keyUsage, extendedKeyUsage, ocspNoCheck = false } = profiles[template.profile]
    const { pointers } = template
    return encodeTbsCertificate({
      serial: Buffer.from(template.serial, 'hex'),
      algorithm,
      issuer: this.identity.subject,
      notBefore: template.notBefore,
      notAfter: template.notAfter,
      subject: subjectOf(template.profile, template.commonName),
      publicKey: template.publicKey.der,
      extensions: encodeExtensions({
        ...(ca ? { ca } : {}),
        keyUsage,
        extendedKeyUsage,
        alternativeNames: template.alternativeNames,
        subjectKeyId: keyIdentifier(template.publicKey),
        authorityKeyId: this.identity.subjectKeyId ?? this.identity.keyId,
        ocspNoCheck,
        ...(pointers ? { crlDistributionPoints: [pointers.crl], ocspResponders: [pointers.ocsp] } : {}),
        ...(template.nameConstraints ? { nameConstraints: template.nameConstraints } : {}),
      }),
    })
  }
}

// Belt and braces: the writer is ours, so a difference is our bug and nothing may be signed.
function assertSays(tbs: Buffer, template: Template, issuer: IssuerIdentity): void {
  const read = parseCertificate(encodeCertificate(tbs, algorithm, placeholder))
  if (!read.ok || !same(read.value, template, issuer)) throw new Error('bug: the certificate does not say what was linted')
}

function same(read: Certificate, template: Template, issuer: IssuerIdentity): boolean {
  const { ca, extendedKeyUsage } = profiles[template.profile]
  const { extensions } = read
  const names = (list: readonly { readonly kind: string; readonly value: string }[]) =>
    list.map(({ kind, value }) => `${kind}:${value}`).join()
  return (
    read.serial === template.serial &&
    read.subject.commonName === template.commonName &&
    read.issuer.der.equals(issuer.subject) &&
    read.notBefore === template.notBefore &&
    read.notAfter === template.notAfter &&
    read.publicKey.der.equals(template.publicKey.der) &&
    extensions.basicConstraints?.ca === (ca !== undefined) &&
    extensions.basicConstraints.pathLength === ca?.pathLength &&
    (extensions.extendedKeyUsage ?? []).join() === extendedKeyUsage.join() &&
    (extensions.crlDistributionPoints ?? []).join() === (template.pointers?.crl ?? '') &&
    names(extensions.alternativeNames ?? []) === names(template.alternativeNames) &&
    isDeepStrictEqual(extensions.nameConstraints, template.nameConstraints)
  )
}
