import { type TLSSocket, connect as connectTls } from 'node:tls'
import type { Connection, Delivery, EventContext, Sender } from 'rhea'
import type { EndpointKind, EndpointPorts } from '../endpoint.ts'
import type { RoutedEvent } from '../event.ts'
import { type AmqpOutcome, type AmqpSettings, judgeOutcome, messageOf, parseAmqp } from './amqp.ts'
import { deliverByDevice } from './by-device.ts'
import { ClientSink } from './client-sink.ts'
import { assertReach, guardedLookup } from './reach.io.ts'
import { secretText, tlsOptions } from './tls-settings.ts'

const openTimeoutMs = 10_000
const keepAliveMs = 30_000

/** Endpoints that are queues or topics of a server of AMQP 1.0. A message is delivered when the server has accepted it. */
export const amqpKind: EndpointKind<AmqpSettings> = {
  kind: 'amqp',
  parse: parseAmqp,
  batch: { events: 256, bytes: 1024 * 1024, lingerMs: 20 },
  open: async (name, settings, ports) =>
    new ClientSink<Link>(
      {
        connect: () => Link.open(settings, ports),
        isUsable: (link) => link.failure === undefined,
        deliver: (link, batch) => deliverByDevice(batch, (event) => link.send(name, event)),
        close: (link) => link.close(),
        destroy: (link) => link.destroy(),
      },
      ports.clock,
    ),
}

type Waiting = { readonly resolve: (outcome: AmqpOutcome) => void; readonly reject: (error: Error) => void }

/** One connection with one sending link. Whatever ends it rejects all that waits. */
class Link {
  readonly #connection: Connection
  readonly #socket: TLSSocket
  readonly #makeBody: (body: Buffer) => unknown
  readonly #waiting = new Map<Delivery, Waiting>()
  readonly #opened = Promise.withResolvers<void>()
  #credit = Promise.withResolvers<void>()
  #sender: Sender | undefined
  failure: Error | undefined

  private constructor(connection: Connection, socket: TLSSocket, makeBody: (body: Buffer) => unknown) {
    this.#connection = connection
    this.#socket = socket
    this.#makeBody = makeBody
    this.#opened.promise.catch(() => undefined)
    this.#credit.promise.catch(() => undefined)
  }

