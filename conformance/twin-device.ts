import type { HubProcess, TestDevice } from './hub.ts'
import { RawClient, connectPacket } from './raw-client.ts'
import { within } from './until.ts'

/** What a hub answered to a request about a twin (azure-wire 2.9). `version` is that of the reported properties after a change. */
export type TwinAnswer = { readonly status: number; readonly version: number; readonly body: string }

const filters = ['$iothub/twin/res/#', '$iothub/twin/PATCH/properties/desired/#', '$iothub/methods/POST/#']

/** A device of Azure's protocol over MQTT that outlives its connections: it reports, hears of desired properties, and answers methods. */
export class TwinDevice {
  readonly id: string
  /** Versions of desired properties as they came, in all lives. */
  readonly desired: number[] = []
  /** Requests of methods as they came, in all lives. */
  readonly calls: string[] = []
  /** Whether it answers methods. */
  answers = true
  readonly #device: TestDevice
  readonly #waiting = new Map<string, (answer: TwinAnswer) => void>()
  #rid = 0
  #link: RawClient | undefined

  constructor(device: TestDevice) {
    this.id = device.id
    this.#device = device
  }

  /** Connects afresh and subscribes to everything. */
  async connect(hub: HubProcess): Promise<void> {
    const link = await RawClient.open(hub, 'mqtts', { cert: this.#device.cert, key: this.#device.key })
    link.send(connectPacket(this.id))
    const connack = await link.next(20_000)
    if (connack?.cmd !== 'connack' || connack.returnCode !== 0) throw new Error(`${this.id}: ${JSON.stringify(connack)}`)
    link.send({ cmd: 'subscribe', messageId: 1, subscriptions: filters.map((topic) => ({ topic, qos: 0 })) })
    const suback = await link.next(20_000)
    if (suback?.cmd !== 'suback') throw new Error(`${this.id}: ${JSON.stringify(suback)}`)
    this.#link = link
    this.#waiting.clear()
    void this.#read(link)
  }

  /** Cuts the connection. */
  cut(): void {
    this.#link?.[Symbol.dispose]()
    this.#link = undefined
  }

  /** Reports, and calls back when the hub has answered; never, when the connection ends before. */
  report(patch: string, answered: (answer: TwinAnswer) => void): void {
    const rid = `${++this.#rid}`
    this.#waiting.set(rid, answered)
    this.#publish(`$iothub/twin/PATCH/properties/reported/?$rid=${rid}`, patch)
  }

  /** The same as a promise. Rejects when no answer comes within ten seconds. */
  reported(patch: string): Promise<TwinAnswer> {
    return within('an answer to a report', 10_000, new Promise<TwinAnswer>((resolve) => this.report(patch, resolve)))
  }

  /** The device's own view of its twin. */
  get(): Promise<TwinAnswer> {
    const rid = `${++this.#rid}`
    const answer = new Promise<TwinAnswer>((resolve) => this.#waiting.set(rid, resolve))
    this.#publish(`$iothub/twin/GET/?$rid=${rid}`, '')
    return within('a twin', 10_000, answer)
  }

  #publish(topic: string, payload: string): void {
    this.#link?.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false })
  }

  async #read(link: RawClient): Promise<void> {
    for (;;) {
      const packet = await link.next(600_000).catch(() => undefined)
      if (packet === undefined || this.#link !== link) return
      if (packet.cmd === 'publish') this.#take(packet.topic, packet.payload.toString())
    }
  }

  #take(topic: string, body: string): void {
    const answer = /^\$iothub\/twin\/res\/(\d+)\/\?\$rid=(\d+)(?:&\$version=(\d+))?/.exec(topic)
    const changed = /^\$iothub\/twin\/PATCH\/properties\/desired\/\?\$version=(\d+)/.exec(topic)
    const called = /^\$iothub\/methods\/POST\/([^/]+)\/\?\$rid=(.+)$/.exec(topic)
    if (answer !== null) {
      const [, status, rid = '', version] = answer
      this.#waiting.get(rid)?.({ status: Number(status), version: Number(version ?? Number.NaN), body })
      this.#waiting.delete(rid)
    } else if (changed !== null) this.desired.push(Number(changed[1]))
    else if (called !== null) {
      this.calls.push(body)
      if (this.answers) this.#publish(`$iothub/methods/res/200/?$rid=${called[2] ?? ''}`, '{"done":true}')
    }
  }
}
