import { type Server, type TLSSocket, createServer } from 'node:tls'
import type { WebSocket } from 'ws'
import type { Desk } from '../desk.ts'
import { type Front, ignoreError } from '../front.io.ts'
import { isOwnProbe, refuseHandshake } from '../handshake-refusal.ts'
import { SocketTransport } from '../socket-transport.io.ts'
import { stapleOn } from '../staple.ts'
import { tlsSettings } from '../tls-settings.ts'
import { peerOf } from '../tls-transport.io.ts'
import { WebSocketTransport } from '../websocket-transport.io.ts'
import type { AmqpDoor } from './door.ts'
import { amqpLimits } from './limits.ts'

/** The subprotocol of AMQP over WebSocket (azure-wire 0.1). */
export const amqpSubprotocol = 'AMQPWSB10'
/** The paths that serve it: IoT Hub's, and that of Event Hubs. */
export const amqpWebSocketPaths: ReadonlySet<string> = new Set(['/$iothub/websocket', '/$servicebus/websocket'])

/** The TLS server for AMQP. It does not listen: `front` hands it the sockets that were let in. */
export function createAmqpServer(desk: Desk, front: Front, door: AmqpDoor): Server {
  const server = createServer(tlsSettings(desk.ports.serverTls(), desk.ports.random.bytes(48), front.limits.handshakeMs))
  stapleOn(server, desk)
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    refuseHandshake(desk, 'amqp', peerOf(socket), error)
    socket.destroy()
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', ignoreError)
    desk.counters.handshakes++
    if (socket.isSessionReused()) desk.counters.resumptions++
    const transport = new SocketTransport('amqps', socket, isOwnProbe(desk, socket), () => front.proven(socket))
    const connection = door.accept(transport, front.ticket(socket), front.limits.publishesPerSecondPerIdentity)
    socket.on('data', (chunk: Buffer) => connection.receive(chunk))
    socket.on('drain', () => connection.wake())
    socket.on('close', () => connection.lost())
  })
  return server
}

/** Serves AMQP on a WebSocket that was upgraded. Until the peer has proven who it is, what its socket may bring is counted, frames of WebSocket included. */
export function serveAmqpWebSocket(desk: Desk, front: Front, door: AmqpDoor, webSocket: WebSocket, socket: TLSSocket): void {
  let budget = 2 * amqpLimits.strangerBytes
  const count = (chunk: Buffer) => {
    budget -= chunk.length
    if (budget < 0) socket.destroy()
  }
  socket.prependListener('data', count)
  const transport = new WebSocketTransport('amqp-ws', webSocket, socket, isOwnProbe(desk, socket), () => {
    socket.off('data', count)
    front.proven(socket)
  })
  const connection = door.accept(transport, front.ticket(socket), front.limits.publishesPerSecondPerIdentity)
  socket.on('drain', () => connection.wake())
  webSocket.on('error', ignoreError)
  webSocket.on('message', (data, isBinary) => {
    if (!isBinary || !Buffer.isBuffer(data)) webSocket.close(1003)
    else connection.receive(data)
  })
  webSocket.on('close', () => connection.lost())
}
