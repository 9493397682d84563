import { isIP } from 'node:net'
import type { Producer } from '@platformatic/kafka'
import type { EndpointKind, EndpointPorts } from '../endpoint.ts'
import { eventToJson } from '../event.ts'
import { ClientSink, findPoison } from './client-sink.ts'
import { type KafkaSettings, parseKafka, poisonCodes } from './kafka.ts'
import { assertReach, guardedLookup } from './reach.io.ts'
import { secretText, tlsOptions } from './tls-settings.ts'

const connectTimeoutMs = 10_000
const requestTimeoutMs = 20_000

/** Endpoints that are topics of Kafka: keyed by device, so that one device's events stay in order, acknowledged by all replicas. */
export const kafkaKind: EndpointKind<KafkaSettings> = {
  kind: 'kafka',
  parse: parseKafka,
  batch: { events: 500, bytes: 512 * 1024, lingerMs: 20 },
  open: async (name, settings, ports) =>
    new ClientSink<Producer<string, Buffer, string, string>>(
      {
        connect: () => connectTo(settings, ports),
        isUsable: (producer) => !producer.closed,
        deliver: (producer, batch) =>
          findPoison(batch, async (part) => {
            const messages = part.map((event) => ({
              topic: settings.topic,
              key: event.device,
              value: Buffer.from(JSON.stringify(eventToJson(event))),
              timestamp: BigInt(event.time),
              headers: { 'thingwall-id': `${name}:${event.offset}` },
            }))
            try {
              await producer.send({ messages, acks: -1 })
              return undefined
            } catch (error) {
              const poison = poisonOf(error)
              if (poison === undefined) throw error
              return poison
            }
          }),
        close: (producer) => producer.close(true),
        destroy: () => undefined,
      },
      ports.clock,
    ),
}

async function connectTo(settings: KafkaSettings, ports: EndpointPorts): Promise<Producer<string, Buffer, string, string>> {
  const { brokers, sasl } = settings
  for (const { host } of brokers) await assertReach(host, ports)
  const { Producer, stringSerializer } = await import('@platformatic/kafka')
  const identity = (bytes?: Buffer) => bytes
  return new Producer<string, Buffer, string, string>({
    clientId: 'thingwall',
    bootstrapBrokers: brokers.map(({ host, port }) => ({ host, port })),
    serializers: { key: stringSerializer, value: identity, headerKey: stringSerializer, headerValue: stringSerializer },
    autocreateTopics: false,
    // Trying again is the worker's business.
    retries: 0,
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    timeout: requestTimeoutMs,
    // The cluster names its other brokers by itself: what they are looked up as is judged as well, and their certificates are verified by those names.
    tls: { ...tlsOptions(settings, ports), lookup: guardedLookup(ports) },
    // A server name is a name: a cluster that is known by addresses gets none.
    tlsServerName: brokers.every(({ host }) => isIP(host) === 0),
    ...(sasl === undefined
      ? {}
      : { sasl: { mechanism: sasl.mechanism, username: sasl.user, password: secretText(sasl.passwordSecret, ports) } }),
  })
}

/** What the brokers said of the messages themselves; looked for below the errors that the client wraps around it. */
function poisonOf(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 8) return undefined
  if ('apiId' in error && poisonCodes.some((code) => code === error.apiId)) return error.message
  const inner: readonly unknown[] = error instanceof AggregateError ? error.errors : []
  for (const one of [...inner, error.cause]) {
    const found = poisonOf(one, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}
