import type { Clock, Random } from '#base'
import { deviceListeners } from './collectors/drill.io.ts'
import { MqttClient } from './collectors/mqtt-client.io.ts'
import type { Listener, SyntheticPort } from './ports.ts'
import { RoundTrips, lostMs, periodMs } from './round-trips.ts'

const connectMs = 5_000

/** What the synthetic device needs. */
export type SyntheticPorts = {
  readonly clock: Clock
  readonly random: Random
  readonly synthetic: SyntheticPort
  listeners(): readonly Listener[]
  advertisedNames(): readonly string[]
  trouble(what: string, error: unknown): void
}

/** The synthetic device while it runs. Dispose of it to hang up. */
export interface Synthetic extends AsyncDisposable {
  readonly trips: RoundTrips
  /** Sends one message now and resolves when its fate is known: milliseconds, or null when it was lost. */
  beat(): Promise<number | null>
}

/**
 * Starts a device of our own that publishes every minute over TLS and MQTT, and waits until the journal shows the message and the
 * hub has acknowledged it. One connection stays open; when it breaks, the next beat makes a new one.
 */
export function openSynthetic(ports: SyntheticPorts, signal: AbortSignal): Synthetic {
  const { clock, random } = ports
  const trips = new RoundTrips(clock)
  let connection: { readonly client: MqttClient; readonly device: string; readonly unwatch: () => void } | undefined
  let connecting: Promise<typeof connection> | undefined
  const hearing = new Map<string, () => void>()
  let over = false

  const hangUp = () => {
    connection?.unwatch()
    connection?.client[Symbol.dispose]()
    connection = undefined
  }
  const connect = async () => {
    hangUp()
    const listener = deviceListeners(ports.listeners())[0]
    if (listener === undefined) return undefined
    const identity = await ports.synthetic.identity()
    const serverName = ports.advertisedNames().find((name) => /[a-z]/i.test(name) && !name.includes(':')) ?? null
    const client = new MqttClient({ listener, serverName, identity, clientId: identity.device }, {}, random, connectMs)
    if (!(await client.accepted) || over) {
      client[Symbol.dispose]()
      return undefined
    }
    const unwatch = ports.synthetic.watch(identity.device, (body) => hearing.get(Buffer.from(body).toString('utf8'))?.())
    connection = { client, device: identity.device, unwatch }
    return connection
  }
  // Two beats that find no connection wait for the same one.
  const connected = (): ReturnType<typeof connect> => {
    if (connection?.client.open === true) return Promise.resolve(connection)
    connecting ??= connect().finally(() => (connecting = undefined))
    return connecting
  }
  const trip = async (): Promise<boolean> => {
    const live = await connected()
    if (live === undefined) return false
    const body = JSON.stringify({ synthetic: random.bytes(12).toString('hex') })
    const seen = new Promise<boolean>((resolve) => {
      hearing.set(body, () => resolve(true))
      void live.client.ended.then(() => resolve(false))
    })
    try {
      const [acknowledged, journalled] = await Promise.all([
        live.client.publish(`devices/${live.device}/messages/events/`, Buffer.from(body)),
        seen,
      ])
      return acknowledged && journalled
    } finally {
      hearing.delete(body)
    }
  }
  const beat = async (): Promise<number | null> => {
    const at = clock.monotonic()
    let cancel = () => {}
    const late = new Promise<boolean>((resolve) => {
      cancel = clock.after(lostMs, () => resolve(false))
    })
    const arrived = await Promise.race([trip().catch((error: unknown) => (ports.trouble('synthetic round trip', error), false)), late])
    cancel()
    const tookMs = arrived ? clock.monotonic() - at : null
    // A connection that lost a message is not trusted with the next.
    if (!arrived) hangUp()
    if (!over) trips.record(at, tookMs)
    return tookMs
  }
  const stop = clock.every(periodMs, () => void beat())
  const close = () => {
    over = true
    stop()
    hangUp()
  }
  signal.addEventListener('abort', close, { once: true })
  void beat()
  return {
    trips,
    beat,
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', close)
      close()
    },
  }
}