  /** Connects and attaches. Throws when the server does not let us. */
  static async open(settings: AmqpSettings, ports: EndpointPorts): Promise<Link> {
    const { host, port, address, password } = settings
    await assertReach(host, ports)
    const { default: rhea } = await import('rhea')
    const options = tlsOptions(settings, ports)
    const container = rhea.create_container({ id: 'thingwall' })
    let socket: TLSSocket | undefined
    // The types of the client do not know of SASL EXTERNAL.
    const external = { enable_sasl_external: true }
    const base = {
      hostname: host,
      host,
      port,
      reconnect: false as const,
      connection_details: () => ({
        host,
        port,
        connect: (_port: number, _host: string, _options: unknown, connected: () => void) =>
          (socket = connectTls(
            { ...options, host, port, lookup: guardedLookup(ports), ...(isName(host) ? { servername: host } : {}) },
            connected,
          )),
      }),
    }
    const connection =
      password === undefined
        ? container.connect({ ...base, ...external })
        : container.connect({ ...base, username: password.user, password: secretText(password.passwordSecret, ports) })
    if (socket === undefined) throw new Error('bug: the client made no connection')
    // The client's own heartbeats would outlive a connection that broke.
    socket.setKeepAlive(true, keepAliveMs)
    const link = new Link(connection, socket, (body) => rhea.message.data_section(body))
    link.#listen(address)
    const cancel = ports.clock.after(openTimeoutMs, () => link.#fail(new Error(`no answer in ${openTimeoutMs} ms`)))
    try {
      await link.#opened.promise
      return link
    } catch (error) {
      link.destroy()
      throw error
    } finally {
      cancel()
    }
  }

  /** Sends one event. Resolves with the reason when it can never be taken, with undefined when it was. */
  async send(endpoint: string, event: RoutedEvent): Promise<string | undefined> {
    const most = maxMessageBytes(this.#sender)
    if (event.body.length > most) return `the message has ${event.body.length} bytes, and the server takes ${most}`
    for (;;) {
      if (this.failure !== undefined) throw this.failure
      if (this.#sender?.sendable() === true) break
      await this.#credit.promise
    }
    const { promise, resolve, reject } = Promise.withResolvers<AmqpOutcome>()
    const delivery = this.#sender.send({ ...messageOf(endpoint, event), durable: true, body: this.#makeBody(event.body) })
    this.#waiting.set(delivery, { resolve, reject })
    return judgeOutcome(await promise)
  }

  async close(): Promise<void> {
    if (this.failure !== undefined) return
    const gone = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#connection.close()
    await gone
  }

  destroy(): void {
    this.#fail(new Error('the connection was closed'))
    this.#socket.destroy()
    // The client's timers would outlive its connection.
    for (const name of ['heartbeat_in', 'heartbeat_out', 'abort_idle']) clearTimeout(timerAt(this.#connection, name))
  }

  #listen(address: string): void {
    const connection = this.#connection
    const ended = (what: string) => (context: EventContext) => {
      const error = context.sender?.error ?? context.session?.error ?? context.connection?.error ?? context.error
      const said =
        error === undefined
          ? ''
          : ` ${'condition' in error ? String(error.condition) : ''} ${'description' in error ? error.description : error instanceof Error ? error.message : ''}`
      this.#fail(new Error(`${what}:${said}`))
    }
    for (const [event, what] of [
      ['sender_error', 'the server ended the link'],
      ['sender_close', 'the server closed the link'],
      ['session_error', 'the server ended the session'],
      ['session_close', 'the server closed the session'],
      ['connection_error', 'the server ended the connection'],
      ['connection_close', 'the server closed the connection'],
      ['disconnected', 'the connection broke'],
    ] as const)
      connection.on(event, ended(what))
    for (const event of ['error', 'protocol_error', 'connection_open_error'])
      connection.on(event, (error: unknown) => this.#fail(error instanceof Error ? error : new Error('protocol error')))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the connection broke')))
    connection.on('sendable', () => {
      this.#opened.resolve()
      this.#credit.resolve()
      this.#credit = Promise.withResolvers<void>()
      this.#credit.promise.catch(() => undefined)
    })
    for (const state of ['accepted', 'rejected', 'released', 'modified'] as const)
      connection.on(state, ({ delivery }: EventContext) => {
        const waiting = delivery && this.#waiting.get(delivery)
        if (delivery === undefined || waiting === undefined) return
        this.#waiting.delete(delivery)
        const remote: {
          readonly error?: { readonly condition?: string; readonly description?: string }
          readonly undeliverable_here?: boolean
        } = delivery.remote_state ?? {}
        waiting.resolve({
          state,
          condition: remote.error?.condition,
          description: remote.error?.description,
          isUndeliverable: remote.undeliverable_here,
        })
      })
    this.#sender = connection.open_sender({ target: { address, durable: 2 }, snd_settle_mode: 0 })
  }

  #fail(error: Error): void {
    this.failure ??= error
    this.#opened.reject(this.failure)
    this.#credit.reject(this.failure)
    for (const { reject } of this.#waiting.values()) reject(this.failure)
    this.#waiting.clear()
  }
}

const isName = (host: string) => !/^[\d.]+$|:/.test(host)

/** What the server said of its bound when the link was attached, which the types of the client do not know of. Zero and nothing are no bound. */
function maxMessageBytes(sender: object | undefined): number {
  const said = at(at(at(sender, 'remote'), 'attach'), 'max_message_size')
  return typeof said === 'number' && said > 0 ? said : Number.POSITIVE_INFINITY
}

function at(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null ? Reflect.get(holder, name) : undefined
}

function timerAt(holder: object, name: string): NodeJS.Timeout | undefined {
  const timer: NodeJS.Timeout | undefined = Reflect.get(holder, name)
  return timer
}
