import { type MqttClient, connectAsync } from 'mqtt'
import type { HubProcess, TestDevice } from './hub.ts'

/** What one client sends at most before it waits for acknowledgements. */
const window = 16

/** Many MQTT.js clients that publish QoS 1 as fast as the hub acknowledges, and remember which messages it acknowledged. */
export class Publishers {
  /** Bodies that the hub has acknowledged. */
  readonly acknowledged: string[] = []
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
    for (const [at, client] of clients.entries()) for (let i = 0; i < window; i++) publishers.#publish(client, devices[at]?.id ?? '', at)
    return publishers
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

  #publish(client: MqttClient, device: string, at: number): void {
    if (!this.#running) return
    const body = `${this.#label}/${at}/${this.sent++}/${this.#padding}`
    this.#inFlight++
    client.publish(`devices/${device}/messages/events/`, body, { qos: 1 }, (error) => {
      this.#inFlight--
      if (error !== undefined && error !== null) return
      this.acknowledged.push(body)
      this.#publish(client, device, at)
    })
  }
}
