import { type Caller, type ServiceCaller, authorize } from '#access'
import { type Action, type DeviceId, type Refusal, type Result, identityParts, refuse } from '#base'
import type { AmqpError, Open, SaslInit, SaslResponse } from '#wire/amqp'
import { textOf } from '#wire/amqp'
import type { Ticket } from '../admission.ts'
import { AmqpRegistration } from '../provisioning/amqp-registration.ts'
import { tellRefused } from '../records.ts'
import type { Transport } from '../transport.ts'
import { type Address, parseAddress } from './addresses.ts'
import { amqpError } from './amqp-error.ts'
import { Cbs } from './cbs.ts'
import { Credentials, type Taken } from './credentials.ts'
import { serveMessages, serveTelemetry, topicFor } from './device-links.ts'
import { DeviceMember } from './device-member.ts'
import type { AmqpShared } from './door.ts'
import { amqpLimits } from './limits.ts'
import { Peer, type SaslStep } from './peer.ts'
import { readPlain } from './plain.ts'
import { ReceiverLink } from './receiver-link.ts'
import { SenderLink } from './sender-link.ts'
import { serveQueue, serveSending } from './service-links.ts'
import type { Link } from './session.ts'

/** A byte stream that carries AMQP. */
export type AmqpTransport = Transport & { readonly kind: 'amqps' | 'amqp-ws' }

type ServiceLink = { readonly paths: readonly (readonly string[])[]; readonly action: Action }

/** One AMQP connection: who it has proven to be, and what its links are for. What a link may be is said in `addresses.ts`, and nowhere else. */
export class AmqpConnection {
  readonly transport: AmqpTransport
  readonly #shared: AmqpShared
  readonly #ticket: Ticket
  readonly #publishesPerSecond: number | undefined
  readonly #peer: Peer
  readonly #credentials: Credentials
  readonly #cbs: Cbs
  readonly #registration: AmqpRegistration | undefined
  readonly #members = new Map<DeviceId, DeviceMember>()
  readonly #services = new Map<Link, ServiceLink>()
  #lastHeard: number
  #knownAt: number
  #beatAt = 0
  #isAdmitted = false

