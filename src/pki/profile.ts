import type { Instant } from '#base'
import { type GeneralName, type KeyUsage, type NameConstraints, type PublicKey, oids } from '#wire/x509'
import { limits } from './limits.ts'

/** The kinds of certificate that we make. `cross`: the key of one root, signed by another. */
export const profileNames = [
  'root',
  'cross',
  'device-issuer',
  'server-issuer',
  'edge-issuer',
  'lot-issuer',
  'signing-issuer',
  'device',
  'server',
  'operator-service',
  'edge',
  'signing',
  'ocsp-responder',
] as const

/** One of the {@link profileNames}. */
export type ProfileName = (typeof profileNames)[number]

/** What a certificate of a kind contains, as data: no requester and no template can add to it. */
export type Profile = {
  readonly ca?: { readonly pathLength: number }
  readonly keyUsage: readonly KeyUsage[]
  readonly extendedKeyUsage: readonly string[]
  readonly alternativeNames: 'required' | 'optional' | 'none'
  readonly ocspNoCheck?: boolean
  readonly defaultLifetimeMs: number
  readonly maxLifetimeMs: number
}

const years = (count: number) => count * 365.25 * limits.dayMs
const issuing = { ca: { pathLength: 0 }, keyUsage: ['keyCertSign', 'cRLSign'], alternativeNames: 'none' } as const
const clientAuth = [oids.clientAuth]
const serverAuth = [oids.serverAuth]
const edgeAuth = [oids.clientAuth, oids.serverAuth]
const codeSigning = [oids.codeSigning]
const leaf = { keyUsage: ['digitalSignature'], defaultLifetimeMs: 90 * limits.dayMs, maxLifetimeMs: 90 * limits.dayMs } as const

/** Every profile. Extended key usage on an issuer bounds all that it signs: a stolen device issuer makes no server. */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  // Two: an issuer, and above it the next root under this one while a fleet moves from one to the other.
  root: { ...issuing, ca: { pathLength: 2 }, extendedKeyUsage: [], defaultLifetimeMs: years(20), maxLifetimeMs: years(20) },
  cross: { ...issuing, ca: { pathLength: 1 }, extendedKeyUsage: [], defaultLifetimeMs: years(5), maxLifetimeMs: years(20) },
  'device-issuer': { ...issuing, extendedKeyUsage: clientAuth, defaultLifetimeMs: years(5), maxLifetimeMs: years(5) },
  'server-issuer': { ...issuing, extendedKeyUsage: serverAuth, defaultLifetimeMs: years(5), maxLifetimeMs: years(5) },
  'edge-issuer': { ...issuing, extendedKeyUsage: edgeAuth, defaultLifetimeMs: years(5), maxLifetimeMs: years(5) },
  // Away from the hub, in a factory: what it signs is good for registering alone (authorities/lots.ts).
  'lot-issuer': { ...issuing, extendedKeyUsage: clientAuth, defaultLifetimeMs: 180 * limits.dayMs, maxLifetimeMs: 397 * limits.dayMs },
  'signing-issuer': { ...issuing, extendedKeyUsage: codeSigning, defaultLifetimeMs: years(5), maxLifetimeMs: years(5) },
  device: {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: clientAuth,
    alternativeNames: 'none',
    defaultLifetimeMs: 30 * limits.dayMs,
    maxLifetimeMs: 397 * limits.dayMs,
  },
  server: { ...leaf, extendedKeyUsage: serverAuth, alternativeNames: 'required' },
  // Services that operators run beside the hub, got by ACME.
  'operator-service': { ...leaf, extendedKeyUsage: serverAuth, alternativeNames: 'required' },
  // An edge is a client of the hub and a server to its devices.
  edge: { ...leaf, extendedKeyUsage: edgeAuth, alternativeNames: 'optional' },
  signing: { ...leaf, extendedKeyUsage: codeSigning, alternativeNames: 'none', maxLifetimeMs: 397 * limits.dayMs },
  // Nobody asks whether it was revoked itself (RFC 6960 section 4.2.2.2.1), so it is short-lived.
  'ocsp-responder': {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [oids.ocspSigning],
    alternativeNames: 'none',
    ocspNoCheck: true,
    defaultLifetimeMs: 14 * limits.dayMs,
    maxLifetimeMs: 14 * limits.dayMs,
  },
}

/** One certificate that somebody would like. */
export type Template = {
  readonly profile: ProfileName
  /** 32 lower-case hex digits, random, not beginning with 00. */
  readonly serial: string
  readonly commonName: string
  readonly alternativeNames: readonly GeneralName[]
  readonly publicKey: PublicKey
  /** Of authorities only: what they may name. */
  readonly nameConstraints?: NameConstraints
  /** Where clients may ask whether it was revoked: URIs of its list and of a responder. */
  readonly pointers?: { readonly crl: string; readonly ocsp: string }
  /** Whole seconds, as a certificate has them. */
  readonly notBefore: Instant
  readonly notAfter: Instant
}
