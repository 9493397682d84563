import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Server, createServer } from 'node:https'
import { TLSSocket } from 'node:tls'
import { WebSocketServer } from 'ws'
import { limits } from '#base'
import { amqpSubprotocol, amqpWebSocketPaths, serveAmqpWebSocket } from './amqp/amqp-listener.io.ts'
import type { AmqpDoor } from './amqp/door.ts'
import type { Desk } from './desk.ts'
import { type Front, ignoreError } from './front.io.ts'
import { isOwnProbe, refuseHandshake } from './handshake-refusal.ts'
import { openHttpDoor } from './http/http-door.io.ts'
import type { ProbeTls } from './ports.ts'
import { stapleOn } from './staple.ts'
import { tlsSettings } from './tls-settings.ts'
import { peerOf } from './tls-transport.io.ts'
import { type Stranger, openStranger } from './trust-probe.ts'
import { TrustProbeNames } from './trust-probe-names.io.ts'
import { WebSocketTransport } from './websocket-transport.io.ts'

const subprotocol = 'mqtt'
/** The life of the right to upload one file (azure-wire 3.3). */
const longestUploadMs = 60 * 60 * 1000
/** Where MQTT over WebSocket is served: IoT Hub's path for Azure SDKs, and the usual one. */
const webSocketPaths = new Set(['/$iothub/websocket', '/mqtt'])

/**
 * The HTTPS server for devices: WebSocket upgrades, what devices ask, `/healthz`, and what back ends ask, which others answer. It does not listen: `front` hands
 * it its sockets.
 */
export function createHttpsServer(desk: Desk, front: Front, strangers: Set<Stranger>, amqp: AmqpDoor): ProbedServer {
  // What a stranger may send in all: the upgrade request, a CONNECT, and the frames around it.
  const strangerBytes = limits.httpHeaderBytes + 2 * front.limits.reader.mqttConnectBytes
  const tls = desk.ports.serverTls()
  const names = new TrustProbeNames(tls.probe)
  const server = createServer({
    ...tlsSettings(tls, desk.ports.random.bytes(48), front.limits.handshakeMs),
    SNICallback: names.callback,
    ALPNProtocols: ['http/1.1'],
    maxHeaderSize: limits.httpHeaderBytes,
    headersTimeout: front.limits.handshakeMs,
    // For uploads; every other request has the time that CONNECT has (http-door.io.ts).
    requestTimeout: longestUploadMs,
    connectionsCheckingInterval: Math.min(1_000, front.limits.handshakeMs),
    keepAliveTimeout: front.limits.connectMs,
    insecureHTTPParser: false,
  })
  server.maxHeadersCount = 100
  watchConnections(server)
  stapleOn(server, desk)
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: front.limits.maxPacketBytes,
    handleProtocols: (offered, request) => subprotocolFor(pathOf(request), [...offered]) ?? false,
  })
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    refuseHandshake(desk, 'https', peerOf(socket), error, names.isAsked(socket))
    socket.destroy()
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', ignoreError)
    desk.counters.handshakes++
    if (socket.isSessionReused()) desk.counters.resumptions++
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
    else socket.destroy()
  })
  const devices = openHttpDoor(desk, front)
  server.on('request', (request, response) => {
    const { http } = desk.ports
    if (isHealth(request)) return answer(request, response, desk)
    if (devices.serve(request, response)) return
    if (http === undefined) return answer(request, response, desk)
    // Whoever was served has shown who they are.
    response.once('finish', () => {
      if (response.statusCode < 400) front.proven(request.socket)
    })
    http(request, response)
  })

  server.on('upgrade', (request: IncomingMessage, socket, head) => {
    socket.on('error', ignoreError)
    const path = pathOf(request)
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    if (!(socket instanceof TLSSocket) || !(webSocketPaths.has(path) || amqpWebSocketPaths.has(path)))
      return turnAway(socket, '404 Not Found')
    const spoken = subprotocolFor(path, offered)
    if (spoken === undefined) return turnAway(socket, '400 Bad Request')
    // Browsers send Origin; a page of somebody else must not use the certificate of whoever looks at it (cross-site WebSocket hijacking).
    if (request.headers.origin !== undefined && !sameHost(request.headers.origin, request.headers.host))
      return turnAway(socket, '403 Forbidden')
    if (front.ticket(socket).late !== undefined) return turnAway(socket, '503 Service Unavailable')
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (spoken === amqpSubprotocol) return serveAmqpWebSocket(desk, front, amqp, webSocket, socket)
      let budget = strangerBytes
      const count = (chunk: Buffer) => {
        budget -= chunk.length
        if (budget < 0) socket.destroy()
      }
      socket.prependListener('data', count)
      const admit = () => {
        socket.off('data', count)
        strangers.delete(connection)
        front.proven(socket)
      }
      const transport = new WebSocketTransport('wss', webSocket, socket, isOwnProbe(desk, socket), admit, names.isAsked(socket))
      const connection = openStranger(transport, desk, front.limits, front.ticket(socket))
      strangers.add(connection)
      webSocket.on('error', ignoreError)
      webSocket.on('message', (data, isBinary) => {
        // [MQTT-6.0.0-1]: MQTT travels in binary frames alone.
        if (!isBinary || !Buffer.isBuffer(data)) webSocket.close(1003)
        else connection.receive(data)
      })
      webSocket.on('close', () => {
        strangers.delete(connection)
        connection.lost()
      })
    })
  })
  return Object.assign(server, { setProbe: (probe: ProbeTls | undefined) => names.set(probe) })
}

/** The server, and how it answers probes of trust in a new root. */
export type ProbedServer = Server & { setProbe(probe: ProbeTls | undefined): void }

/** Makes a server look after slow and idle connections, which Node begins when a server listens: this one is handed its sockets. */
export function watchConnections(server: Pick<Server, 'emit'>): void {
  server.emit('listening')
}

function pathOf({ url }: IncomingMessage): string {
  return (url ?? '').split('?', 1)[0] ?? ''
}

/** The one of the offered subprotocols that is served at this path. */
function subprotocolFor(path: string, offered: readonly string[]): string | undefined {
  if (webSocketPaths.has(path) && offered.includes(subprotocol)) return subprotocol
  return amqpWebSocketPaths.has(path) && offered.includes(amqpSubprotocol) ? amqpSubprotocol : undefined
}

function answer(request: IncomingMessage, response: ServerResponse, desk: Desk): void {
  const [status, body] = isHealth(request) ? health([...desk.ports.health(), ...desk.overload.reasons]) : ([404, notFound] as const)
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(status, {
    'content-type': status === 404 ? 'application/problem+json' : 'application/json',
    'content-length': bytes.length,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

function isHealth({ url, method }: IncomingMessage): boolean {
  return url === '/healthz' && (method === 'GET' || method === 'HEAD')
}

const notFound = {
  type: 'about:blank',
  title: 'Not Found',
  status: 404,
  code: 'gateway/not-found',
  detail: 'This listener serves devices: MQTT over WebSocket, and /healthz.',
}

function health(reasons: readonly string[]): readonly [number, object] {
  return reasons.length === 0 ? [200, { status: 'ok' }] : [503, { status: 'degraded', reasons }]
}

function sameHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host
}

function turnAway(socket: NodeJS.WritableStream & { destroy?(): void }, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}
