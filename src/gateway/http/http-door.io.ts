import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import { azureErrorReply } from '#wire/azure'
import type { Desk } from '../desk.ts'
import type { Front } from '../front.io.ts'
import { isOwnProbe } from '../handshake-refusal.ts'
import { certificateChain } from '../tls-transport.io.ts'
import { BlobApi } from './blob-api.ts'
import { DeviceApi } from './device-api.ts'
import type { HttpCall, HttpPeer, HttpReply } from './http-call.ts'
import { Sites } from './sites.ts'

/** A request that was not read to its end, and has more to come than this, ends its connection. */
const drainedBytes = 256 * 1024

const alwaysHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'strict-transport-security': 'max-age=31536000' }

/** Where requests of devices come in. */
export interface HttpDoor {
  /** Answers a request of a device, or of an upload. False: it is for somebody else. */
  serve(request: IncomingMessage, response: ServerResponse): boolean
}

/** Opens the device API on the HTTPS listener behind `front`. A body has `front.limits.connectMs` to come whole; that of an upload only must not stop. */
export function openHttpDoor(desk: Desk, front: Front): HttpDoor {
  const devices = new DeviceApi(desk, front.limits.publishesPerSecondPerIdentity)
  const blobs = new BlobApi(desk)
  const sites = new Sites(desk)
  const slow = (request: IncomingMessage) => {
    const cancel = desk.ports.clock.after(front.limits.connectMs, () => {
      if (!request.complete) request.destroy()
    })
    request.once('close', cancel)
  }
  return {
    serve(request, response) {
      const call = callOf(desk, front, request)
      const isBlob = call !== undefined && blobs.serves(call.target)
      if (!isBlob) slow(request)
      const answer = call === undefined ? undefined : isBlob ? blobs.answer(call) : (sites.answer(call) ?? devices.answer(call))
      if (answer === undefined) return false
      desk.counters.bytesIn += Number(request.headers['content-length'] ?? 0)
      answer
        .catch((error: unknown): HttpReply => {
          desk.ports.trouble?.('a request of a device failed', error)
          return azureErrorReply({ code: 'gateway/failed', message: 'The hub could not do this now.' }, '', desk.ports.clock.now())
        })
        .then((reply) => write(request, response, reply))
        .catch((error: unknown) => {
          desk.ports.trouble?.('an answer to a device failed', error)
          request.destroy()
        })
      return true
    },
  }
}

function callOf(desk: Desk, front: Front, request: IncomingMessage): HttpCall | undefined {
  const { socket, method = '', url = '', headers } = request
  if (!(socket instanceof TLSSocket)) return undefined
  const ticket = front.ticket(socket)
  const peer: HttpPeer = {
    kind: 'https',
    address: socket.remoteAddress ?? 'unknown',
    isProbe: isOwnProbe(desk, socket),
    certificates: () => certificateChain(socket),
    proven: () => front.proven(socket),
    denied: () => ticket.denied(),
  }
  return { method, target: url, headers, body: request, peer, cut: () => void request.destroy() }
}

function write(request: IncomingMessage, response: ServerResponse, { status, headers, body = '' }: HttpReply): void {
  if (response.destroyed) return
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  if (!request.complete) {
    if (Number(request.headers['content-length'] ?? 0) >= drainedBytes) response.setHeader('connection', 'close')
    drain(request)
  }
  // What is asked for by HEAD is as long as it says, though nothing comes.
  const length =
    status === 204 || (request.method === 'HEAD' && headers?.['content-length'] !== undefined) ? {} : { 'content-length': bytes.length }
  response.writeHead(status, { ...alwaysHeaders, ...headers, ...length })
  response.end(bytes)
}

/** Lets go of the rest of a body, so that the peer comes to read its answer; one that goes on and on is cut off. */
function drain(request: IncomingMessage): void {
  let drained = 0
  request.on('data', (chunk: Buffer) => {
    drained += chunk.length
    if (drained > drainedBytes) request.destroy()
  })
}
