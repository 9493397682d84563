import type { Instant } from '#base'
import { type GeneralName, type KeyUsage, type PublicKey, oids } from '#wire/x509'
import { limits } from './limits.ts'

/** The kinds of certificate that we make. */
export type ProfileName = 'root' | 'device-issuer' | 'server-issuer' | 'device' | 'server'

/** What a certificate of a kind contains, as data: no requester and no template can add to it. */
export type Profile = {
  readonly ca?: { readonly pathLength: number }
  readonly keyUsage: readonly KeyUsage[]
  readonly extendedKeyUsage: readonly string[]
  readonly alternativeNames: 'required' | 'none'
  readonly defaultLifetimeMs: number
  readonly maxLifetimeMs: number
}

const years = (count: number) => count * 365.25 * limits.dayMs
const issuing = { ca: { pathLength: 0 }, keyUsage: ['keyCertSign', 'cRLSign'], alternativeNames: 'none' } as const
const clientAuth = [oids.clientAuth]
const serverAuth = [oids.serverAuth]

/** Every profile. Extended key usage on an issuer bounds all that it signs: a stolen device issuer makes no server. */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  root: {
    ca: { pathLength: 1 },
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    alternativeNames: 'none',
    defaultLifetimeMs: years(20),
    maxLifetimeMs: years(20),
  },
  'device-issuer': { ...issuing, extendedKeyUsage: clientAuth, defaultLifetimeMs: years(5), maxLifetimeMs: years(5) },
  'server-issuer': { ...issuing, extendedKeyUsage: serverAuth, defaultLifetimeMs: years(5), maxLifetimeMs: years(5) },
  device: {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: clientAuth,
    alternativeNames: 'none',
    defaultLifetimeMs: 30 * limits.dayMs,
    maxLifetimeMs: 397 * limits.dayMs,
  },
  server: {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: serverAuth,
    alternativeNames: 'required',
    defaultLifetimeMs: 90 * limits.dayMs,
    maxLifetimeMs: 90 * limits.dayMs,
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
  /** Whole seconds, as a certificate has them. */
  readonly notBefore: Instant
  readonly notAfter: Instant
}
