import type { DeviceId, Instant } from '#base'

/** What is judged, by kind and name: `listener/mqtt`, `device/pump-1`. */
export type Subject = {
  readonly kind: 'hub' | 'listener' | 'service' | 'device' | 'ca' | 'certificate'
  readonly id: string
}

/** How a piece of evidence was come by, weakest first. A control states the least that earns a full pass. */
export type Assurance = 'declared' | 'reported' | 'observed' | 'attested'

/** TLS protocol versions, oldest first, as the probes name them. */
export const tlsVersions = ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const

/** One TLS protocol version. */
export type TlsVersion = (typeof tlsVersions)[number]

/** The plaintext protocols that a probe speaks at a listener. */
export type PlaintextProtocol = 'mqtt' | 'http' | 'amqp' | 'coap'

/** What came back: an answer in the clear, a TLS alert, a close without a word, or nothing within the time. */
export type PlaintextAnswer = 'plaintext' | 'alert' | 'closed' | 'silent'

/** One listening socket of the kernel's table. `own`: a descriptor of this process holds it. */
export type ListeningSocket = {
  readonly transport: 'tcp' | 'udp'
  readonly address: string
  readonly port: number
  readonly own: boolean
}

/** One try of the revocation drill: what the listener said before and after the certificate was revoked. */
export type DrillAttempt = {
  readonly listener: string
  readonly version: 'TLSv1.2' | 'TLSv1.3'
  readonly before: 'accepted' | 'refused'
  readonly ticket: boolean
  /** Milliseconds from the revocation to the end of the live session; null when it never ended. */
  readonly liveEndedMs: number | null
  readonly fresh: 'accepted' | 'refused'
  readonly resumed: 'accepted' | 'refused' | 'not-tried'
}

/** An X.509 certificate as far as posture is concerned. `key` is `ec:P-256`, `rsa:2048`, `ed25519`. */
export type CertificateFacts = {
  readonly subject: string
  readonly serial: string
  readonly fingerprintSha256: string
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly key: string
  readonly signature: string
}

/** Two addresses that took one identity from each other in turn. */
export type ConcurrentUse = {
  readonly device: DeviceId
  readonly addresses: readonly string[]
  readonly turns: number
  readonly lastAt: Instant
}

/** Names worth showing, and how many there are in all: a fleet is never copied into a finding. */
export type Examples = { readonly count: number; readonly examples: readonly string[] }

