import Paho from 'paho-mqtt'
import { WebSocket } from 'ws'
import type { HubProcess, TestDevice } from '../hub.ts'
import { within } from '../until.ts'
import { type Client, Inbox, type Peer, type Said, lackedByVersion4 } from './client.ts'

/** Eclipse Paho's JavaScript client: 3.1.1 over a WebSocket. It is made for browsers and takes the global `WebSocket`. */
export const pahoJs: Peer = {
  name: 'Paho JavaScript, 3.1.1, wss',
  lacks: lackedByVersion4,
  open: async (hub, device, { clientId, clean, will }) => {
    const client = new Paho.Client('localhost', hub.ports.https, '/mqtt', clientId)
    const inbox = new Inbox()
    const delivered = new Map<unknown, () => void>()
    client.onMessageArrived = ({ destinationName, payloadBytes, qos, retained }) =>
      inbox.put({ topic: destinationName, payload: Buffer.from(payloadBytes), qos, retain: retained, told: {} })
    client.onMessageDelivered = (message) => delivered.get(message)?.()
    let socket: WebSocket | undefined
    const connected = new Promise<void>((resolve, reject) => {
      socket = withGlobalWebSocket(hub, device, () =>
        client.connect({
          useSSL: true,
          cleanSession: clean,
          mqttVersion: 4,
          mqttVersionExplicit: true,
          keepAliveInterval: 60,
          timeout: 10,
          ...(will === undefined ? {} : { willMessage: message(will) }),
          onSuccess: resolve,
          onFailure: ({ errorMessage }) => reject(new Error(errorMessage)),
        }),
      )
    })
    await connected
    const wrapped: Client = {
      present: undefined,
      subscribe: (filter, qos) =>
        new Promise((resolve) =>
          client.subscribe(filter, {
            qos,
            onSuccess: ({ grantedQos }) => resolve(grantedQos[0] ?? 0x80),
            onFailure: ({ errorCode }) => resolve(errorCode[0] ?? 0x80),
          }),
        ),
      publish: async (said) => {
        const sent = message(said)
        const done = new Promise<void>((resolve) => delivered.set(sent, resolve))
        client.send(sent)
        await done
        return 0
      },
      next: () => inbox.next(),
      end: async () => {
        const closed = new Promise<void>((resolve) => socket?.once('close', () => resolve()))
        client.disconnect()
        await within('the WebSocket closes', 10_000, closed)
      },
      vanish: () => socket?.terminate(),
    }
    return wrapped
  },
}

function message({ topic, payload, qos, retain }: Said): InstanceType<typeof Paho.Message> {
  const made = new Paho.Message(new Uint8Array(payload))
  made.destinationName = topic
  made.qos = qos
  made.retained = retain ?? false
  return made
}

/** Runs `connect` while the global `WebSocket` is one that shows the device's certificate, and returns the one it opened. */
function withGlobalWebSocket(hub: HubProcess, device: TestDevice, connect: () => void): WebSocket {
  const before = globalThis.WebSocket
  let opened: WebSocket | undefined
  const OfDevice = function (address: string, protocols: string[]): WebSocket {
    opened = new WebSocket(address, protocols, { ca: hub.rootPem, cert: device.cert, key: device.key })
    opened.on('error', () => undefined)
    return opened
  }
  Object.assign(globalThis, { WebSocket: OfDevice })
  try {
    connect()
  } finally {
    Object.assign(globalThis, { WebSocket: before })
  }
  if (opened === undefined) throw new Error('Paho opened no WebSocket')
  return opened
}
