import { type TLSSocket, createServer } from 'node:tls'
import type { Desk } from './desk.ts'
import { type Front, ignoreError } from './front.io.ts'
import { isOwnProbe, refuseHandshake } from './handshake-refusal.ts'
import { SocketTransport } from './socket-transport.io.ts'
import { stapleOn } from './staple.ts'
import { tlsSettings } from './tls-settings.ts'
import { peerOf } from './tls-transport.io.ts'
import { type Stranger, openStranger } from './trust-probe.ts'
import { TrustProbeNames } from './trust-probe-names.io.ts'
import { type MqttServer, type TlsWorkers, openTlsWorkers } from './workers/tls-workers.io.ts'

/** The TLS server for MQTT, and the names by which it answers probes of trust. It does not listen: `front` hands it the sockets that were let in. */
export function createMqttServer(desk: Desk, front: Front, strangers: Set<Stranger>): MqttServer {
  const tls = desk.ports.serverTls()
  const names = new TrustProbeNames(tls.probe)
  const settings = tlsSettings(tls, desk.ports.random.bytes(48), front.limits.handshakeMs)
  const server = createServer({ ...settings, SNICallback: names.callback })
  stapleOn(server, desk)
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    refuseHandshake(desk, 'mqtt', peerOf(socket), error, names.isAsked(socket))
    socket.destroy()
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', ignoreError)
    desk.counters.handshakes++
    if (socket.isSessionReused()) desk.counters.resumptions++
    const admit = () => {
      strangers.delete(connection)
      front.proven(socket)
    }
    const transport = new SocketTransport('mqtts', socket, isOwnProbe(desk, socket), admit, names.isAsked(socket))
    const connection = openStranger(transport, desk, front.limits, front.ticket(socket))
    strangers.add(connection)
    socket.on('data', (chunk: Buffer) => connection.receive(chunk))
    socket.on('close', () => {
      strangers.delete(connection)
      connection.lost()
    })
  })
  return {
    emit: (event, socket) => server.emit(event, socket),
    setSecureContext: (next) => server.setSecureContext(next),
    setTicketKeys: (keys) => server.setTicketKeys(keys),
    setProbe: (probe) => names.set(probe),
  }
}

/** The same with TLS in `count` threads of its own; see `workers`. */
export function openMqttWorkers(count: number, desk: Desk, front: Front, strangers: Set<Stranger>): TlsWorkers {
  const tls = desk.ports.serverTls()
  const settings = tlsSettings(tls, desk.ports.random.bytes(48), front.limits.handshakeMs)
  const trouble = (what: string, error: unknown) => desk.ports.trouble?.(what, error)
  const workers = openTlsWorkers(count, { settings, probe: tls.probe }, { desk, front, strangers, trouble })
  const { staple } = desk.ports
  const tell = () => workers.setStaple(staple?.current())
  staple?.onChange(tell)
  tell()
  return workers
}
