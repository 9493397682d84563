import type { Clock, Random } from '#base'
import type { DrillAttempt, Sighting } from '../evidence.ts'
import type { DrillPort, Listener, ProbeIdentity } from '../ports.ts'
import { MqttClient } from './mqtt-client.io.ts'

const connectMs = 2_000
const endMs = 2_500

/** A listener that devices connect to: MQTT over TLS, or over WebSocket. */
export function deviceListeners(listeners: readonly Listener[]): readonly Listener[] {
  return listeners.filter((listener) => listener.name === 'mqtt' || listener.name === 'https')
}

/**
 * Issues a certificate, connects with it on every device listener in TLS 1.2 and 1.3, revokes it, and tries to come back: fresh, and by
 * resuming each TLS session. Sessions that stay alive are waited for, and then hung up.
 */
export async function collectDrill(
  listeners: readonly Listener[],
  serverName: string | null,
  drill: DrillPort,
  clock: Clock,
  random: Random,
  signal: AbortSignal,
): Promise<Sighting> {
  const subject = { kind: 'hub', id: 'hub' } as const
  const identity = await drill.issue()
  const clients: MqttClient[] = []
  const open = (listener: Listener, version: 'TLSv1.2' | 'TLSv1.3', purpose: string, session?: Buffer): MqttClient => {
    const clientId = `${identity.device}-${purpose}-${listener.name}-${version.slice(-1)}`
    const client = new MqttClient(
      { listener, serverName, identity, clientId },
      session === undefined ? { version } : { version, session },
      random,
      connectMs,
    )
    clients.push(client)
    return client
  }
  const stop = () => clients.forEach((client) => client[Symbol.dispose]())
  signal.addEventListener('abort', stop, { once: true })
  try {
    const tries = deviceListeners(listeners).flatMap((listener) =>
      (['TLSv1.2', 'TLSv1.3'] as const).map((version) => ({ listener, version })),
    )
    const live = await Promise.all(
      tries.map(async ({ listener, version }) => {
        const client = open(listener, version, 'live')
        return { listener, version, client, accepted: await client.accepted }
      }),
    )
    const { revokedAt, ends } = await revokeAndWatch(
      drill,
      identity,
      live.map(({ client }) => client),
      clock,
    )
    const attempts = await Promise.all(
      live.map(async ({ listener, version, client, accepted }, i): Promise<DrillAttempt> => {
        const endedAt = ends[i] ?? null
        const session = client.session
        const fresh = open(listener, version, 'fresh')
        const resumed = session === undefined ? undefined : open(listener, version, 'resumed', session)
        const said = async (one: MqttClient) => ((await one.accepted) ? ('accepted' as const) : ('refused' as const))
        return {
          listener: listener.name,
          version,
          before: accepted ? 'accepted' : 'refused',
          ticket: session !== undefined,
          liveEndedMs: endedAt === null ? null : Math.max(0, endedAt - revokedAt),
          fresh: await said(fresh),
          resumed: resumed === undefined ? 'not-tried' : await said(resumed),
        }
      }),
    )
    return { method: 'revocation-drill', subject, observed: { attempts } }
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

/** Revokes and waits for the live sessions to end; gives when each did, on the monotonic clock, or null for those that did not. */
async function revokeAndWatch(
  drill: DrillPort,
  identity: ProbeIdentity,
  clients: readonly MqttClient[],
  clock: Clock,
): Promise<{ readonly revokedAt: number; readonly ends: readonly (number | null)[] }> {
  const ends: (number | null)[] = clients.map(() => null)
  const all = Promise.all(
    clients.map(async (client, i) => {
      await client.ended
      ends[i] = clock.monotonic()
    }),
  )
  const revokedAt = clock.monotonic()
  await drill.revoke(identity)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => (timer = setTimeout(resolve, endMs)))
  await Promise.race([all, late])
  clearTimeout(timer)
  return { revokedAt, ends: [...ends] }
}
