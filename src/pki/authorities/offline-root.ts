import { type KeyObject, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { type Instant, type Random, type Result, type Secret, instant, ok, refuse } from '#base'
import { type Certificate, decodePem, encodePem, keyIdentifier, oids, parseCertificate, parseSigningRequest } from '#wire/x509'
import { fingerprintOf, freshSerial, validityFrom } from '../authority.ts'
import { Issuer, reserved } from '../issuer.ts'
import { memoryKey } from '../keys/signing-key.ts'
import { profiles } from '../profile.ts'
import type { IssuerRole } from './imported-path.ts'
import { removalText } from './root-export.ts'

/** A root that was taken out of its hub, opened on a machine that needs no hub. */
export type OfflineRoot = { readonly certificate: Certificate; readonly key: KeyObject }

/** A certificate that such a root signed, and what its holder writes down. */
export type SignedAway = {
  /** The issuer, then the root: what the hub imports. */
  readonly chainPem: string
  readonly role: IssuerRole
  readonly serial: string
  readonly fingerprintSha256: string
  readonly notAfter: Instant
}

const keyBlock = /-----BEGIN ENCRYPTED PRIVATE KEY-----[A-Za-z0-9+/=\s]{1,8192}-----END ENCRYPTED PRIVATE KEY-----/

/** Opens the file that `thingwall pki root export` wrote. `pki/export-unreadable` for what is none, and for another passphrase. */
export function openOfflineRoot(pem: string, passphrase: Secret): Result<OfflineRoot> {
  const unreadable = (why: string) =>
    refuse('pki/export-unreadable', 'The file is not an exported root, or the passphrase is another one.', why)
  const [der, ...more] = certificatesIn(pem)
  const certificate = der === undefined || more.length > 0 ? undefined : parseCertificate(der)
  const block = keyBlock.exec(pem)?.[0]
  if (!certificate?.ok || block === undefined) return unreadable('a certificate and an encrypted key were expected')
  try {
    const key = passphrase.use((bytes) => createPrivateKey({ key: block, passphrase: Buffer.from(bytes) }))
    const own = createPublicKey(key).export({ format: 'der', type: 'spki' })
    return own.equals(certificate.value.publicKey.der) ? ok({ certificate: certificate.value, key }) : unreadable('the key is another one')
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : 'no key')
  }
}

/** What proves to the hub that the export opens: see `removeRootKey`. */
export function proveRemoval({ certificate, key }: OfflineRoot): Buffer {
  return sign('sha256', removalText(certificate.serial), key)
}

/**
 * Signs the request of an issuer (PEM) as the profile of its role says; the request says which role that is by its extended key usage, and nothing else of what
 * it wishes counts. `pki/not-an-issuer` for another request.
 */
export async function signAway(
  { certificate: root, key }: OfflineRoot,
  requestPem: string,
  now: Instant,
  random: Random,
): Promise<Result<SignedAway>> {
  const ders = decodePem('CERTIFICATE REQUEST', requestPem)
  if (!ders.ok) return ders
  const [der, ...more] = ders.value
  if (der === undefined || more.length > 0) return refuse('pki/one-request', 'Send one signing request at a time.')
  const request = parseSigningRequest(der)
  if (!request.ok) return request
  const { requested, subject, publicKey } = request.value
  const usage = requested.extendedKeyUsage ?? []
  const [only] = usage
  const role = only === oids.clientAuth ? 'device-issuer' : only === oids.serverAuth ? 'server-issuer' : undefined
  if (role === undefined || usage.length > 1 || requested.basicConstraints?.ca !== true || subject.commonName === undefined)
    return refuse('pki/not-an-issuer', 'The request is not one for an issuer: make it with thingwall pki issuer request.')
  const { subject: name, notBefore, notAfter, publicKey: rootKey } = root
  const identity = { subject: name.der, keyId: keyIdentifier(rootKey), notBefore, notAfter, profiles: [role] } as const
  const issuer = new Issuer(identity, memoryKey(key, rootKey))
  const serial = freshSerial(random)
  const wished = validityFrom(now, profiles[role].defaultLifetimeMs, root)
  const validity = { ...wished, notAfter: instant(Math.min(wished.notAfter, notAfter)) }
  const proof = issuer.lint({ profile: role, serial, commonName: subject.commonName, alternativeNames: [], publicKey, ...validity })
  if (!proof.ok) return proof
  // No inventory is here: what the holder of the root writes down is the record, and the hub's own begins when it imports this.
  const made = await issuer.sign(proof.value, reserved(serial))
  const chainPem = encodePem('CERTIFICATE', made) + encodePem('CERTIFICATE', root.der)
  return ok({ chainPem, role, serial, fingerprintSha256: fingerprintOf(made), notAfter: validity.notAfter })
}

function certificatesIn(pem: string): readonly Buffer[] {
  const end = '-----END CERTIFICATE-----'
  const at = pem.indexOf(end)
  const read = decodePem('CERTIFICATE', at < 0 ? '' : `${pem.slice(0, at)}${end}\n`)
  return read.ok ? read.value : []
}
