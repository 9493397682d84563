import { createHash } from 'node:crypto'
import { type CertificateProof, type DeviceId, type Instant, type Result, fail, ok, parseDeviceId } from '#base'
import type { Credentials, Refused } from '../authenticate.ts'
import { hubAttributePrefix } from '../policy/principal-view.ts'
import type { Principal } from '../principal.ts'

/** Begin the identities of those who are not in the registry, so that none can ever be taken for a registered device. */
export const identityPrefixes = ['sat:', 'x509:', 'custom:'] as const

/** Bounds of what an authentication method may say about a client. */
export const identityLimits = { usernameCharacters: 256, attributes: 64, attributeNameCharacters: 128, attributeCharacters: 1_024 } as const

/** Refuses a CONNECT for its credentials. `message` goes to the peer, `detail` to the record alone. */
export function refuseCredentials(code: string, message: string, detail?: string): { readonly ok: false; readonly error: Refused } {
  return fail({ code, message, blame: 'credentials', ...(detail === undefined ? {} : { detail }) })
}

/** Whom a method has proven, before there is a principal. */
export type Proven = {
  readonly username: string
  readonly attributes: ReadonlyMap<string, string>
  readonly expiresAt: Instant | undefined
  /** SHA-256 of the leaf where a certificate proved it. */
  readonly thumbprint?: string
  readonly proof?: CertificateProof | undefined
}

const methods = {
  X509: { prefix: 'x509:', type: 'x509' },
  ServiceAccountToken: { prefix: 'sat:', type: 'sat' },
  Custom: { prefix: 'custom:', type: 'custom' },
} as const

/** The methods of a BrokerAuthentication document. */
export type MethodName = keyof typeof methods

/** The principal of somebody who is not in the registry. Refuses names and attributes that could not be stored, compared or shown safely. */
export function principalOf(method: MethodName, proven: Proven, credentials: Credentials): Result<Principal, Refused> {
  const { prefix, type } = methods[method]
  const username = usableName(proven.username)
  if (username === undefined)
    return refuseCredentials(
      'access/username-unusable',
      'The name of this client is empty, too long or holds characters that no name may hold.',
    )
  const attributes = usableAttributes(proven.attributes)
  if (attributes === undefined)
    return refuseCredentials(
      'access/attributes-unusable',
      'You may not connect.',
      'attributes that are too many, too long, reserved or not plain text',
    )
  const identity = identityOf(prefix, username)
  return ok({
    device: identity,
    subject: { identity, username, clientId: credentials.clientId, attributes },
    generationId: '',
    mode: 'mqtt',
    authentication: { type, scope: 'device', method, thumbprint: proven.thumbprint ?? '', serial: undefined, proof: proven.proof },
    expiresAt: proven.expiresAt,
    userName: credentials.userName,
  })
}

/**
 * The identity for a name: the same for the same name and different for different ones, in the alphabet of device ids. Other characters are
 * percent-encoded; what gets too long is a digest, after a `%` that no encoding can begin so.
 */
export function identityOf(prefix: (typeof identityPrefixes)[number], username: string): DeviceId {
  const plain = Buffer.from(username).reduce((text, byte) => text + (isPlain(byte) ? String.fromCharCode(byte) : hex(byte)), '')
  const short = parseDeviceId(prefix + plain)
  if (short.ok) return short.value
  const digest = parseDeviceId(`${prefix}%sha256:${createHash('sha256').update(username).digest('hex')}`)
  if (!digest.ok) throw new Error('bug: a digest is no identity')
  return digest.value
}

const plainCharacters: ReadonlySet<number> = new Set(
  Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._*?!(),:=@$'"),
)

function isPlain(byte: number): boolean {
  return plainCharacters.has(byte)
}

function hex(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

// Control characters and line separators would break logs; lone surrogates and U+FFFD come from bytes that were no text; the rest reorders what people read.
// oxlint-disable-next-line no-control-regex -- control characters are what this refuses
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffd\ufeff]/

/** Whether a text from outside may be kept and shown: whole characters, and none that break or reorder what people read. */
export function isSafeText(text: string): boolean {
  return !unsafe.test(text) && text.isWellFormed()
}

function usableName(name: string): string | undefined {
  return name.length > 0 && name.length <= identityLimits.usernameCharacters && isSafeText(name) ? name : undefined
}

function usableAttributes(attributes: ReadonlyMap<string, string>): Readonly<Record<string, string>> | undefined {
  if (attributes.size > identityLimits.attributes) return undefined
  const entries: [string, string][] = []
  for (const [name, value] of attributes) {
    if (!isUsableAttribute(name, value)) return undefined
    entries.push([name, value])
  }
  // Null prototype: names are somebody else's, and `constructor` must be absent unless it was said.
  const made: Record<string, string> = Object.create(null)
  for (const [name, value] of entries) made[name] = value
  return Object.freeze(made)
}

/** Whether an attribute may be given to a client by anybody but the hub: bounded, plain text, and not reserved. */
export function isUsableAttribute(name: string, value: string): boolean {
  if (name === '' || name.length > identityLimits.attributeNameCharacters || value.length > identityLimits.attributeCharacters) return false
  return isSafeText(name) && isSafeText(value) && !name.startsWith(hubAttributePrefix) && name !== '__proto__'
}
