import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { type IPublishPacket, type Packet, parser } from 'mqtt-packet'
import { WebSocket } from 'ws'
import type { HubProcess, TestDevice } from '../hub.ts'
import { within } from '../until.ts'
import { brokenRule } from './runner-rules.ts'

/** One packet from the hub: what stood on the wire, and how a decoder that is not ours reads it. */
export type Received = {
  readonly raw: Buffer
  readonly packet: Packet
  /** The topic of a PUBLISH, also where an alias stands for it. */
  readonly topic?: string
}

/** Which road a connection takes. */
export type Road = (typeof roads)[number]

/** `bare-wss` is a WebSocket whose client offers no subprotocol. */
export const roads = ['mqtts', 'wss', 'bare-wss'] as const

/** One connection to the hub that sends what it is told and keeps whole packets as they arrive. */
export class Wire {
  readonly #send: (bytes: Buffer, text: boolean) => void
  readonly #end: () => void
  readonly #arrived: Received[] = []
  #held: Buffer = Buffer.of()
  #last: Buffer = Buffer.of()
  #wake: () => void = () => undefined
  #closed = false
  #broken: string | undefined
  /** How the answers are to be read; CONNECT decides. */
  version: 4 | 5
  /** The largest packet that the client announced. */
  maximumPacketSize = Number.POSITIVE_INFINITY
  /** The greatest topic alias that the client announced. */
  topicAliasMaximum = 0
  readonly #aliases = new Map<number, string>()
  /** The subprotocol that the hub chose, over a WebSocket. */
  readonly subprotocol: string

  private constructor(send: (bytes: Buffer, text: boolean) => void, end: () => void, version: 4 | 5, subprotocol: string) {
    this.#send = send
    this.#end = end
    this.version = version
    this.subprotocol = subprotocol
  }

  /** Connects over TLS with the device's certificate, or without any. Rejects when the handshake fails. */
  static async open(hub: HubProcess, device: TestDevice | undefined, version: 4 | 5, road: Road): Promise<Wire> {
    const port = road === 'mqtts' ? hub.ports.mqtt : hub.ports.https
    const own = device === undefined ? {} : { cert: device.cert, key: device.key }
    const socket = connectTls({ host: hub.host, servername: 'localhost', ca: hub.rootPem, port, ...own })
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    if (road === 'mqtts') {
      await within('TLS handshake', 10_000, once(socket, 'secureConnect'))
      const wire = new Wire(
        (bytes) => void socket.write(bytes),
        () => socket.destroy(),
        version,
        '',
      )
      socket.on('data', (data: Buffer) => wire.#take(data)).on('close', () => wire.#over())
      return wire
    }
    const webSocket = new WebSocket(`wss://localhost:${port}/$iothub/websocket`, road === 'wss' ? ['mqtt'] : [], {
      createConnection: () => socket,
      perMessageDeflate: false,
    })
    webSocket.on('error', () => undefined)
    await within('WebSocket handshake', 10_000, once(webSocket, 'open'))
    const wire = new Wire(
      (bytes, text) => webSocket.send(bytes, { binary: !text }),
      () => webSocket.terminate(),
      version,
      webSocket.protocol,
    )
    webSocket
      .on('message', (data: Buffer, isBinary) => (isBinary ? wire.#take(data) : wire.#fail('a text frame')))
      .on('close', () => wire.#over())
    return wire
  }

  send(bytes: Buffer, text = false): void {
    if (!this.#closed) this.#send(bytes, text)
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Cuts the connection without a word. */
  drop(): void {
    this.#end()
    this.#over()
  }

  /** The next packet, or `closed`. Throws when neither comes within the time, or when what came is no packet. */
  async next(timeoutMs: number): Promise<Received | 'closed'> {
    const end = performance.now() + timeoutMs
    for (;;) {
      const one = this.#arrived.shift()
      if (one !== undefined) return one
      if (this.#broken !== undefined) throw new Error(`the hub sent ${this.#broken}`)
      if (this.#closed) return 'closed'
      const woken = new Promise<void>((resolve) => (this.#wake = resolve))
      await within('a packet from the hub', Math.max(0, end - performance.now()), woken)
    }
  }

  /** Puts packets back before all others: they were read too early. */
  putBack(packets: readonly Received[]): void {
    this.#arrived.unshift(...packets)
  }

  #take(data: Buffer): void {
    this.#held = Buffer.concat([this.#held, data])
    try {
      for (let used = frameLength(this.#held); used !== undefined; used = frameLength(this.#held)) {
        const raw = this.#held.subarray(0, used)
        this.#last = raw
        this.#held = this.#held.subarray(used)
        const packet = decode(raw, this.version)
        const wrong = brokenRule(raw, packet, this.version, this.maximumPacketSize)
        if (wrong !== undefined) throw new Error(wrong)
        this.#arrived.push(packet.cmd === 'publish' ? { raw, packet, topic: this.#topicOf(packet) } : { raw, packet })
      }
    } catch (error) {
      this.#fail(`what it may not send (${String(error)}): ${this.#last.toString('hex', 0, 60)}`)
    }
    this.#wake()
  }

  /** Throws when an alias is none. */
  #topicOf({ topic, properties }: IPublishPacket): string {
    const alias = properties?.topicAlias
    if (alias === undefined) return topic
    if (alias === 0 || alias > this.topicAliasMaximum) throw new Error(`alias ${alias} of ${this.topicAliasMaximum} [MQTT-3.3.2-11]`)
    if (topic !== '') this.#aliases.set(alias, topic)
    const known = this.#aliases.get(alias)
    if (known === undefined) throw new Error(`alias ${alias} stands for nothing [MQTT-3.3.2-7]`)
    return known
  }

  #fail(what: string): void {
    this.#broken ??= what
    this.#wake()
  }

  #over(): void {
    this.#closed = true
    this.#wake()
  }
}

/** How many bytes the first packet has; undefined when it is not whole yet. */
function frameLength(held: Buffer): number | undefined {
  let length = 0
  for (let index = 1; index < 5; index++) {
    const byte = held[index]
    if (byte === undefined) return undefined
    length += (byte & 0x7f) * 128 ** (index - 1)
    if (byte === 0 && index > 1) throw new Error('a padded length [MQTT-1.5.5-1]')
    if (byte < 0x80) return held.length >= index + 1 + length ? index + 1 + length : undefined
  }
  throw new Error('a length of more than four bytes [MQTT-1.5.5-1]')
}

function decode(raw: Buffer, version: 4 | 5): Packet {
  const found: Packet[] = []
  const reading = parser({ protocolVersion: version })
  reading.on('packet', (packet) => found.push(packet))
  reading.on('error', (error) => {
    throw error
  })
  reading.parse(raw)
  const [packet] = found
  if (packet === undefined || found.length > 1) throw new Error('not one packet')
  return packet
}
