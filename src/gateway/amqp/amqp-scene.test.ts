import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { afterEach } from 'node:test'
import rhea, { type Connection, type EventContext, type Message, type Receiver, type Sender } from 'rhea'
import type { AuthenticateDevice, Principal, ServiceCaller, Services } from '#access'
import {
  type Action,
  type Clock,
  type DeviceId,
  type Refusal,
  type Result,
  fail,
  identityOf,
  instant,
  ok,
  parseDeviceId,
  parseModuleId,
  refuse,
} from '#base'
import type { DeviceProvisioning } from '#provisioning'
import type { CloudMessage, FeedbackRecord, FileNotification, LockedContent } from '#hub'
import { resourceSegments } from '#wire/azure'
import { callerWith } from '../../../test/azure-service-scene.ts'
import { type Ticket, freeTicket } from '../admission.ts'
import { Desk } from '../desk.ts'
import { gateway } from '../gateway-scene.test.ts'
import type { AmqpConnection, AmqpTransport } from './connection.ts'
import { openAmqp } from './open.ts'

/** The identity of `d` or `d/m`. */
export const idOf = (text: string): DeviceId => {
  const [name = '', module] = text.split('/')
  const device = parseDeviceId(name)
  assert.ok(device.ok)
  if (module === undefined) return device.value
  const moduleId = parseModuleId(module)
  assert.ok(moduleId.ok)
  return identityOf(device.value, moduleId.value)
}

/** Lets everything run that is ready to. */
export async function turns(count = 30): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise<void>((resolve) => void setImmediate(resolve))
}

/** A transport in memory whose other end is given to `rhea`. */
class PairedTransport implements AmqpTransport {
  readonly kind = 'amqps'
  readonly address = '192.0.2.1'
  readonly isProbe = false
  readonly gone: Promise<void>
  readonly written: Buffer[] = []
  bufferedBytes = 0
  isPaused = false
  isKnown = false
  state: 'open' | 'ended' | 'destroyed' = 'open'
  peer: { push(bytes: Buffer): void; hangUp(): void } | undefined
  readonly #certificate: string
  #left: () => void = () => {}

