import { type Server, type TLSSocket, createServer } from 'node:tls'
import { Connection } from './connection.ts'
import type { Desk } from './desk.ts'
import { type Front, ignoreError } from './front.io.ts'
import { isOwnProbe, refuseHandshake } from './handshake-refusal.ts'
import { SocketTransport } from './socket-transport.io.ts'
import { stapleOn } from './staple.ts'
import { tlsSettings } from './tls-settings.ts'
import { peerOf } from './tls-transport.io.ts'
import { type TlsWorkers, openTlsWorkers } from './workers/tls-workers.io.ts'

/** The TLS server for MQTT. It does not listen: `front` hands it the sockets that were let in. */
export function createMqttServer(desk: Desk, front: Front, strangers: Set<Connection>): Server {
  const server = createServer(tlsSettings(desk.ports.serverTls(), desk.ports.random.bytes(48), front.limits.handshakeMs))
  stapleOn(server, desk)
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    refuseHandshake(desk, 'mqtt', peerOf(socket), error)
    socket.destroy()
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', ignoreError)
    desk.counters.handshakes++
    if (socket.isSessionReused()) desk.counters.resumptions++
    const transport = new SocketTransport('mqtts', socket, isOwnProbe(desk, socket), () => {
      strangers.delete(connection)
      front.proven(socket)
    })
    const connection = new Connection(transport, desk, front.limits, front.ticket(socket))
    strangers.add(connection)
    socket.on('data', (chunk: Buffer) => connection.receive(chunk))
    socket.on('close', () => {
      strangers.delete(connection)
      connection.lost()
    })
  })
  return server
}

/** The same with TLS in `count` threads of its own; see `workers`. */
export function openMqttWorkers(count: number, desk: Desk, front: Front, strangers: Set<Connection>): TlsWorkers {
  const settings = tlsSettings(desk.ports.serverTls(), desk.ports.random.bytes(48), front.limits.handshakeMs)
  const trouble = (what: string, error: unknown) => desk.ports.trouble?.(what, error)
  const workers = openTlsWorkers(count, settings, { desk, front, strangers, trouble })
  const { staple } = desk.ports
  const tell = () => workers.setStaple(staple?.current())
  staple?.onChange(tell)
  tell()
  return workers
}
