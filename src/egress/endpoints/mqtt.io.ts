import type { MqttClient } from 'mqtt'
import type { Delivered, EndpointKind, EndpointPorts } from '../endpoint.ts'
import type { RoutedEvent } from '../event.ts'
import { ClientSink } from './client-sink.ts'
import { type MqttSettings, messageOf, parseMqtt, poisonReasonCodes, topicOf } from './mqtt.ts'
import { assertReach } from './reach.io.ts'
import { secretText, tlsOptions } from './tls-settings.ts'

const connectMs = 15_000

/** Endpoints that are MQTT brokers: version 5 over TLS, QoS 1, a client certificate where the broker wants one. */
export const mqttKind: EndpointKind<MqttSettings> = {
  kind: 'mqtt',
  parse: parseMqtt,
  batch: { events: 200, bytes: 1024 * 1024, lingerMs: 20 },
  open: async (name, settings, ports) =>
    new ClientSink<MqttClient>(
      {
        connect: () => connectTo(settings, ports),
        isUsable: (client) => client.connected,
        deliver: (client, batch) => publishAll(client, name, settings, batch),
        close: (client) => client.endAsync(),
        destroy: (client) => void client.end(true),
      },
      ports.clock,
    ),
}

async function connectTo(settings: MqttSettings, ports: EndpointPorts): Promise<MqttClient> {
  const { host, port, clientId, username, passwordSecret } = settings
  await assertReach(host, ports)
  const { default: mqtt } = await import('mqtt')
  const client = await mqtt.connectAsync(
    `mqtts://${host.includes(':') ? `[${host}]` : host}:${port}`,
    {
      protocolVersion: 5,
      clientId,
      clean: true,
      // The worker knows when to try again.
      reconnectPeriod: 0,
      connectTimeout: connectMs,
      rejectUnauthorized: true,
      ...(username === undefined ? {} : { username }),
      ...(passwordSecret === undefined ? {} : { password: secretText(passwordSecret, ports) }),
      ...tlsOptions(settings, ports),
    },
    // Without this the client would wait for a connection that nobody tries again.
    false,
  )
  // An error without a listener would end the hub; `isUsable` sees what it did.
  client.on('error', () => undefined)
  return client
}

/** All at once and in order; the broker has a message when its PUBACK is here. */
async function publishAll(client: MqttClient, endpoint: string, settings: MqttSettings, batch: readonly RoutedEvent[]): Promise<Delivered> {
  // A client that loses its connection keeps what was not acknowledged to itself, so its end has to end the waiting.
  const lost = Promise.withResolvers<never>()
  const onClose = () => lost.reject(new Error('the connection was lost'))
  const onError = (error: Error) => lost.reject(error)
  client.once('close', onClose)
  client.on('error', onError)
  try {
    const published = batch.map((event) => {
      const { payload, properties } = messageOf(settings, event)
      return client.publishAsync(topicOf(settings.topic, endpoint, event), payload, { qos: 1, properties })
    })
    const outcomes = await Promise.race([Promise.allSettled(published), lost.promise])
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') continue
      const error: unknown = outcome.reason
      const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
      const reason = error instanceof Error ? error.message : String(error)
      return typeof code === 'number' && poisonReasonCodes.has(code) ? { kind: 'poison', index, reason } : { kind: 'retry', reason }
    }
    return { kind: 'ok' }
  } finally {
    client.off('close', onClose)
    client.off('error', onError)
    lost.promise.catch(() => undefined)
  }
}
