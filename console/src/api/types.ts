/** What can be said about a device's way to authenticate. */
export type Authentication =
  | { readonly type: 'certificateAuthority' }
  | { readonly type: 'selfSigned'; readonly primaryThumbprint: string | null; readonly secondaryThumbprint: string | null }

/** Milliseconds since 1970, or RFC 3339 text. */
export type Moment = number | string

/** A device as the registry knows it. */
export type Device = {
  readonly id: string
  readonly generationId: string
  readonly etag: string
  readonly status: 'enabled' | 'disabled'
  readonly statusReason: string | null
  readonly authentication: Authentication
  readonly createdAt: Moment
  readonly updatedAt: Moment
}

/** A row of the device list. */
export type DeviceRow = Device & { readonly connected: boolean; readonly certificate: { readonly notAfter: Moment } | null }

/** One page of the device list; `next` is the cursor of the following page. */
export type DevicePage = { readonly devices: readonly DeviceRow[]; readonly next: string | null; readonly total: number }

/** A live connection of a device. */
export type Connection = {
  readonly id: string | number
  readonly device: string
  readonly clientId: string
  readonly transport: string
  readonly mqttVersion: number
  readonly address: string
  readonly since: Moment
  readonly tls: { readonly version: string; readonly cipher: string; readonly resumed: boolean }
  readonly inMessages: number
  readonly outMessages: number
  readonly inBytes: number
  readonly outBytes: number
  readonly subscriptions: readonly string[]
}

/** A certificate that was issued to, or registered for, a device. */
export type Certificate = {
  readonly serial: string
  readonly fingerprintSha256: string
  readonly subject: string
  readonly issuer: string
  readonly notBefore: Moment
  readonly notAfter: Moment
  readonly status: 'valid' | 'expired' | 'revoked'
  readonly revokedAt?: Moment | null
  readonly reason?: string | null
}

/** What a device page shows. */
export type DeviceDetail = {
  readonly device: Device
  readonly connected: boolean
  readonly connections: readonly Connection[]
  readonly certificates: readonly Certificate[]
}

/** What became of the live sessions a change had to end. */
export type CloseReceipt = {
  readonly closed: number
  readonly of: number
  readonly elapsedMs: number
  readonly transports: Readonly<Record<string, number>>
}

/** Where a device connects. */
export type ConnectionFacts = {
  readonly host: string
  readonly mqttPort: number
  readonly httpsPort: number
  readonly connectionString: string
}

/** A device just added. The private key exists only in this answer. */
export type AddedDevice = {
  readonly device: Device
  readonly certificatePem?: string | null
  readonly privateKeyPem?: string | null
  readonly rootPem: string
  readonly connection: ConnectionFacts
}

/** What to add. */
export type DeviceSpec = {
  readonly id: string
  readonly authentication?: { readonly type: string; readonly primaryThumbprint?: string; readonly secondaryThumbprint?: string }
  readonly csr?: string
  readonly issue?: boolean
}

/** Many devices at once: a counted series or a CSV. */
export type BulkSpec =
  | { readonly prefix: string; readonly count: number; readonly start?: number; readonly digits?: number }
  | { readonly csv: string }

/** A socket the hub serves, and why it is open. */
export type Listener = {
  readonly name: string
  readonly protocol: string
  readonly host: string
  readonly port: number
  readonly reason: string
  readonly tls: boolean
}

/** The hub at a glance. */
export type HubState = {
  readonly name: string
  readonly version: string
  readonly startedAt: Moment
  readonly rootFingerprint: string
  readonly hostNames: readonly string[]
  readonly listeners: readonly Listener[]
  readonly devices: number
  readonly connections: number
  readonly journal: {
    readonly start: number
    readonly end: number
    readonly durableEnd: number
    readonly bytes: number
    readonly segments: number
    readonly state: string
    readonly flush: { readonly p50Ms: number; readonly p99Ms: number }
  }
  readonly memory: { readonly rss: number }
  readonly findings: number
}

/** One second of the hub's life. */
export type Sample = {
  readonly time: Moment
  readonly messagesIn: number
  readonly messagesOut: number
  readonly bytesIn: number
  readonly connections: number
  readonly denied: number
  readonly refused: number
  readonly pendingBytes: number
  readonly flushMs: number
}

/** A record of the journal as JSON: `kind` says which other fields there are. */
export type Fact = { readonly offset: number; readonly time: Moment; readonly kind: string; readonly device?: string } & Readonly<
  Record<string, unknown>
>

/** A stretch of a device's history, newest first. */
export type Timeline = { readonly facts: readonly Fact[]; readonly complete: boolean; readonly next: number | string | null }

/** An answer of the decision engine. */
export type Decision = {
  readonly id: string
  readonly allowed: boolean
  readonly action: string
  readonly device: string
  readonly topic: string | null
  readonly rule: string | null
  readonly reason: string
  readonly change: string | null
  readonly checked: readonly { readonly rule: string; readonly topics: string | readonly string[]; readonly matched: boolean }[]
}

/** What a check concluded. */
export type Verdict = 'pass' | 'fail' | 'unknown' | 'na'

/** What a check found on one subject. */
export type Finding = {
  readonly findingId?: string
  readonly subject: { readonly kind: string; readonly id: string }
  readonly verdict: Verdict
  readonly reason: string
  readonly observed?: unknown
  readonly expected?: unknown
} & Readonly<Record<string, unknown>>

/** What a collector saw. */
export type Evidence = {
  readonly id: string
  readonly method: string
  readonly subject?: { readonly kind: string; readonly id: string }
  readonly problem?: unknown
  readonly observed?: unknown
  readonly expected?: unknown
  readonly collectedAt?: Moment
  readonly assurance?: string
} & Readonly<Record<string, unknown>>

/** One control with its verdict. */
export type Control = {
  readonly control: string
  readonly title: string
  readonly severity: string
  readonly serves: readonly string[]
  readonly recommendation: string
  readonly fix?: string
  readonly expected?: string
  readonly verdict: Verdict
  readonly capped?: boolean
  readonly reason: string
  readonly findings: readonly Finding[]
  readonly evidence: readonly Evidence[]
}

/** One run of the checks; `ranAt` is null before the first. */
export type CheckRun = { readonly ranAt: Moment | null; readonly durationMs: number; readonly controls: readonly Control[] }

/** A line of the audit log. */
export type AuditRecord = {
  readonly sequence: number
  readonly time: Moment
  readonly actor: string
  readonly action: string
  readonly resource: string
  readonly outcome: string
  readonly detail: unknown
  readonly previousHash: string
  readonly hash: string
}

/** A page of the audit log and whether the whole chain verified. */
export type AuditPage = { readonly records: readonly AuditRecord[]; readonly verified: boolean; readonly next?: number | null }

/** Who is signed in. */
export type Me = { readonly actor: string; readonly csrf: string; readonly expiresAt: Moment }
