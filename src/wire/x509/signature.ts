import { type KeyObject, verify } from 'node:crypto'
import { type DerNode, Fields, contentOf } from './der-reader.ts'
import { readOid } from './der-values.ts'
import { nothing, oid, sequence } from './der-writer.ts'
import { Malformed } from './malformed.ts'
import { oids } from './oids.ts'
import { tags } from './tags.ts'

/** The signature algorithms that we rely on. SHA-1, MD5, DSA and RSA-PSS are not among them. */
export type SignatureAlgorithm = 'ecdsa-sha256' | 'ecdsa-sha384' | 'ecdsa-sha512' | 'rsa-sha256' | 'rsa-sha384' | 'rsa-sha512' | 'ed25519'

type Facts = { readonly oid: string; readonly digest: 'sha256' | 'sha384' | 'sha512' | null; readonly key: 'ec' | 'rsa' | 'ed25519' }

const facts: Readonly<Record<SignatureAlgorithm, Facts>> = {
  'ecdsa-sha256': { oid: oids.ecdsaWithSha256, digest: 'sha256', key: 'ec' },
  'ecdsa-sha384': { oid: oids.ecdsaWithSha384, digest: 'sha384', key: 'ec' },
  'ecdsa-sha512': { oid: oids.ecdsaWithSha512, digest: 'sha512', key: 'ec' },
  'rsa-sha256': { oid: oids.sha256WithRsa, digest: 'sha256', key: 'rsa' },
  'rsa-sha384': { oid: oids.sha384WithRsa, digest: 'sha384', key: 'rsa' },
  'rsa-sha512': { oid: oids.sha512WithRsa, digest: 'sha512', key: 'rsa' },
  ed25519: { oid: oids.ed25519, digest: null, key: 'ed25519' },
}

const byOid: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  [oids.ecdsaWithSha256, 'ecdsa-sha256'],
  [oids.ecdsaWithSha384, 'ecdsa-sha384'],
  [oids.ecdsaWithSha512, 'ecdsa-sha512'],
  [oids.sha256WithRsa, 'rsa-sha256'],
  [oids.sha384WithRsa, 'rsa-sha384'],
  [oids.sha512WithRsa, 'rsa-sha512'],
  [oids.ed25519, 'ed25519'],
])

/** AlgorithmIdentifier of a signature algorithm: RSA has NULL parameters, the others none (RFC 4055, 5758, 8410). */
export function encodeSignatureAlgorithm(algorithm: SignatureAlgorithm): Buffer {
  const { oid: type, key } = facts[algorithm]
  return key === 'rsa' ? sequence(oid(type), nothing) : sequence(oid(type))
}

/**
 * Reads an AlgorithmIdentifier; undefined for an algorithm that we do not rely on, whatever its parameters. `inRequest` takes NULL behind ECDSA, as
 * OpenSSL's provider for TPMs writes it (RFC 5758 wants nothing there): what is not kept cannot be read in two ways later.
 */
export function readSignatureAlgorithm(node: DerNode, inRequest = false): SignatureAlgorithm | undefined {
  const fields = new Fields(node, tags.sequence, 'the signature algorithm')
  const algorithm = byOid.get(readOid(fields.next(tags.oid, 'the type'), 'the signature algorithm'))
  const parameters = fields.done ? undefined : fields.any('the parameters')
  fields.finish()
  if (!algorithm) return undefined
  const wanted = facts[algorithm].key === 'rsa'
  const isNull = parameters?.tag === tags.null && contentOf(parameters).length === 0
  const fits = wanted ? isNull : parameters === undefined || (inRequest && isNull)
  if (!fits) throw new Malformed('the signature algorithm has wrong parameters')
  return algorithm
}

/**
 * Whether `signature` by `key` covers `signed`. The algorithm must suit the type of the key: the verifier's key decides what
 * the bytes mean, never the other way round. The mathematics is node:crypto's.
 */
export function verifySignature(algorithm: SignatureAlgorithm, key: KeyObject, signed: Buffer, signature: Buffer): boolean {
  const { digest, key: type } = facts[algorithm]
  if (key.asymmetricKeyType !== type) return false
  try {
    return verify(digest, signed, key, signature)
  } catch {
    return false // the library throws on some malformed signatures instead of answering no
  }
}
