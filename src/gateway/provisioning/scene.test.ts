import { type Ticket, freeTicket } from '../admission.ts'
import { Connection } from '../connection.ts'
import { Desk } from '../desk.ts'
import { FakeTransport, gateway, turns } from '../gateway-scene.test.ts'
import { defaultListenerLimits } from '../listener-limits.ts'
import { type ConnectPacket, FrameReader, type MqttPacket, type PublishPacket, encode } from '#wire/mqtt'
import { MemoryProvisioning } from '../../../test/memory-provisioning.ts'

export { turns }

/** A socket that nobody closes. */
class OpenTransport extends FakeTransport {
  override readonly gone = new Promise<void>(() => {})
}

/** A gateway without sockets where devices `d1` (by a key) and `x1` (by a certificate) may register. */
export function registering() {
  const world = gateway()
  const provisioning = new MemoryProvisioning(world.clock)
  provisioning.keys.set('d1', Buffer.alloc(32, 1))
  provisioning.certificates.set('x1', Buffer.from('x1'))
  const troubles: unknown[] = []
  const desk = new Desk({ ...world.desk.ports, provisioning, trouble: (what, error) => void troubles.push([what, error]) })
  const userName = (id: string, scope: string = provisioning.idScope) =>
    `${scope}/registrations/${id}/api-version=2019-03-31&ClientVersion=azure-iot-provisioning-device%2F1.9.1`

  /** A device that has sent CONNECT: by its key where it has one, else by a certificate that is its name. */
  const connect = async (id: string, more: Partial<ConnectPacket> = {}, ticket: Ticket = freeTicket) => {
    const transport = new OpenTransport(id)
    const connection = new Connection(transport, desk, defaultListenerLimits, ticket)
    const version = more.version ?? 4
    const reader = new FrameReader({ role: 'client', version })
    reader.allow(1_000_000)
    const send = (packet: MqttPacket) => connection.receive(encode(packet, version))
    const received = async (): Promise<readonly MqttPacket[]> => {
      await turns()
      for (const bytes of transport.written.splice(0)) reader.push(bytes)
      const packets: MqttPacket[] = []
      for (let packet = reader.next(); packet !== undefined && packet.type !== 'malformed'; packet = reader.next()) packets.push(packet)
      return packets
    }
    const password = provisioning.keys.has(id) ? { password: Buffer.from(provisioning.token(id)) } : {}
    send({ type: 'connect', version, clientId: id, cleanStart: true, keepAliveSeconds: 180, username: userName(id), ...password, ...more })
    await turns()
    const publish = (topic: string, body: string, more: Partial<PublishPacket> = {}) =>
      send({ type: 'publish', topic, payload: Buffer.from(body), qos: 1, packetId: 7, retain: false, dup: false, ...more })
    const subscribe = (filter = '$dps/registrations/res/#', qos: 0 | 1 | 2 = 1) =>
      send({
        type: 'subscribe',
        packetId: 1,
        subscriptions: [{ filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
      })
    return { transport, connection, send, received, publish, subscribe }
  }
  return { ...world, desk, provisioning, connect, userName, troubles }
}

export const registerTopic = '$dps/registrations/PUT/iotdps-register/?$rid=r-1'
export const pollTopic = '$dps/registrations/GET/iotdps-get-operationstatus/?$rid=r-2&operationId=op-'
