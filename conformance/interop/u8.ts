import { connect as connectTls } from 'node:tls'
import { type Answer, mqtt_v4, mqtt_v5 } from 'u8-mqtt'
import { within } from '../until.ts'
import { type Client, type Heard, Inbox, type Peer, lackedByVersion4, sessionSeconds } from './client.ts'

/** What release 0.6.7 cannot do. */
const lacks: Peer['lacks'] = {
  'QoS 0': 'it throws when it publishes QoS 0',
  'QoS 2': 'it does not acknowledge QoS 2',
  'large payload': 'after a packet that came in pieces it waits for as many bytes again',
  'message properties': 'it writes name and value of a user property as one string',
}

/** u8-mqtt, over TLS. */
export function u8(version: 4 | 5): Peer {
  return {
    name: `u8-mqtt, ${version === 4 ? '3.1.1' : '5'}, mqtts`,
    lacks: version === 4 ? { ...lacks, ...lackedByVersion4 } : lacks,
    open: async (hub, device, { clientId, clean, will }) => {
      const { cert, key } = device
      const socket = connectTls({ host: hub.host, port: hub.ports.mqtt, servername: 'localhost', ca: hub.rootPem, cert, key })
      const client = version === 4 ? mqtt_v4() : mqtt_v5()
      client.log_conn = () => undefined
      client.on_error = () => undefined
      const inbox = new Inbox()
      client.on_topic('#', ({ topic, payload, qos, retain, props }) =>
        inbox.put({ topic, payload: Buffer.from(payload ?? []), qos, retain: Boolean(retain), told: told(props) }),
      )
      client.with_stream(socket)
      const [connack] = await within(
        'CONNACK',
        10_000,
        client.connect({
          client_id: clientId,
          keep_alive: 60,
          // The flags of a will are not added to flags that are given.
          flags: {
            clean_start: clean,
            ...(will === undefined ? {} : { will_flag: true, will_qos: will.qos, will_retain: will.retain ?? false }),
          },
          ...(will === undefined ? {} : { will: { topic: will.topic, payload: will.payload, qos: will.qos } }),
          ...(version === 5 ? { props: { session_expiry_interval: clean ? 0 : sessionSeconds } } : {}),
        }),
      )
      const wrapped: Client = {
        present: Boolean(connack.flags?.session_present),
        subscribe: async (filter, qos, identifier) => {
          const props = identifier === undefined ? {} : { props: { subscription_identifier: identifier } }
          const [suback] = await client.subscribe({ topics: [[filter, { qos }]], ...props })
          return Number(suback.answers?.[0] ?? 0x80)
        },
        publish: async ({ topic, payload, qos, retain, told: say }) => {
          const props = {
            ...(say?.responseTopic === undefined ? {} : { response_topic: say.responseTopic }),
            ...(say?.correlation === undefined ? {} : { correlation_data: Buffer.from(say.correlation) }),
            ...(say?.contentType === undefined ? {} : { content_type: say.contentType }),
            ...(say?.userProperties === undefined ? {} : { user_properties: say.userProperties }),
          }
          return codeOf(await client.pub({ topic, payload, qos, retain: retain ?? false, ...(version === 5 ? { props } : {}) }))
        },
        next: () => inbox.next(),
        end: async () => {
          await client.disconnect()
          const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
          socket.end()
          await within('the socket closes', 10_000, closed)
        },
        vanish: () => void socket.destroy(),
      }
      return wrapped
    },
  }
}

function codeOf(answer: Answer | boolean): number {
  return typeof answer === 'boolean' ? 0 : Number(answer[0]?.reason ?? 0)
}

function told(given: Readonly<Record<string, unknown>> | undefined): Heard['told'] {
  const {
    response_topic: responseTopic,
    correlation_data: correlation,
    content_type: contentType,
    user_properties: own,
    ...rest
  } = given ?? {}
  const identifier = rest['subscription_identifier']
  return {
    ...(typeof responseTopic === 'string' ? { responseTopic } : {}),
    ...(correlation instanceof Uint8Array ? { correlation: Buffer.from(correlation).toString() } : {}),
    ...(typeof contentType === 'string' ? { contentType } : {}),
    ...(typeof own === 'object' && own !== null
      ? { userProperties: Object.fromEntries(Object.entries(own).map(([key, value]) => [key, String(value)])) }
      : {}),
    ...(identifier === undefined ? {} : { identifiers: [identifier].flat().map(Number) }),
  }
}
