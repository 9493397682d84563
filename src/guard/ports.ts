import type { Clock, DeviceId, Instant, Random } from '#base'
import type { FactOf } from '#journal'

/** A listening socket that the configuration asks for. `host` is the address it is bound to. */
export type Listener = {
  readonly name: string
  readonly protocol: string
  readonly host: string
  readonly port: number
}

/** What the issuer knows about the certificate that listeners should be serving. */
export type ServerCertificateState = {
  /** The newest that was issued for the listeners; null when the issuer keeps no log of it. */
  readonly newest: { readonly fingerprintSha256: string; readonly notBefore: Instant; readonly notAfter: Instant } | null
  /** True when no program of ours renews it. */
  readonly manual: boolean
  /** Who answers for a manual one. */
  readonly owner: string | null
  /** When a renewal was last carried through, reload included: practised or real. */
  readonly lastDrillAt: Instant | null
}

/** A root or issuing certificate of ours, or one that was registered. */
export type IssuerState = {
  readonly pem: string
  readonly root: boolean
  readonly revoked: boolean
  /** True for a root that is still in the bundle although it must no longer be trusted. */
  readonly distrusted: boolean
}

/** One row of the issuance log. Fingerprints, key digests and serials are lower-case hex. */
export type IssuedCertificate = {
  readonly serial: string
  /** Subject of the issuer. */
  readonly issuer: string
  readonly fingerprintSha256: string | null
  /** Whose it is; null for a server certificate. */
  readonly device: string | null
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly keySha256: string | null
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly revoked: boolean
  /** `ec:P-256`, `rsa:2048`; null when the log does not say. */
  readonly key: string | null
  /** True while its successor is on the way. */
  readonly renewing: boolean
}

/** Trust bundles: how many were published, and where the devices are. */
export type TrustState = {
  readonly bundleVersions: number
  readonly devicesOnCurrent: number | null
  readonly devicesTwoBehind: number
}

/** How a device proves itself, as the registry has it. Shared keys come as keyed digests, never as keys. */
export type DeviceCredential =
  | { readonly type: 'certificateAuthority' }
  | { readonly type: 'selfSigned'; readonly primaryThumbprint: string | null; readonly secondaryThumbprint: string | null }
  | { readonly type: 'symmetricKey'; readonly keyDigests: readonly string[] }

/** One device, as far as posture is concerned. */
export type DeviceState = { readonly id: DeviceId; readonly enabled: boolean; readonly authentication: DeviceCredential }

/** A live session. `expires` is the end of its certificate when the gateway knows it; `commonName` its subject. */
export type SessionState = {
  readonly id: string
  readonly device: DeviceId
  readonly clientId: string
  readonly address: string
  readonly tls: { readonly version: string }
  readonly auth: { readonly type: string; readonly thumbprint: string | null }
  readonly commonName?: string
  readonly expires?: Instant
}

/** An identity for a probe: an enabled device with a fresh certificate, and the root to expect of the hub. PEM, leaf first. */
export type ProbeIdentity = { readonly device: DeviceId; readonly cert: string; readonly key: string; readonly ca: string }

/** The revocation drill: an identity is issued for it and then revoked, through the same code as an operator's revocation. */
export type DrillPort = {
  /** Makes (or keeps) the probe device and issues a certificate for it. */
  issue(): Promise<ProbeIdentity>
  /** Revokes what `issue` gave, and ends its sessions. Resolves when that is done. */
  revoke(identity: ProbeIdentity): Promise<void>
}

/** The synthetic device: its identity, and the journal's word that a message arrived. */
export type SyntheticPort = {
  /** An identity with some life left; asked again at each connect. */
  identity(): Promise<ProbeIdentity>
  /** Calls `heard` with the body of each telemetry record of the device once it is durable. Returns how to stop. */
  watch(device: DeviceId, heard: (body: Uint8Array) => void): () => void
}

/** Where the root key is kept. */
export type KeyState = {
  readonly kind: 'plain-file' | 'passphrase-file' | 'sealed' | 'external'
  readonly insideDataDirectory: boolean
  /** Permission bits; null where there are none. */
  readonly mode: number | null
}

/** How the hub itself is. `pendingShare` is the journal's pending bytes over its bound, 0..1. */
export type HealthState = {
  readonly store: 'ok' | 'down'
  readonly journal: 'ok' | 'full' | 'failed'
  readonly pendingShare: number
}

/** Where an alert goes. `kind`: `stderr`, `console`, `webhook`, `events`, `metrics`. */
export type AlertRoute = { readonly kind: string; readonly name: string; readonly acknowledgedAt: Instant | null }

/** What the guard asks of the rest of the house. It reads; the only things it causes are the probe's own acts. */
export type GuardPorts = {
  readonly clock: Clock
  readonly random: Random
  /** Every socket that should be listening. */
  listeners(): readonly Listener[]
  /** The DNS names and addresses that devices are told to connect to. */
  advertisedNames(): readonly string[]
  serverCertificate(): Promise<ServerCertificateState>
  issuers(): Promise<readonly IssuerState[]>
  certificates(): AsyncIterable<IssuedCertificate> | Iterable<IssuedCertificate>
  /** The published revocation list; null when revocation is known by the hub's own registry alone. */
  crl(): Promise<{ readonly nextUpdate: Instant } | null>
  trust(): Promise<TrustState>
  devices(): AsyncIterable<DeviceState> | Iterable<DeviceState>
  connections(): readonly SessionState[]
  /** HMAC-SHA-256 of credential material under a key of the hub, hex: lets credentials be compared without being shown. */
  digest(material: Uint8Array): string
  readonly drill: DrillPort
  readonly synthetic: SyntheticPort
  readonly canary: {
    readonly dataDirectory: string
    /** Writes a fresh random string of 16 characters or more through the API and the journal, waits until both are on disk, and gives it. */
    write(): Promise<string>
  }
  keyLocation(): Promise<KeyState>
  /** Entries of the router that send a public port here; null when it was not asked. */
  portMappings(): Promise<readonly string[] | null>
  health(): Promise<HealthState>
  alertRoutes(): readonly AlertRoute[]
  /** Told when the verdict of a control changes. */
  tell(fact: FactOf<'finding'>): void
  /** Told when a collector fails in a way that it should not. */
  trouble(what: string, error: unknown): void
}
