import type { Packet } from 'mqtt-packet'
import type { HubProcess, TestDevice } from './hub.ts'
import { RawClient, connectPacket } from './raw-client.ts'

type Outgoing = { readonly topic: string; readonly body: string; readonly qos: 1 | 2; phase: 'sent' | 'released' }

/**
 * An MQTT 3.1.1 client with a session that outlives its connections and the hub: it remembers what it sent and what it received exactly
 * as section 4.3 asks, sends again what was not answered when it is back, and counts how often its application got each message.
 */
export class ExactClient {
  readonly clientId: string
  readonly device: TestDevice
  /** How often each body was handed to the application. */
  readonly got = new Map<string, number>()
  /** Bodies that the hub has acknowledged (PUBACK or PUBREC). */
  readonly confirmed = new Set<string>()
  /** Session Present of the latest CONNACK. */
  present = false
  readonly #outgoing = new Map<number, Outgoing>()
  readonly #incoming = new Set<number>()
  #nextPacketId = 1
  #link: RawClient | undefined
  #granted: (() => void) | undefined

  constructor(device: TestDevice, clientId: string) {
    this.device = device
    this.clientId = clientId
  }

  /** Messages that were sent and are not completed. */
  get flying(): number {
    return this.#outgoing.size
  }

  /** Connects without a clean start, and sends again what was not answered, in order. */
  async connect(hub: HubProcess, clean = false): Promise<void> {
    const link = await RawClient.open(hub, 'mqtts', { cert: this.device.cert, key: this.device.key })
    link.send(connectPacket(this.clientId, { clean }))
    const connack = await link.next(20_000)
    if (connack?.cmd !== 'connack' || connack.returnCode !== 0) throw new Error(`${this.clientId}: ${JSON.stringify(connack)}`)
    this.present = connack.sessionPresent
    this.#link = link
    void this.#read(link)
    for (const [messageId, one] of this.#outgoing) {
      if (one.phase === 'released') link.send({ cmd: 'pubrel', messageId })
      else this.#send(messageId, one, true)
    }
  }

  /** Cuts the connection, if there is one. */
  cut(): void {
    this.#link?.[Symbol.dispose]()
    this.#link = undefined
  }

  /** Subscribes and waits for SUBACK. */
  async subscribe(topic: string, qos: 1 | 2): Promise<void> {
    const granted = Promise.withResolvers<void>()
    this.#granted = granted.resolve
    this.#link?.send({ cmd: 'subscribe', messageId: 65_535, subscriptions: [{ topic, qos }] })
    await granted.promise
  }

  /** Publishes, now or again when it is back. */
  publish(topic: string, body: string, qos: 1 | 2, retain = false): void {
    const messageId = this.#nextPacketId
    this.#nextPacketId = messageId === 60_000 ? 1 : messageId + 1
    const one: Outgoing = { topic, body, qos, phase: 'sent' }
    this.#outgoing.set(messageId, one)
    this.#send(messageId, one, false, retain)
  }

  #send(messageId: number, { topic, body, qos }: Outgoing, dup: boolean, retain = topic.endsWith('/kept')): void {
    this.#link?.send({ cmd: 'publish', topic, payload: body, qos, messageId, dup, retain })
  }

  async #read(link: RawClient): Promise<void> {
    for (;;) {
      const packet = await link.next(600_000).catch(() => undefined)
      if (packet === undefined || this.#link !== link) return
      this.#take(link, packet)
    }
  }

  #take(link: RawClient, packet: Packet): void {
    const messageId = packet.messageId ?? 0
    const sent = this.#outgoing.get(messageId)
    if (packet.cmd === 'publish') {
      const body = packet.payload.toString()
      if (packet.qos !== 2 || !this.#incoming.has(messageId)) this.got.set(body, (this.got.get(body) ?? 0) + 1)
      if (packet.qos === 2) this.#incoming.add(messageId)
      if (packet.qos > 0) link.send({ cmd: packet.qos === 2 ? 'pubrec' : 'puback', messageId })
    } else if (packet.cmd === 'pubrel') {
      this.#incoming.delete(messageId)
      link.send({ cmd: 'pubcomp', messageId })
    } else if (packet.cmd === 'pubrec') {
      if (sent !== undefined) {
        sent.phase = 'released'
        this.confirmed.add(sent.body)
      }
      link.send({ cmd: 'pubrel', messageId })
    } else if (packet.cmd === 'puback' || packet.cmd === 'pubcomp') {
      if (sent !== undefined) this.confirmed.add(sent.body)
      this.#outgoing.delete(messageId)
    } else if (packet.cmd === 'suback') this.#granted?.()
  }
}
