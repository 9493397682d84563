import type { Instant } from '#base'
import type { Session } from '#broker'
import type { Opening } from './opening.ts'
import type { LiveConnection } from './ports.ts'
import type { Transport } from './transport.ts'

/** A connection as operators see it. */
export function describeConnection(of: {
  readonly id: string
  readonly transport: Transport
  readonly opening: Opening
  readonly since: Instant
  readonly session: Session
  readonly mqttVersion: 4 | 5
  readonly traffic: Pick<LiveConnection, 'inMessages' | 'outMessages' | 'inBytes' | 'outBytes'>
}): LiveConnection {
  const { id, transport, opening, since, session, mqttVersion, traffic } = of
  const { type, scope, thumbprint } = opening.principal.authentication
  return {
    id,
    device: opening.principal.device,
    clientId: opening.clientId,
    transport: transport.kind,
    mqttVersion,
    address: transport.address,
    since,
    tls: transport.tls(),
    auth: { type, scope, thumbprint },
    ...traffic,
    subscriptions: [...session.subscriptions.keys()],
  }
}