/** What each way of looking yields. The key is the `method` of the evidence. */
export type Observations = {
  'tls-version-probe': { readonly accepted: readonly TlsVersion[]; readonly refused: readonly TlsVersion[] }
  'tls-suite-probe': {
    readonly weakAccepted: readonly string[]
    readonly weakGroups: readonly string[]
    readonly sha1Signature: boolean
    readonly offered: number
  }
  'plaintext-probe': { readonly answers: readonly { readonly protocol: PlaintextProtocol; readonly answer: PlaintextAnswer }[] }
  'socket-table': {
    readonly sockets: readonly ListeningSocket[]
    readonly declared: readonly { readonly name: string; readonly host: string; readonly port: number }[]
    /** Sockets of other processes on this host that answered a plaintext protocol of the field, beyond loopback. */
    readonly foreignPlaintext: readonly (ListeningSocket & { readonly protocol: PlaintextProtocol })[]
  }
  'session-log': {
    readonly since: Instant
    readonly sessions: number
    readonly byTlsVersion: Readonly<Record<string, number>>
    readonly plaintext: number
    readonly publicPeers: readonly string[]
    readonly concurrent: readonly ConcurrentUse[]
  }
  'served-certificate': {
    readonly served: CertificateFacts
    readonly names: readonly string[]
    readonly newest: { readonly fingerprintSha256: string; readonly notBefore: Instant; readonly notAfter: Instant } | null
    readonly uncovered: readonly string[]
    /** True when no program renews this certificate: somebody brought it. */
    readonly manual: boolean
    readonly owner: string | null
    readonly lastDrillAt: Instant | null
  }
  'trust-roots': {
    readonly roots: readonly CertificateFacts[]
    readonly distrusted: readonly string[]
    readonly bundleVersions: number
    /** Share of devices known to be on the current bundle, 0..1; null when nobody reports it. */
    readonly devicesOnCurrent: number | null
    /** Devices known to be two versions behind or more. */
    readonly devicesTwoBehind: number
  }
  'certificate-inventory': {
    readonly issuers: readonly (CertificateFacts & { readonly revoked: boolean })[]
    readonly active: number
    readonly expired: Examples
    readonly expiring: Examples
    readonly longLived: Examples
    readonly weak: Examples
    readonly repeatedSerials: Examples
    readonly underRevokedIssuer: Examples
    /** Certificates seen in sessions or at listeners that neither the log nor a registration knows. */
    readonly strangers: Examples
    readonly crl: { readonly nextUpdate: Instant } | null
  }
  'revocation-drill': { readonly attempts: readonly DrillAttempt[] }
  registry: {
    readonly devices: number
    readonly symmetric: Examples
    readonly mismatched: Examples
    readonly pinnedWithoutExpiry: Examples
    readonly neverConnected: Examples
    /** Identities that are no devices, let in by a webhook on grounds that only it knows: passwords perhaps. */
    readonly byWebhook: Examples
  }
  'credential-digests': {
    readonly compared: number
    /** Keyed digest (first 16 hex digits) and the devices that hold the same credential. */
    readonly collisions: readonly { readonly digest: string; readonly devices: readonly string[] }[]
    readonly knownWeak: Examples
  }
  canary: {
    readonly files: number
    readonly bytes: number
    readonly searchedBytes: number
    readonly complete: boolean
    readonly found: readonly { readonly file: string; readonly encoding: string }[]
  }
  'key-location': {
    readonly kind: 'plain-file' | 'passphrase-file' | 'sealed' | 'external'
    readonly insideDataDirectory: boolean
    /** Permission bits, for example 0o600; null where the platform has none. */
    readonly mode: number | null
  }
  volumes: {
    readonly data: 'encrypted' | 'clear' | 'unknown'
    readonly swap: 'none' | 'encrypted' | 'clear' | 'unknown'
    readonly detail: string
  }
  exposure: {
    readonly addresses: readonly { readonly interface: string; readonly address: string; readonly scope: AddressScope }[]
    readonly binds: readonly { readonly listener: string; readonly host: string; readonly scope: AddressScope }[]
    /** Listeners reachable from a global-scope address of this host. */
    readonly publicBinds: readonly string[]
    /** Entries that send a public port to us; null when the router was not asked. */
    readonly portMappings: readonly string[] | null
  }
  'round-trips': {
    readonly windowMs: number
    readonly expected: number
    readonly withinLimit: number
    readonly slow: number
    readonly lost: number
    readonly p50Ms: number | null
    readonly p99Ms: number | null
  }
  'alert-routes': {
    readonly routes: readonly { readonly kind: string; readonly name: string; readonly acknowledgedAt: Instant | null }[]
  }
  health: {
    readonly store: 'ok' | 'down'
    readonly journal: 'ok' | 'full' | 'failed'
    readonly pendingShare: number
    readonly freeBytes: number | null
  }
}

/** Where an address can be reached from: this host, this link, a private network, anywhere, or (unspecified) all of our own. */
export type AddressScope = 'loopback' | 'link' | 'private' | 'global' | 'unspecified'

/** A way of looking. */
export type Method = keyof Observations

type Shared<M extends Method> = {
  readonly id: string
  readonly subject: Subject
  readonly method: M
  readonly collectedAt: Instant
  readonly validUntil: Instant
  readonly collector: string
  readonly collectorVersion: number
  /** SHA-256 of the observation as JSON. Observations hold no secret value, only keyed digests and metadata. */
  readonly rawDigest: string
  readonly assurance: Assurance
}

type Seen<M extends Method> = Shared<M> & { readonly observed: Observations[M]; readonly problem: null }
type Unseen<M extends Method> = Shared<M> & { readonly observed: null; readonly problem: string }

/** What was seen, by one method; or, with `problem`, why nothing could be seen: `probe-broken: ...`, `unreachable: ...`. */
export type EvidenceOf<M extends Method> = Seen<M> | Unseen<M>

/** Evidence of any method. */
export type Evidence = { [M in Method]: Seen<M> }[Method] | Unseen<Method>

type About = { readonly subject: Subject; readonly assurance?: Assurance }

/** What a collector saw, or why it could not, before it is stamped with time, identity and digest. */
export type Sighting =
  | { [M in Method]: About & { readonly method: M; readonly observed: Observations[M] } }[Method]
  | (About & { readonly method: Method; readonly problem: string })

/** The evidence that one method gave. */
export function evidenceBy<M extends Method>(method: M, evidence: readonly Evidence[]): readonly EvidenceOf<M>[] {
  const isOf = (entry: { readonly method: Method }): entry is EvidenceOf<M> => entry.method === method
  const out: EvidenceOf<M>[] = []
  for (const entry of evidence) if (isOf(entry)) out.push(entry)
  return out
}

/** At most `limit` names in order, and how many there were. */
export function examplesOf(names: Iterable<string>, limit = 10): Examples {
  const examples: string[] = []
  let count = 0
  for (const name of names) {
    count++
    if (examples.length < limit) examples.push(name)
  }
  return { count, examples }
}
