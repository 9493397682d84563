import { type MqttClient, connectAsync } from 'mqtt'
import type { HubProcess, TestDevice, WatchedFact } from './hub.ts'

/** What one client sends at most before it waits for acknowledgements. */
const window = 16

/** Many MQTT.js clients that publish QoS 1 as fast as the hub acknowledges, and remember which messages it acknowledged. */
export class Publishers {
  /** Numbers of the messages that the hub has acknowledged; {@link numberOf} finds them in bodies. */
  readonly acknowledged: number[] = []
  /** Messages that were sent, acknowledged or not. */
  sent = 0
  readonly #clients: readonly MqttClient[]
  readonly #label: string
  readonly #padding: string
  #running = true
  #inFlight = 0

  private constructor(clients: readonly MqttClient[], label: string, paddingBytes: number) {
    this.#clients = clients
    this.#label = label
    this.#padding = '.'.repeat(paddingBytes)
  }

  /** Connects one client for each device. `label` must be unique in a test: it makes bodies unique. */
  static async open(hub: HubProcess, devices: readonly TestDevice[], label: string, paddingBytes = 64): Promise<Publishers> {
    const clients = await Promise.all(
      devices.map((device) =>
        connectAsync({
          protocol: 'mqtts',
          host: '127.0.0.1',
          port: hub.ports.mqtt,
          servername: 'localhost',
          ca: device.ca,
          cert: device.cert,
          key: device.key,
          clientId: `${device.id}-${label}`,
          clean: true,
          reconnectPeriod: 0,
          connectTimeout: 20_000,
        }),
      ),
    )
    for (const client of clients) client.on('error', () => undefined)
    const publishers = new Publishers(clients, label, paddingBytes)
    for (const [at, client] of clients.entries()) for (let i = 0; i < window; i++) publishers.#publish(client, devices[at]?.id ?? '')
    return publishers
  }

  /** The acknowledged messages that are not among `facts`, by number. */
  missingFrom(facts: readonly WatchedFact[]): readonly number[] {
    const present = new Set(facts.map((fact) => numberOf(this.#label, fact)))
    return this.acknowledged.filter((number) => !present.has(number))
  }

  /** Messages that are sent and not acknowledged. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Sends nothing more; what is in flight may still be acknowledged. */
  pause(): void {
    this.#running = false
  }

  /** Cuts every connection. */
  end(): void {
    this.#running = false
    for (const client of this.#clients) client.end(true)
  }

  #publish(client: MqttClient, device: string): void {
    if (!this.#running) return
    const number = this.sent++
    const body = `${this.#label}/${number}/${this.#padding}`
    this.#inFlight++
    client.publish(`devices/${device}/messages/events/`, body, { qos: 1 }, (error) => {
      this.#inFlight--
      if (error !== undefined && error !== null) return
      this.acknowledged.push(number)
      this.#publish(client, device)
    })
  }
}

/** The number of a message that publishers of this label sent; undefined for everything else. */
export function numberOf(label: string, fact: WatchedFact): number | undefined {
  const [said, number] = fact.body?.split('/', 2) ?? []
  return said === label ? Number(number) : undefined
}
