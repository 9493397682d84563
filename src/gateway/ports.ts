import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Authenticate, AuthenticateDevice, BoundPolicy, Reauthenticate, Services } from '#access'
import type { Broker } from '#broker'
import type { Bus } from '#bus'
import type { Clock, DeviceId, Random, Subject } from '#base'
import type { Hub } from '#hub'
import type { Journal } from '#journal'
import type { DeviceProvisioning } from '#provisioning'
import type { WebSite } from '#wire/web'
import type { EventOf } from './amqp/events/source.ts'

/** A certificate with its key, as TLS wants them: PEM, leaf first. */
export type ServerTls = {
  readonly key: string
  readonly cert: string
  readonly clientCa: string
  /** What is served to those who ask for other names than the hub's, while a fleet moves to a new root. */
  readonly probe?: ProbeTls | undefined
}

/** The certificate for which a new root alone vouches, and the names by which it is asked for, in lower case. */
export type ProbeTls = Pick<ServerTls, 'key' | 'cert' | 'clientCa'> & { readonly names: readonly string[] }

/** What the device door uses of the hub's domain. */
export type GatewayHub = Pick<Hub, 'presence' | 'twins' | 'methods' | 'messages' | 'feedback' | 'fileNotifications' | 'files'>

/** What the device door asks of the rest of the house. */
export type GatewayPorts = {
  readonly clock: Clock
  readonly random: Random
  readonly journal: Journal
  readonly broker: Broker
  readonly bus: Bus
  readonly hub: GatewayHub
  /** Proves an identity: at once, unless somebody outside has to be asked. */
  readonly authenticate: Authenticate
  /** Proves an identity again on a live connection; without it nobody can. */
  readonly reauthenticate?: Reauthenticate | undefined
  /** Proves a device or module that asks by HTTPS or AMQP; without it nobody can. */
  readonly authenticateDevice?: AuthenticateDevice | undefined
  /** Proves back ends. */
  readonly services: Services
  /** What readers of the built-in endpoint for events see of a fact; undefined: telemetry. */
  readonly eventOf?: EventOf | undefined
  /** Who lets devices register, by every protocol; without it nobody does. */
  readonly provisioning?: DeviceProvisioning | undefined
  /** What the HTTPS listener serves besides the device API, asked in this order. */
  readonly sites?: readonly WebSite[] | undefined
  /** Answers what the HTTPS listener does not serve itself: back ends. Without it that is 404. */
  readonly http?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  /** What the subject may do by the policy of now. Asked again for the same object it costs a lookup. */
  policyOf(subject: Subject): BoundPolicy
  /** Which policy that is, for the record of a denial. */
  policyVersion?(): number
  /** The newest certificate for our names. */
  serverTls(): ServerTls
  /** A signed answer that the certificate of now was not revoked, for clients that ask for it in TLS; undefined: there is none now. */
  readonly staple?: { current(): Buffer | undefined; onChange(changed: () => void): void } | undefined
  /** Called when there is a newer one. */
  onServerTls(renewed: () => void): void
  /** A device finished a handshake under the new root alone and signed in. True once that is on disk; false: nobody asked for it. */
  trustProven?(device: DeviceId, thumbprint: string): Promise<boolean>
  /** Somebody did not accept what the new root alone vouches for. */
  trustRefused?(): void
  /** Subject, issuer and fingerprint of a certificate that was refused, for the record; undefined when it cannot be read. */
  describeCertificate(leaf: Buffer): { readonly subject: string; readonly fingerprint: string; readonly issuer: string } | undefined
  /** How long back ends wait for another change of one device's connection; 0 or undefined: they hear of each at once. */
  readonly connectionEventMs?: number | undefined
  /** Whether a peer of this machine on this port is a probe of the hub itself. */
  isProbePort(port: number | undefined): boolean
  /** Reasons why the hub is not well; empty: it is. */
  health(): readonly string[]
  /** Told what went wrong in the gateway itself, for the log. */
  trouble?(what: string, error: unknown): void
}

/** One live connection, as operators see it. */
export type LiveConnection = {
  readonly id: string
  readonly device: DeviceId
  readonly clientId: string
  readonly transport: 'mqtts' | 'wss' | 'amqps' | 'amqp-ws'
  /** The protocol level of MQTT; 0: it speaks AMQP. */
  readonly mqttVersion: 0 | 4 | 5
  readonly address: string
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly tls: { readonly version: string; readonly cipher: string; readonly resumed: boolean }
  readonly auth: { readonly type: string; readonly scope: string; readonly thumbprint: string }
  readonly inMessages: number
  readonly outMessages: number
  readonly inBytes: number
  readonly outBytes: number
  readonly subscriptions: readonly string[]
}
