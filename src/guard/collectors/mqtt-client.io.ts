import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls'
import type { Random } from '#base'
import { reachable } from '../address.ts'
import type { Listener, ProbeIdentity } from '../ports.ts'
import { type ProbeReply, decodeReplies, disconnect, encodeConnect, encodePublish, pingRequest } from './mqtt-probe.ts'
import { decodeFrames, decodeUpgrade, encodeFrame, encodeUpgrade } from './websocket.ts'
import { markProbe } from './probe-ports.io.ts'

/** Where and as whom a probe connects. The hub is verified against the identity's root, like any device does. */
export type MqttTarget = {
  readonly listener: Listener
  readonly serverName: string | null
  readonly identity: ProbeIdentity
  readonly clientId: string
}

/** How the TLS session of a probe is to be: one version only, and perhaps an earlier session to resume. */
export type TlsWish = { readonly version?: 'TLSv1.2' | 'TLSv1.3'; readonly session?: Buffer }

const websocketPath = '/$iothub/websocket'
const keepAliveSeconds = 300

/**
 * One MQTT 3.1.1 connection of a probe over TLS, or over WebSocket where the listener speaks HTTPS. Owns its socket: dispose of it.
 * `accepted` resolves once: true after a CONNACK that accepts, false after a refusal, a close or the end of the time.
 */
export class MqttClient implements Disposable {
  readonly accepted: Promise<boolean>
  /** Resolves when the connection is over, whoever ended it. */
  readonly ended: Promise<void>
  readonly #socket: TLSSocket
  readonly #random: Random
  readonly #clientId: string
  readonly #waiting = new Map<number, (acknowledged: boolean) => void>()
  #session: Buffer | undefined
  #input: Buffer = Buffer.alloc(0)
  #packets: Buffer = Buffer.alloc(0)
  #upgraded: boolean
  readonly #framed: boolean
  #packetId = 0
  #over = false
  #settle: (accepted: boolean) => void = () => undefined

  constructor(target: MqttTarget, wish: TlsWish, random: Random, timeoutMs: number) {
    const { listener, identity, serverName } = target
    this.#random = random
    this.#clientId = target.clientId
    this.#framed = /wss|https/i.test(listener.protocol)
    this.#upgraded = !this.#framed
    const options: ConnectionOptions = {
      host: reachable(listener.host),
      port: listener.port,
      ca: identity.ca,
      cert: identity.cert,
      key: identity.key,
      ...(serverName === null ? {} : { servername: serverName }),
      ...(wish.version === undefined ? {} : { minVersion: wish.version, maxVersion: wish.version }),
      ...(wish.session === undefined ? {} : { session: wish.session }),
    }
    const socket = connect(options)
    markProbe(socket)
    this.#socket = socket
    this.accepted = new Promise((resolve) => (this.#settle = resolve))
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.setTimeout(timeoutMs, () => this.#settle(false))
    socket.on('session', (session) => (this.#session = session))
    socket.on('error', () => undefined)
    socket.once('close', () => this.#finish())
    socket.once('secureConnect', () => {
      if (this.#framed)
        socket.write(encodeUpgrade(serverName ?? `${reachable(listener.host)}:${listener.port}`, websocketPath, random.bytes(16)))
      else socket.write(encodeConnect(this.#clientId, keepAliveSeconds))
    })
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    // Once accepted, a quiet connection is a healthy one.
    void this.accepted.then((accepted) => (accepted ? socket.setTimeout(0) : socket.destroy()))
  }

  /** Whether the TLS session was a resumed one. */
  get resumed(): boolean {
    return this.#socket.isSessionReused()
  }

  /** The newest TLS session that the hub gave us to come back with. */
  get session(): Buffer | undefined {
    return this.#session
  }

  /** True until the connection is over. */
  get open(): boolean {
    return !this.#over
  }

  /** Publishes at QoS 1. True once acknowledged; false when the connection ends before. */
  publish(topic: string, payload: Buffer): Promise<boolean> {
    if (this.#over) return Promise.resolve(false)
    this.#packetId = (this.#packetId % 65_535) + 1
    const id = this.#packetId
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#send(encodePublish(topic, id, payload))
    })
  }

  /** Tells the hub that we are still there. */
  ping(): void {
    if (!this.#over) this.#send(pingRequest)
  }

  /** Leaves politely, then for good. */
  [Symbol.dispose](): void {
    if (!this.#over && this.#upgraded) this.#send(disconnect)
    this.#socket.end()
    this.#socket.destroySoon()
  }

  #send(packet: Buffer): void {
    this.#socket.write(this.#framed ? encodeFrame(packet, this.#random.bytes(4)) : packet)
  }

  #take(chunk: Buffer): void {
    this.#input = Buffer.concat([this.#input, chunk])
    if (!this.#upgraded) {
      const answer = decodeUpgrade(this.#input)
      if (answer.kind === 'more') return
      if (answer.kind === 'refused') return void this.#socket.destroy()
      this.#upgraded = true
      this.#input = answer.rest
      this.#send(encodeConnect(this.#clientId, keepAliveSeconds))
    }
    if (this.#framed) {
      const { payloads, rest, ended } = decodeFrames(this.#input)
      this.#input = rest
      this.#packets = Buffer.concat([this.#packets, ...payloads])
      if (ended) this.#socket.destroy()
    } else {
      this.#packets = Buffer.concat([this.#packets, this.#input])
      this.#input = Buffer.alloc(0)
    }
    const { replies, rest, malformed } = decodeReplies(this.#packets)
    this.#packets = rest
    for (const reply of replies) this.#hear(reply)
    if (malformed) this.#socket.destroy()
  }

  #hear(reply: ProbeReply): void {
    if (reply.kind === 'connack') this.#settle(reply.accepted)
    else if (reply.kind === 'puback') {
      this.#waiting.get(reply.packetId)?.(true)
      this.#waiting.delete(reply.packetId)
    }
  }

  #finish(): void {
    this.#over = true
    this.#settle(false)
    for (const tell of this.#waiting.values()) tell(false)
    this.#waiting.clear()
  }
}
