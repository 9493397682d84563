import type { BoundPolicy, Principal } from '#access'
import { type DeviceId, type Instant, uuid } from '#base'
import type { AmqpError } from '#wire/amqp'
import { operationFilters } from '#wire/azure'
import type { Desk } from '../desk.ts'
import { type EndReason, endSentence, isBanned } from '../end-reason.ts'
import type { Member } from '../member.ts'
import type { LiveConnection } from '../ports.ts'
import { tellConnected, tellDenied, tellDisconnected } from '../records.ts'
import type { AmqpTransport } from './connection.ts'
import { onClosed, topicFor } from './device-links.ts'
import { DeviceMethods } from './device-methods.ts'
import { DeviceTwin } from './device-twin.ts'
import type { AmqpHub } from './door.ts'
import type { Purpose } from './addresses.ts'
import { amqpLimits } from './limits.ts'
import type { Link } from './session.ts'

/** What a device's place on a connection needs of that connection. */
export type MemberPort = {
  readonly transport: AmqpTransport
  lastHeard(): number
  /** Whether nobody else speaks over this connection. */
  isAlone(): boolean
  /** The member is over; `banned`: what proved it is worth nothing any more. */
  left(member: DeviceMember, banned: boolean): void
  /** Ends the whole connection. */
  close(error: AmqpError): void
  /** The journal takes messages again. */
  resume(): void
}

/**
 * One device or module on an AMQP connection, from its first link to its last. A connection may carry several; each is a member of the desk, so
 * that it is counted, listed, taken over and cut off like one that came by MQTT.
 */
export class DeviceMember implements Member {
  readonly id: string
  readonly identity: DeviceId
  readonly twin: DeviceTwin
  readonly methods: DeviceMethods
  principal: Principal
  readonly #desk: Desk
  readonly #port: MemberPort
  readonly #links = new Map<Link, string>()
  readonly #since: Instant
  #isOpen = true
  #inMessages = 0
  #outMessages = 0
  #inBytes = 0
  #outBytes = 0

  /** Enters the desk: whoever was there under the same identity is ended. */
  constructor(desk: Desk, hub: AmqpHub, principal: Principal, port: MemberPort) {
    this.#desk = desk
    this.#port = port
    this.principal = principal
    this.identity = principal.device
    this.id = uuid(desk.ports.random)
    this.#since = desk.ports.clock.now()
    this.twin = new DeviceTwin(desk, hub, this)
    this.methods = new DeviceMethods(desk, hub, this)
    desk.enter(principal, this)
    tellConnected(desk, this.describe(), principal.subject, undefined)
  }