  constructor(certificate: string) {
    this.#certificate = certificate
    this.gone = new Promise((resolve) => (this.#left = resolve))
  }

  write(bytes: Buffer): void {
    this.written.push(bytes)
    this.peer?.push(bytes)
  }

  end(): void {
    this.#over('ended')
  }

  cut(): void {
    this.#over('ended')
  }

  destroy(): void {
    this.#over('destroyed')
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  certificates(): readonly Buffer[] {
    return this.#certificate === '' ? [] : [Buffer.from(this.#certificate)]
  }

  tls() {
    return { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', resumed: false }
  }

  authenticated(): void {
    this.isKnown = true
  }

  #over(state: 'ended' | 'destroyed'): void {
    this.state = state
    this.#left()
    setImmediate(() => this.peer?.hangUp())
  }
}

/** A token as the SDKs write one: of a device (`skn` left out) or of a policy. Its signature is looked at by nobody in these tests. */
export function tokenFor(resource: string, policy?: string): string {
  const sig = encodeURIComponent(Buffer.alloc(32, 7).toString('base64'))
  return `SharedAccessSignature sr=${encodeURIComponent(resource)}&sig=${sig}&se=9999999999${policy === undefined ? '' : `&skn=${policy}`}`
}

/** A queue of back ends in memory. Writes down what becomes of its content. */
export class FakeQueue<T> {
  readonly fates: string[] = []
  readonly #waiting: T[] = []
  readonly #locked = new Map<string, T>()
  readonly #ready = new Set<() => void>()
  #locks = 0

  add(content: T): void {
    this.#waiting.push(content)
    for (const listener of this.#ready) listener()
  }

  async receive(): Promise<LockedContent<T> | undefined> {
    const content = this.#waiting.shift()
    if (content === undefined) return undefined
    const lockToken = `00000000-0000-4000-8000-00000000000${++this.#locks}`
    this.#locked.set(lockToken, content)
    return { content, enqueuedAt: instant(1_000), lockToken, deliveryCount: 0 }
  }

  async settle(_grant: unknown, lockToken: string, outcome: string): Promise<Result<void>> {
    const content = this.#locked.get(lockToken)
    this.fates.push(`${outcome} ${lockToken.at(-1)}`)
    if (outcome === 'abandon' && content !== undefined) this.add(content)
    return ok(undefined)
  }

  onReady(listener: () => void): () => void {
    this.#ready.add(listener)
    return () => void this.#ready.delete(listener)
  }
}

const allRights: readonly Action[] = ['c2d.send', 'c2d.feedback', 'file.notifications', 'telemetry.read']

/** AMQP in memory: real clients of the library that Azure's SDKs use, on a hub whose disk waits for the test. */
export function amqp(
  more: {
    readonly rights?: readonly Action[]
    readonly ticket?: Ticket
    readonly publishesPerSecond?: number
    readonly provisioning?: (clock: Clock) => DeviceProvisioning
  } = {},
) {
  const world = gateway()
  const callers = new Map<string, ServiceCaller>()
  let revoked: (isGood: (caller: ServiceCaller) => boolean) => void = () => {}
  const services: Services = {
    authenticate: async (token, { kind }) => {
      const found = callers.get(token)
      if (found !== undefined) return ok(found)
      if (!token.includes('skn=')) return refuse('access/service-refused', 'The token does not open this hub.')
      const [, sr = ''] = /sr=([^&]*)/.exec(token) ?? []
      const scope = resourceSegments(sr)
        ?.join('/')
        .replace(/^sb:\/\//, '')
      if (scope === undefined) return refuse('access/service-refused', 'The token does not open this hub.')
      return ok(callerWith(kind, more.rights ?? allRights, scope))
    },
    onRevoked: (told) => {
      revoked = told
      return () => {}
    },
  }
  const principalOf = (identity: DeviceId): Principal => {
    const [device, module] = identity.split('/')
    return {
      ...world.proof.of(identity, identity),
      subject: {
        identity,
        username: identity,
        clientId: identity,
        attributes:
          module === undefined ? { 'thingwall.device': 'true' } : { 'thingwall.moduleOf': device ?? '', 'thingwall.module': module },
      },
      mode: 'azure',
      expiresAt: expiry.of,
    }
  }
  const expiry: { of: Principal['expiresAt'] } = { of: undefined }
  const refusedDevices = new Set<string>()
  const authenticateDevice: AuthenticateDevice = ({ identity, token, certificates }) => {
    const isProven = token !== undefined || certificates[0]?.toString() === identity
    if (!isProven || refusedDevices.has(identity))
      return fail({ code: 'access/unknown-device', message: 'Not accepted.', blame: 'credentials' })
    return ok(principalOf(identity))
  }
  world.applyPolicy((subject) => allowAll(subject.identity))
  const troubles: unknown[] = []
  const sent: { readonly identity: DeviceId; readonly message: CloudMessage }[] = []
  const answer: { send: Refusal | undefined } = { send: undefined }
  const feedback = new FakeQueue<readonly FeedbackRecord[]>()
  const fileNotifications = new FakeQueue<FileNotification>()
  const { presence, twins, methods, files } = world.hub
  const hub = {
    presence,
    twins,
    methods,
    files,
    feedback,
    fileNotifications,
    messages: {
      ...world.hub.messages,
      send: async (_grant: unknown, identity: DeviceId, message: CloudMessage) => {
        if (answer.send !== undefined) return fail(answer.send)
        sent.push({ identity, message })
        return ok({ sequenceNumber: sent.length })
      },
    },
  }
  const desk = new Desk({
    ...world.desk.ports,
    hub,
    services,
    authenticateDevice,
    provisioning: more.provisioning?.(world.clock),
    trouble: (what, error) => void troubles.push([what, error]),
  })
  world.journal.onDurable((end) => desk.acknowledgements.durable(end))
  world.hub.twins.onDesired((change) => desk.desired.tell(change))
  const door = openAmqp(desk, { names: ['hub.example', 'hub'], partitions: 4, createdAt: 0 })

  /** A raw peer: bytes in, bytes out. */
  const raw = (certificate = '') => {
    const transport = new PairedTransport(certificate)
    const connection = door.accept(transport, more.ticket ?? freeTicket, more.publishesPerSecond)
    return { transport, connection }
  }

  /** A client of `rhea` that has opened. */
  const connect = async (certificate = '', options: object = {}, tap: (bytes: Buffer) => void = () => {}) => {
    const { transport, connection } = raw(certificate)
    const client = clientOf(transport, connection, options, tap)
    await turns()
    return { transport, connection, ...client }
  }
  return {
    ...world,
    sent,
    answer,
    feedback,
    fileNotifications,
    desk,
    door,
    raw,
    connect,
    callers,
    expiry,
    refusedDevices,
    troubles,
    revoke: (isGood: (caller: ServiceCaller) => boolean) => revoked(isGood),
  }
}

const allowAll = (_identity: DeviceId) => {
  const yes = () => 'rule'
  return { connect: yes, publish: yes, subscribe: yes, receive: yes }
}

type Heard = { readonly message: Message; readonly context: EventContext }

// The library keeps a timer for signs of life until its socket ends.
const sockets = new Set<EventEmitter>()
afterEach(() => {
  for (const socket of sockets) socket.emit('end')
  sockets.clear()
})

function clientOf(transport: PairedTransport, server: AmqpConnection, options: object, tap: (bytes: Buffer) => void) {
  const socket = Object.assign(new EventEmitter(), {
    write: (bytes: Buffer) => {
      tap(Buffer.from(bytes))
      server.receive(Buffer.from(bytes))
    },
    end: () => server.lost(),
    destroy: () => server.lost(),
  })
  transport.peer = { push: (bytes) => void setImmediate(() => socket.emit('data', Buffer.from(bytes))), hangUp: () => socket.emit('end') }
  sockets.add(socket)
  const events: string[] = []
  const container = rhea.create_container()
  for (const name of ['connection_error', 'connection_close', 'disconnected', 'error', 'protocol_error', 'session_error', 'session_close'])
    container.on(name, (context: EventContext) => events.push(`${name} ${errorIn(context)}`))
  const connect = (_port: number, _host: string, _options: object, connected: () => void) => {
    setImmediate(connected)
    return socket
  }
  const details = { reconnect: false, connection_details: () => ({ connect, options: {} }), ...options }
  const connection: Connection = callOf<Connection>(container, 'connect', details)
  const sender = async (address: string, more: object = {}) => {
    const link = connection.open_sender({ target: { address }, ...more })
    const closed: string[] = []
    link.on('sender_error', (context: EventContext) =>
      closed.push(context.sender?.error === undefined ? '' : conditionOf(context.sender.error)),
    )
    await turns()
    let settled: (outcome: string) => void = () => {}
    for (const name of ['accepted', 'released', 'modified']) link.on(name, () => settled(name))
    link.on('rejected', (context: EventContext) => {
      const state: unknown = context.delivery?.remote_state
      settled(`rejected ${conditionOf(state !== null && typeof state === 'object' && 'error' in state ? state.error : undefined)}`)
    })
    link.on('sender_close', () => settled('closed'))
    /** Sends one message and says what became of it. */
    const send = async (message: object, settle: () => void = () => {}, tag?: Buffer, format?: number) => {
      const outcome = new Promise<string>((resolve) => (settled = resolve))
      callOf(link, 'send', message, tag, format)
      await turns()
      settle()
      return outcome
    }
    return { link, closed, send }
  }
  const receiver = async (source: string | object, more: object = {}) => {
    const heard: Heard[] = []
    const closed: string[] = []
    const link: Receiver = callOf<Receiver>(connection, 'open_receiver', {
      source: typeof source === 'string' ? { address: source } : source,
      ...more,
    })
    link.on('message', (context: EventContext) => {
      if (context.message !== undefined) heard.push({ message: context.message, context })
    })
    link.on('receiver_error', (context: EventContext) =>
      closed.push(context.receiver?.error === undefined ? '' : conditionOf(context.receiver.error)),
    )
    link.on('receiver_close', () => undefined)
    await turns()
    return { link, heard, closed }
  }
  /** Puts a token and gives the answer's status. */
  const putToken = async (name: string, token: string, type = 'servicebus.windows.net:sastoken') => {
    cbs ??= { out: await sender('$cbs'), back: await receiver('$cbs') }
    const { out, back } = cbs
    const before = back.heard.length
    out.link.send({
      message_id: `m${before}`,
      to: '$cbs',
      reply_to: 'cbs',
      application_properties: { operation: 'put-token', type, name },
      body: token,
    })
    await turns()
    const answer = back.heard[before]?.message
    if (answer !== undefined) assert.equal(answer.correlation_id, `m${before}`)
    return answer?.application_properties?.['status-code']
  }
  let cbs: { readonly out: Awaited<ReturnType<typeof sender>>; readonly back: Awaited<ReturnType<typeof receiver>> } | undefined
  return { client: connection, events, sender, receiver, putToken }
}

/** Calls what the library has and its types know otherwise. */
function callOf<T>(on: object, name: string, ...given: readonly unknown[]): T {
  const called: (...given: readonly unknown[]) => T = Reflect.get(on, name)
  return Reflect.apply(called, on, given)
}

function conditionOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'condition' in error ? String(error.condition) : ''
}

function errorIn(context: EventContext): string {
  return conditionOf('error' in context ? context.error : undefined) || conditionOf(context.connection?.error)
}

/** What a message holds: its body as text. */
export function bodyText(message: Message | undefined): string {
  const body: unknown = message?.body
  if (typeof body === 'object' && body !== null && 'content' in body && Buffer.isBuffer(body.content)) return body.content.toString('utf8')
  return Buffer.isBuffer(body) ? body.toString('utf8') : JSON.stringify(body)
}

export type { Sender }
