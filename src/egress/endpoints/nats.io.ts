import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { JetStreamClient } from '@nats-io/jetstream'
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node'
import type { EndpointKind, EndpointPorts } from '../endpoint.ts'
import { eventToJson } from '../event.ts'
import { deliverByDevice } from './by-device.ts'
import { ClientSink, type ClientWays } from './client-sink.ts'
import { type NatsProof, type NatsSettings, parseNats, subjectOf } from './nats.ts'
import { assertReach } from './reach.io.ts'
import { secretText, tlsOptions } from './tls-settings.ts'

type Held = { readonly connection: NatsConnection; readonly jetstream: JetStreamClient }

const connectTimeoutMs = 10_000
const publishTimeoutMs = 10_000
/** JetStream's code for a message above what its stream takes. */
const messageTooLarge = 10_054

/** Endpoints that are streams of NATS JetStream. A message is known by endpoint and offset, so a stream drops a second delivery within its duplicate window. */
export const natsKind: EndpointKind<NatsSettings> = {
  kind: 'nats',
  parse: parseNats,
  batch: { events: 512, bytes: 2 * 1024 * 1024, lingerMs: 20 },
  async open(name, settings, ports) {
    const ways: ClientWays<Held> = {
      connect: () => connectTo(settings, ports),
      isUsable: ({ connection }) => !connection.isClosed(),
      deliver: ({ connection, jetstream }, batch) =>
        deliverByDevice(batch, async (event) => {
          const body = Buffer.from(JSON.stringify(eventToJson(event)))
          const most = connection.info?.max_payload ?? Number.POSITIVE_INFINITY
          if (body.length > most) return `the message has ${body.length} bytes, and the server takes ${most}`
          try {
            await jetstream.publish(subjectOf(settings.subject, event), body, {
              msgID: `${name}:${event.offset}`,
              timeout: publishTimeoutMs,
              ...(settings.stream === undefined ? {} : { expect: { streamName: settings.stream } }),
            })
            return undefined
          } catch (error) {
            if (error instanceof Error && 'code' in error && error.code === messageTooLarge) return error.message
            throw error
          }
        }),
      close: ({ connection }) => connection.close(),
      destroy: () => undefined,
    }
    return new ClientSink(ways, ports.clock)
  },
}

async function connectTo(settings: NatsSettings, ports: EndpointPorts): Promise<Held> {
  const { host, port, proof } = settings
  await assertReach(host, ports)
  const transport = await import('@nats-io/transport-node')
  const { jetstream } = await import('@nats-io/jetstream')
  const tls = {
    ...tlsOptions(settings, ports),
    // The client names the server only when it is named by a name, and by an address it would be taken for localhost.
    checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(host, certificate),
  }
  const connection = await transport.connect({
    servers: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    name: 'thingwall',
    tls,
    timeout: connectTimeoutMs,
    // One server, the one that was named: what a cluster gossips is not followed, and connecting again is our own business.
    reconnect: false,
    ignoreClusterUpdates: true,
    resolve: false,
    ...proofOptions(proof, ports, transport),
  })
  return { connection, jetstream: jetstream(connection) }
}

function proofOptions(
  proof: NatsProof,
  ports: EndpointPorts,
  { credsAuthenticator }: Pick<typeof import('@nats-io/transport-node'), 'credsAuthenticator'>,
): Pick<NodeConnectionOptions, 'user' | 'pass' | 'token' | 'authenticator'> {
  if (proof.kind === 'password') return { user: proof.user, pass: secretText(proof.passwordSecret, ports) }
  if (proof.kind === 'token') return { token: secretText(proof.tokenSecret, ports) }
  if (proof.kind === 'creds') return { authenticator: credsAuthenticator(Buffer.from(secretText(proof.credsSecret, ports))) }
  return {}
}