  get clientId(): string {
    return this.identity
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get lastHeard(): number {
    return this.#port.lastHeard()
  }

  /** A little more than what we announce: the peer's clock is not ours. */
  get patienceMs(): number {
    return amqpLimits.idleTimeoutMs * 1.25
  }

  /** By what its messages came, in the words of the journal. */
  get kind(): 'amqps' | 'amqp-ws' {
    return this.#port.transport.kind
  }

  get transport(): Member['transport'] {
    const { transport } = this.#port
    const { kind, address, bufferedBytes, gone } = transport
    // Others may live on the same connection: then nothing is left of this one when its links are gone.
    if (!this.#port.isAlone()) return { kind, address, bufferedBytes, gone: Promise.resolve(), cut() {}, destroy() {} }
    return { kind, address, bufferedBytes, gone, cut: () => transport.cut(), destroy: () => transport.destroy() }
  }

  /** A link of this identity, let be. It leaves with the link. */
  serve(link: Link, purpose: Purpose): void {
    this.#links.set(link, `${purpose} ${link.attach.role}`)
    onClosed(link, () => {
      this.#links.delete(link)
      if (this.#links.size === 0) this.#leave('client-disconnected')
    })
  }

  /** Messages have come from it. */
  heard(messages: number, bytes: number): void {
    this.#inMessages += messages
    this.#inBytes += bytes
  }

  /** A message has gone to it. */
  told(bytes: number): void {
    this.#outMessages++
    this.#outBytes += bytes
    this.#desk.counters.messagesOut++
  }

  /** Whether the policy of now allows what a topic of MQTT stands for. A refusal is recorded. */
  mayPublish(topic: string): boolean {
    return this.#policy().publish(topic) !== undefined || this.#denied('publish', topic)
  }

  /** The same for what a filter of MQTT stands for. */
  maySubscribe(filter: string): boolean {
    return this.#policy().subscribe(filter) !== undefined || this.#denied('subscribe', filter)
  }

  end(reason: EndReason): void {
    if (!this.#isOpen) return
    const error = errorFor(reason)
    const isAlone = this.#port.isAlone()
    this.#leave(reason)
    for (const link of this.#links.keys()) link.close(error)
    if (isAlone) this.#port.close(error)
  }

  takenOver(): void {
    this.#desk.counters.takeovers++
    this.end('taken-over')
  }

  endIfExpired(now: Instant): void {
    const { expiresAt } = this.principal
    if (expiresAt !== undefined && now >= expiresAt) this.end('credential-expired')
  }

  judgeAgain(): boolean {
    const policy = this.#policy()
    const maySubscribe = (filter: string) => policy.subscribe(filter) !== undefined
    const lost =
      [...this.#links.values()].some((purpose) => !mayAttach(purpose, this.identity, maySubscribe)) ||
      (this.twin.listens && !maySubscribe(operationFilters.desired))
    if (policy.connect() !== undefined && !lost) return true
    this.end('policy-changed')
    return false
  }

  /** Its connection looks after that. */
  wake(): void {}

  resume(): void {
    this.#port.resume()
  }

  /** Its first link was refused, and there is no other. */
  leaveIfIdle(): void {
    if (this.#links.size === 0) this.#leave('client-disconnected')
  }

  /** The connection is gone. */
  lost(reason: EndReason = 'peer-left'): void {
    this.#leave(reason)
  }

  describe(): LiveConnection {
    const { transport } = this.#port
    const { type, scope, thumbprint } = this.principal.authentication
    return {
      id: this.id,
      device: this.identity,
      clientId: this.clientId,
      transport: transport.kind,
      mqttVersion: 0,
      address: transport.address,
      since: this.#since,
      tls: transport.tls(),
      auth: { type, scope, thumbprint },
      inMessages: this.#inMessages,
      outMessages: this.#outMessages,
      inBytes: this.#inBytes,
      outBytes: this.#outBytes,
      subscriptions: [...new Set(this.#links.values())],
    }
  }

  #policy(): BoundPolicy {
    return this.#desk.ports.policyOf(this.principal.subject)
  }

  #denied(action: 'publish' | 'subscribe', topic: string): false {
    tellDenied(this.#desk, { subject: this.principal.subject, connection: this.id }, action, topic)
    return false
  }

  #leave(reason: EndReason): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#desk.leave(this.principal, this)
    tellDisconnected(this.#desk, this.describe(), reason)
    this.#port.left(this, isBanned(reason))
  }
}

function mayAttach(purpose: string, identity: DeviceId, maySubscribe: (filter: string) => boolean): boolean {
  const [word] = purpose.split(' ')
  if (word !== 'messages' && word !== 'methods' && word !== 'twin' && word !== 'inputs') return true
  const filter = topicFor(word, identity)
  return filter === undefined || maySubscribe(filter)
}

function errorFor(reason: EndReason): AmqpError {
  const description = endSentence(reason)
  if (reason === 'taken-over') return { condition: 'amqp:link:stolen', description }
  if (isBanned(reason) || reason === 'credential-expired' || reason === 'policy-changed')
    return { condition: 'amqp:unauthorized-access', description }
  return { condition: 'amqp:link:detach-forced', description }
}