  constructor(transport: AmqpTransport, shared: AmqpShared, ticket: Ticket, publishesPerSecond: number | undefined) {
    const { desk } = shared
    this.#publishesPerSecond = publishesPerSecond
    this.transport = transport
    this.#shared = shared
    this.#ticket = ticket
    this.#lastHeard = desk.ports.clock.monotonic()
    this.#knownAt = this.#lastHeard
    this.#credentials = new Credentials(desk, { address: transport.address, certificates: () => transport.certificates() })
    this.#cbs = new Cbs({
      take: (token, name) => this.#take(token, name),
      trouble: (error) => desk.ports.trouble?.('put-token', error),
    })
    const { provisioning } = desk.ports
    if (provisioning !== undefined)
      this.#registration = new AmqpRegistration({
        desk,
        provisioning,
        transport,
        proven: () => this.#admit(),
        denied: (refusal, registrationId) => this.#denied(refusal, registrationId),
        close: (error) => this.#peer.close(error),
      })
    this.#peer = new Peer(shared.containerId, this.#handler(), {
      write: (bytes) => {
        desk.counters.bytesOut += bytes.length
        transport.write(bytes)
      },
      end: () => transport.end(),
      get bufferedBytes() {
        return transport.bufferedBytes
      },
    })
  }

  /** Takes bytes from the transport. */
  receive(chunk: Buffer): void {
    const { desk } = this.#shared
    this.#lastHeard = desk.tick
    desk.counters.bytesIn += chunk.length
    this.#peer.receive(chunk)
    // While the disk is behind, nobody is read: TCP then slows the peer down.
    if (desk.ports.journal.paused && !this.#peer.isOver) this.transport.pause()
  }

  /** The journal takes messages again. */
  resume(): void {
    this.transport.resume()
    this.#peer.wake()
  }

  /** The transport has room again. */
  wake(): void {
    this.#peer.wake()
  }

  /** The transport is gone. */
  lost(): void {
    this.#peer.lost()
  }

  /** Ends the connection from our side. */
  close(error: AmqpError): void {
    this.#peer.close(error)
  }

  /** The rights of some back ends have ended before their tokens did: so do the links that rest on them. */
  revoked(isGood: (caller: ServiceCaller) => boolean): void {
    this.#credentials.revoke(isGood)
    this.#endServices()
  }

  #endServices(): void {
    for (const [link, service] of this.#services)
      if (this.#callerOf(service) === undefined) link.close({ condition: 'amqp:unauthorized-access', description: 'The token has ended.' })
  }

  /** Called a few times a second: what has ended ends, what is silent too. `now` is monotonic. */
  sweep(now: number): void {
    this.#credentials.tick(this.#shared.desk.ports.clock.now())
    this.#endServices()
    this.#registration?.sweep(now)
    if (this.#members.size > 0 || this.#credentials.isKnown || this.#registration?.isKnown === true) this.#knownAt = now
    if (now - this.#knownAt > amqpLimits.strangerMs)
      return this.#peer.close({ condition: 'amqp:unauthorized-access', description: 'Nobody has proven who they are.' })
    if (now - this.#lastHeard > amqpLimits.idleTimeoutMs * 1.25)
      return this.#peer.close({
        condition: 'amqp:resource-limit-exceeded',
        description: 'Nothing was heard for longer than idle-time-out.',
      })
    const idle = this.#peer.open?.idleTimeoutMs ?? 0
    if (idle > 0 && now >= this.#beatAt) {
      this.#beatAt = now + idle / 4
      this.#peer.beat()
    }
    this.#peer.wake()
  }

  #handler() {
    return {
      sasl: (said: SaslInit | SaslResponse) => this.#registration?.sasl(said) ?? this.#sasl(said),
      opened: (_open: Open) => this.#opened(),
      attached: (link: Link) => this.#attached(link),
      ended: (_error: AmqpError | undefined) => {
        for (const member of this.#members.values()) member.lost()
        this.#members.clear()
        this.#services.clear()
      },
    }
  }

  #opened(): void {
    const { overload } = this.#shared.desk
    const late = this.#ticket.late ?? (overload.takesConnections || this.transport.isProbe ? undefined : busy)
    if (late === undefined) return
    this.#refused(late, '')
    this.#peer.close({ condition: 'amqp:resource-limit-exceeded', description: late.message })
  }

  async #sasl(said: SaslInit | SaslResponse): Promise<SaslStep> {
    // Nobody here challenges but for registrations.
    if (said.type === 'sasl-response') return false
    const { mechanism, initialResponse } = said
    // Nothing is proven by these; put-token or a certificate will.
    if (mechanism === 'ANONYMOUS' || mechanism === 'MSSBCBS' || mechanism === 'EXTERNAL') return true
    if (mechanism !== 'PLAIN') return false
    const claim = readPlain(initialResponse)
    if (claim === undefined) return false
    const taken = await this.#take(claim.token, undefined)
    if (!taken.ok) return false
    const isHim = taken.value.kind === 'device' ? taken.value.principal.device === claim.identity : claim.identity === undefined
    if (!isHim && taken.value.kind === 'device') this.#credentials.forget(taken.value.principal.device)
    return isHim
  }

  async #take(token: string, name: string | undefined): Promise<Result<Taken>> {
    const taken = await this.#credentials.take(token, name)
    if (taken.ok) {
      this.#admit()
      if (taken.value.kind === 'device') {
        const member = this.#members.get(taken.value.principal.device)
        if (member !== undefined) member.principal = taken.value.principal
      }
      return taken
    }
    await this.#denied(taken.error, name ?? '')
    return taken
  }

  /** Records a refusal. Resolves when it may be told: guessing takes time. */
  async #denied(refusal: Refusal, name: string): Promise<void> {
    this.#refused(refusal, name)
    const waitMs = this.#ticket.denied()
    if (waitMs > 0) await new Promise<void>((resolve) => this.#shared.desk.ports.clock.after(waitMs, resolve))
  }

  #admit(): void {
    if (this.#isAdmitted) return
    this.#isAdmitted = true
    this.#peer.proven()
    this.transport.authenticated()
  }

  #attached(link: Link): void {
    if (this.#registration?.attached(link, this.#members.size + this.#services.size > 0 || this.#credentials.isKnown) === true) return
    const role = link instanceof ReceiverLink ? 'sender' : 'receiver'
    const address = parseAddress(link.address, role, this.#shared.events.entities)
    // Who is nobody learns nothing, not even which addresses there are.
    if (!address.ok) return this.#refuse(link, this.#isAdmitted ? address.error : unauthorized)
    const { row, identity } = address.value
    if (row.who === 'anyone') return link instanceof ReceiverLink ? this.#cbs.serveRequests(link) : this.#cbs.serveAnswers(link)
    if (row.who !== 'device' && row.who !== 'module') return this.#attachService(link, address.value, row.who)
    if (identity !== undefined) this.#attachDevice(link, address.value, identity)
  }

  #attachDevice(link: Link, { row }: Address, identity: DeviceId): void {
    const { desk, hub } = this.#shared
    const member = this.#memberFor(identity)
    if (!member.ok) return this.#refuse(link, member.error)
    const { purpose } = row
    const filter =
      purpose === 'messages' || purpose === 'methods' || purpose === 'twin' || purpose === 'inputs'
        ? topicFor(purpose, identity)
        : undefined
    const policy = desk.ports.policyOf(member.value.principal.subject)
    const isAllowed = policy.connect() !== undefined && (filter === undefined || policy.subscribe(filter) !== undefined)
    const model = textOf(link.attach.properties.get('com.microsoft:model-id'))
    if (!isAllowed) {
      this.#refuse(link, { code: 'gateway/amqp-denied', message: 'The policy does not allow this.' })
      return member.value.leaveIfIdle()
    }
    if (model !== undefined && model !== '' && model.length <= maxModelLength) hub.twins.announceModel(identity, model)
    member.value.serve(link, purpose)
    if (purpose === 'telemetry' && link instanceof ReceiverLink) serveTelemetry(this.#shared, member.value, link, this.#publishesPerSecond)
    else if (purpose === 'messages' && link instanceof SenderLink) serveMessages(desk, hub, member.value, link)
    else if (purpose === 'methods' && link instanceof SenderLink) member.value.methods.serveCalls(link)
    else if (purpose === 'methods' && link instanceof ReceiverLink) member.value.methods.serveAnswers(link)
    else if (purpose === 'twin' && link instanceof SenderLink) member.value.twin.serveAnswers(link)
    else if (purpose === 'twin' && link instanceof ReceiverLink) member.value.twin.serveRequests(link)
    else if (purpose === 'inputs' && link instanceof SenderLink) link.accept()
    else throw new Error('bug: the table of addresses lets a link be that nothing serves')
  }

  /** The place of a device on this connection. With its first link it is proven, by the registry of now. */
  #memberFor(identity: DeviceId): Result<DeviceMember> {
    const known = this.#members.get(identity)
    if (known !== undefined) return { ok: true, value: known }
    if (this.#members.size >= amqpLimits.identities)
      return refuse('gateway/amqp-too-many-identities', `A connection may carry at most ${amqpLimits.identities} devices and modules.`)
    const proven = this.#credentials.device(identity)
    if (!proven.ok) {
      this.#refused(proven.error, identityParts(identity).device)
      return proven
    }
    this.#admit()
    const member = new DeviceMember(this.#shared.desk, this.#shared.hub, proven.value, {
      transport: this.transport,
      lastHeard: () => this.#lastHeard,
      isAlone: () => this.#members.size <= 1 && this.#services.size === 0,
      left: (member, banned) => {
        if (this.#members.get(identity) === member) this.#members.delete(identity)
        if (banned) this.#credentials.forget(identity)
      },
      close: (error) => this.#peer.close(error),
      resume: () => this.resume(),
    })
    this.#members.set(identity, member)
    return { ok: true, value: member }
  }

  #attachService(link: Link, address: Address, action: Action): void {
    const { desk, hub, events } = this.#shared
    const { purpose } = address.row
    const service: ServiceLink = {
      paths: purpose === 'events-management' ? [...events.managementPaths, address.path] : [address.path],
      action,
    }
    const caller = this.#callerOf(service)
    if (caller === undefined) return this.#refuse(link, this.#isAdmitted ? denied : unauthorized)
    this.#services.set(link, service)
    link.onClosed = () => void this.#services.delete(link)
    const { hubName } = this.#shared
    if (purpose === 'send' && link instanceof ReceiverLink) return serveSending(this.#shared, () => this.#callerOf(service), link)
    if (purpose === 'feedback' && link instanceof SenderLink) {
      const grant = authorize(caller, 'c2d.feedback', hubName)
      const contentType = 'application/vnd.microsoft.iothub.feedback.json'
      if (grant.ok) return serveQueue(desk, { queue: hub.feedback, contentType, grant: grant.value, hubName }, link)
    }
    if (purpose === 'file-notifications' && link instanceof SenderLink) {
      const grant = authorize(caller, 'file.notifications', hubName)
      const contentType = 'application/vnd.microsoft.iothub.filenotification.json'
      if (grant.ok) return serveQueue(desk, { queue: hub.fileNotifications, contentType, grant: grant.value, hubName }, link)
    }
    if (purpose === 'events-management' || purpose === 'events') return events.serve(link, address, this)
    throw new Error('bug: the table of addresses lets a link be that nothing serves')
  }

  #callerOf({ paths, action }: ServiceLink): Caller | undefined {
    const { desk, hubName } = this.#shared
    return this.#credentials.service(paths, desk.ports.clock.now(), (caller) => authorize(caller, action, hubName).ok)?.caller
  }

  #refuse(link: Link, refusal: Refusal): void {
    link.refuse(amqpError(refusal))
  }

  #refused(refusal: Refusal, name: string): void {
    tellRefused(this.#shared.desk, this.transport, { ...refusal, reasonCode: 0 }, name)
  }
}

// What MQTT allows in a user name is longer; a model id is at most this (DTMI).
const maxModelLength = 2_048
const busy: Refusal = { code: 'gateway/server-busy', message: 'The hub is too busy to take connections.' }
const unauthorized: Refusal = {
  code: 'gateway/amqp-unauthorized',
  message: 'Prove first who you are: by put-token, SASL PLAIN or a certificate.',
}
const denied: Refusal = { code: 'gateway/amqp-denied', message: 'No token on this connection allows this.' }
