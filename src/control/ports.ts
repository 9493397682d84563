import type { Operators, Policies, ServiceDirectory, ShrinkProposal } from '#access'
import type { Audit } from '#audit'
import type { Clock, DeviceId, Grant, Instant, Random, Result } from '#base'
import type { Bus } from '#bus'
import type { Egress } from '#egress'
import type { Report } from '#guard'
import type { Hub, Registry } from '#hub'
import type { Fact, Journal, JsonFact, Offset } from '#journal'
import type { Campaigns, AcmeAccounts, EnrollmentCodes, Pki } from '#pki'
import type { Expected, Factory, Records } from '#provisioning'
import type { Secrets, Sync, VaultCare } from '#vault'

/** What the operator door is and serves. */
export type ControlConfig = {
  /** The hub's name, for people. */
  readonly name: string
  readonly version: string
  readonly startedAt: Instant
  /** DNS names and addresses by which this hub may be asked; any other Host header is refused. The first is told to devices. */
  readonly hostNames: readonly string[]
  /** Where browsers find us, as in `https://localhost:9443`: sign-in links begin with it. */
  readonly consoleUrl: string
  /** The built console; without it only the API is served. */
  readonly consoleDirectory: string | undefined
}

/** One live connection of a device. `since` is in milliseconds since the epoch. */
export type Connection = {
  readonly id: string
  readonly device: DeviceId
  readonly clientId: string
  readonly transport: string
  readonly mqttVersion: number
  readonly address: string
  readonly since: number
  readonly tls: { readonly version: string; readonly cipher: string; readonly resumed: boolean }
  readonly auth: { readonly type: string; readonly scope: string; readonly thumbprint: string }
  readonly inMessages: number
  readonly outMessages: number
  readonly inBytes: number
  readonly outBytes: number
  readonly subscriptions: readonly string[]
}

/** An open socket and why it is open. */
export type ListenerState = {
  readonly name: string
  readonly protocol: string
  readonly host: string
  readonly port: number
  readonly reason: string
  readonly tls: boolean
}

/** Running totals of the device door since the start. */
export type DoorCounters = {
  readonly messagesIn: number
  readonly messagesOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly denied: number
  readonly handshakes: number
  readonly resumptions: number
  readonly takeovers: number
  readonly droppedQos0: number
  readonly refused: ReadonlyMap<string, number>
}

/** The device door, as far as operators may look. */
export type DeviceDoor = {
  connections(): readonly Connection[]
  /** Connections with an identity; cheaper than counting {@link DeviceDoor.connections}. */
  open(): number
  readonly counters: DoorCounters
  /** How much of what comes in is still taken. */
  level(): 'normal' | 'strained' | 'overloaded'
}

/** A search for unused rights: what it proposes, the oldest fact that it looked at, and whether it came to its end. */
export type ShrinkReport = ShrinkProposal & { readonly since: Instant | null; readonly records: number; readonly complete: boolean }

/** What the operator door asks of the rest of the house. */
export type ControlPorts = {
  readonly clock: Clock
  readonly random: Random
  readonly operators: Operators
  readonly audit: Pick<Audit, 'append' | 'read' | 'verify'>
  readonly devices: Registry
  /** Everything that is done with devices and modules besides. */
  readonly hub: Omit<Hub, typeof Symbol.asyncDispose>
  readonly pki: Pick<
    Pki,
    'rootPem' | 'rootFingerprintSha256' | 'issueDevices' | 'revoke' | 'certificatesOf' | 'serverCertificate' | 'ceremony'
  >
  readonly acmeAccounts: Pick<AcmeAccounts, 'list' | 'add' | 'remove'>
  readonly enrollmentCodes: Pick<EnrollmentCodes, 'list' | 'add' | 'remove'>
  /** Moving the fleet to a new root. */
  readonly campaigns: Pick<Campaigns, 'plan' | 'status' | 'start' | 'hold' | 'resume' | 'rollback' | 'cutOver' | 'retire'>
  /** What devices that register are told. */
  readonly provisioning: { readonly idScope: string; readonly records: Pick<Records, 'devicesOf'> }
  /** What is expected of the TPMs of devices, and what they have proven. */
  readonly attestation: Omit<Expected, 'policy'>
  /** Lots that a factory makes. */
  readonly factory: Omit<Factory, 'admit'>
  readonly bus: Pick<Bus, 'closeSessions'>
  readonly journal: Pick<Journal, 'read' | 'start' | 'end' | 'durableEnd' | 'pendingBytes' | 'state' | 'onDurable'>
  readonly door: DeviceDoor
  listeners(): readonly ListenerState[]
  /** The policies in force, the one way to change them, and the decision engine. */
  readonly policies: Omit<Policies, 'policyOf' | 'onChange' | 'reload' | 'tokensRejected'>
  /** Back ends and shared access policies. */
  readonly services: Pick<
    ServiceDirectory,
    'policiesUntil' | 'services' | 'service' | 'policies' | 'add' | 'remove' | 'addPolicy' | 'removePolicy'
  >
  /** Secrets, and who may do what with them. */
  readonly vault: Omit<
    Secrets,
    typeof Symbol.asyncDispose | 'readForEndpoint' | 'readForEdge' | 'onChanged' | 'upkeep' | 'backup' | 'restore' | 'deletedOne'
  >
  /** Secrets on edges. */
  readonly sync: Pick<Sync, 'add' | 'remove' | 'list'>
  /** The root key, and backups of the whole hub. */
  readonly rootKey: Omit<VaultCare, 'settled'>
  /** Routes, endpoints and what could not be delivered. */
  readonly egress: Omit<Egress, typeof Symbol.asyncDispose | 'builtIn' | 'secretChanged'>
  /** Looks through `days` of the journal for rights that nobody used. `progress` is told the share that was read, from 0 to 1. */
  shrink(grant: Grant<'policy.read'>, days: number, progress: (share: number) => void, signal: AbortSignal): Promise<ShrinkReport>
  readonly checks: {
    run(grant: Grant<'check.run'>, only?: readonly string[]): Promise<Result<Report>>
    last(): Report | undefined
  }
  /** Whether a fact is about the hub's own probes: shown only to who asks for that device by name. */
  isOwn(fact: Fact): boolean
  /** A fact in the form that consumers read. */
  factToJson(offset: Offset, fact: Fact): { readonly offset: Offset; readonly time: string; readonly kind: string }
  /** Tells the journal what has happened. */
  tell(fact: JsonFact): void
  /** Why the hub is not well; empty: it is. */
  health(): readonly string[]
  /** Memory of this process in bytes (resident), and seconds of processor time that it used. */
  usage(): { readonly rssBytes: number; readonly cpuSeconds: number }
  /** Told of what went wrong on our side, under the id that the peer was given. */
  trouble(what: string, error: unknown): void
}
