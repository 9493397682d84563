import { type IClientOptions, type IClientPublishOptions, type IPublishPacket, connect } from 'mqtt'
import type { Transport } from '../raw-client.ts'
import { type Client, type Heard, Inbox, type Peer, type Said, lackedByVersion4, sessionSeconds } from './client.ts'

/** MQTT.js 5, as one version of the protocol on one of the two roads. */
export function mqttJs(version: 4 | 5, transport: Transport): Peer {
  return {
    name: `MQTT.js, ${version === 4 ? '3.1.1' : '5'}, ${transport}`,
    lacks: version === 4 ? lackedByVersion4 : {},
    open: async (hub, device, { clientId, clean, will }) => {
      const options: IClientOptions = {
        protocol: transport,
        host: 'localhost',
        port: transport === 'mqtts' ? hub.ports.mqtt : hub.ports.https,
        path: '/mqtt',
        ca: device.ca,
        cert: device.cert,
        key: device.key,
        protocolVersion: version,
        clientId,
        clean,
        reconnectPeriod: 0,
        ...(version === 5 ? { properties: { sessionExpiryInterval: clean ? 0 : sessionSeconds } } : {}),
        ...(will === undefined ? {} : { will: { topic: will.topic, payload: will.payload, qos: will.qos, retain: will.retain ?? false } }),
      }
      const client = connect(options)
      const inbox = new Inbox()
      client.on('message', (topic, payload, packet) => inbox.put(heardOf(topic, payload, packet)))
      const present = await new Promise<boolean>((resolve, reject) => {
        client.once('connect', (connack) => resolve(connack.sessionPresent))
        client.once('error', reject)
        client.once('close', () => reject(new Error('closed before CONNACK')))
      })
      client.on('error', () => undefined)
      const wrapped: Client = {
        present,
        subscribe: async (filter, qos, identifier) => {
          const properties = identifier === undefined ? {} : { properties: { subscriptionIdentifier: identifier } }
          const [grant] = await client.subscribeAsync(filter, { qos, ...properties })
          return grant?.qos ?? 0x80
        },
        publish: (message) =>
          new Promise((resolve, reject) => {
            client.publish(message.topic, message.payload, publishOptions(message), (error) => {
              if (error === undefined || error === null) resolve(0)
              else if ('code' in error && typeof error.code === 'number') resolve(error.code)
              else reject(error)
            })
          }),
        next: () => inbox.next(),
        end: () => client.endAsync(),
        vanish: () => {
          client.stream.destroy()
          client.end(true)
        },
      }
      return wrapped
    },
  }
}

function publishOptions({ qos, retain, told }: Said): IClientPublishOptions {
  if (told === undefined) return { qos, retain: retain ?? false }
  return {
    qos,
    retain: retain ?? false,
    properties: {
      ...(told.responseTopic === undefined ? {} : { responseTopic: told.responseTopic }),
      ...(told.correlation === undefined ? {} : { correlationData: Buffer.from(told.correlation) }),
      ...(told.contentType === undefined ? {} : { contentType: told.contentType }),
      ...(told.userProperties === undefined ? {} : { userProperties: { ...told.userProperties } }),
    },
  }
}

function heardOf(topic: string, payload: Buffer, { qos, retain, properties }: IPublishPacket): Heard {
  const identifiers = properties?.subscriptionIdentifier
  return {
    topic,
    payload,
    qos,
    retain,
    told: {
      ...(properties?.responseTopic === undefined ? {} : { responseTopic: properties.responseTopic }),
      ...(properties?.correlationData === undefined ? {} : { correlation: properties.correlationData.toString() }),
      ...(properties?.contentType === undefined ? {} : { contentType: properties.contentType }),
      ...(properties?.userProperties === undefined ? {} : { userProperties: textOnly(properties.userProperties) }),
      ...(identifiers === undefined ? {} : { identifiers: [identifiers].flat() }),
    },
  }
}

function textOnly(properties: Readonly<Record<string, string | readonly string[]>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, [value].flat().join(',')]))
}
