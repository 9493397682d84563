import { once } from 'node:events'
import { connect as connectTls, type TLSSocket, type ConnectionOptions } from 'node:tls'
import { generate, type IConnectPacket, type Packet, parser, type Parser } from 'mqtt-packet'
import { WebSocket } from 'ws'
import type { HubProcess } from './hub.ts'
import { within } from './until.ts'

/** The two ways to a hub. Every refusal is tried on both, because an option that one listener forgot is an old story. */
export const transports = ['mqtts', 'wss'] as const

/** One of the two ways. */
export type Transport = (typeof transports)[number]

/** What the client side of a test connection may choose. */
export type RawOptions = Pick<
  ConnectionOptions,
  'ca' | 'servername' | 'cert' | 'key' | 'minVersion' | 'maxVersion' | 'ciphers' | 'session'
> & {
  /** The address of this machine to come from: to the hub each is another peer. */
  readonly localAddress?: string
}

/** A client that says exactly what a test wants it to say, byte by byte, over TLS or over a WebSocket in TLS. */
export class RawClient implements Disposable {
  readonly #send: (bytes: Buffer) => void
  readonly #end: () => void
  readonly #parser: Parser
  readonly #packets: Packet[] = []
  readonly #waiting: ((packet: Packet | undefined) => void)[] = []
  /** Resolves when the hub, or the test, has closed the connection. */
  readonly closed: Promise<void>
  #isClosed = false
  readonly #socket: TLSSocket
  #session: Buffer | undefined

  private constructor(
    version: 4 | 5,
    socket: TLSSocket,
    send: (bytes: Buffer) => void,
    end: () => void,
    listen: (data: (bytes: Buffer) => void, close: () => void) => void,
  ) {
    this.#send = send
    this.#end = end
    this.#socket = socket
    this.#session = socket.getSession()
    socket.on('session', (session: Buffer) => (this.#session = session))
    this.#parser = parser({ protocolVersion: version })
    this.#parser.on('packet', (packet) => {
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#packets.push(packet)
      else waiting(packet)
    })
    this.closed = new Promise((resolve) =>
      listen(
        (bytes) => void this.#parser.parse(bytes),
        () => {
          this.#isClosed = true
          for (const waiting of this.#waiting.splice(0)) waiting(undefined)
          resolve()
        },
      ),
    )
  }

  /** Connects. Rejects when TLS or the WebSocket handshake fails. */
  static async open(hub: HubProcess, transport: Transport, options: RawOptions = {}, version: 4 | 5 = 4): Promise<RawClient> {
    const tls = { host: hub.host, servername: 'localhost', ca: hub.rootPem, ...options }
    return transport === 'mqtts' ? RawClient.#overTls(hub, tls, version) : RawClient.#overWebSocket(hub, tls, version)
  }

  static async #overTls(hub: HubProcess, tls: ConnectionOptions, version: 4 | 5): Promise<RawClient> {
    const socket: TLSSocket = connectTls({ ...tls, port: hub.ports.mqtt })
    await within('TLS handshake', 10_000, once(socket, 'secureConnect'))
    return new RawClient(
      version,
      socket,
      (bytes) => void socket.write(bytes),
      () => socket.destroy(),
      (data, close) =>
        void socket
          .on('data', data)
          .on('error', () => undefined)
          .on('close', close),
    )
  }

  static async #overWebSocket(hub: HubProcess, tls: ConnectionOptions, version: 4 | 5): Promise<RawClient> {
    const socket = connectTls({ ...tls, port: hub.ports.https })
    const webSocket = new WebSocket(`wss://localhost:${hub.ports.https}/$iothub/websocket`, ['mqtt'], {
      createConnection: () => socket,
      perMessageDeflate: false,
    })
    await within('WebSocket handshake', 10_000, once(webSocket, 'open'))
    return new RawClient(
      version,
      socket,
      (bytes) => webSocket.send(bytes),
      () => webSocket.terminate(),
      (data, close) =>
        void webSocket
          .on('message', (bytes: Buffer) => data(bytes))
          .on('error', () => undefined)
          .on('close', close),
    )
  }

  /** The TLS session, for a later connection to resume; TLS 1.3 sends it when it likes. */
  get session(): Buffer | undefined {
    return this.#session
  }

  /** Whether this connection resumed an earlier TLS session. */
  get resumed(): boolean {
    return this.#socket.isSessionReused()
  }

  /** Takes nothing more from the network; what comes waits where it is. */
  stopReading(): void {
    this.#socket.pause()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Sends a packet, or bytes as they are. */
  send(packet: Packet | Buffer): void {
    this.#send(
      Buffer.isBuffer(packet) ? packet : generate(packet, { protocolVersion: 'protocolVersion' in packet ? packet.protocolVersion : 4 }),
    )
  }

  /** Sends a packet as version 5 spells it. */
  send5(packet: Packet): void {
    this.#send(generate(packet, { protocolVersion: 5 }))
  }

  /** The next packet from the hub; undefined when it closes without one. */
  async next(timeoutMs = 10_000): Promise<Packet | undefined> {
    const packet = this.#packets.shift()
    if (packet !== undefined || this.#isClosed) return packet
    return within('a packet from the hub', timeoutMs, new Promise<Packet | undefined>((resolve) => this.#waiting.push(resolve)))
  }

  [Symbol.dispose](): void {
    this.#end()
  }
}

/** A CONNECT for `clientId`; MQTT 3.1.1 unless said otherwise. */
export function connectPacket(clientId: string, change: Partial<IConnectPacket> = {}): IConnectPacket {
  return { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId, keepalive: 60, ...change }
}

/** Connects with a certificate and returns the CONNACK's code, or how it ended instead. */
export async function connackOf(
  hub: HubProcess,
  transport: Transport,
  options: RawOptions,
  packet: IConnectPacket,
): Promise<number | 'closed' | 'no connection'> {
  let client: RawClient
  try {
    client = await RawClient.open(hub, transport, options, packet.protocolVersion === 5 ? 5 : 4)
  } catch {
    return 'no connection'
  }
  using _ = client
  client.send(packet)
  const answer = await client.next()
  if (answer?.cmd !== 'connack') return 'closed'
  return (packet.protocolVersion === 5 ? answer.reasonCode : answer.returnCode) ?? 0
}
