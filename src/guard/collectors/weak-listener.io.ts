import { createSocket } from 'node:dgram'
import { type Server, type Socket, createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Instant, Random } from '#base'
import { selfSigned } from './self-signed.ts'

/*
 * Deliberately weak listeners, on loopback and for a moment: the positive controls of the probes. A probe that cannot see the
 * weakness of these proves nothing about ours. None of them holds a key that anybody trusts, or data.
 */

/** A weak listener that is up. Its port is known so that the socket table is not read while it stands. */
export type WeakListener = AsyncDisposable & { readonly port: number }

/** Takes TLS 1.0 to 1.2 with anonymous CBC suites, the curve secp224r1 and SHA-1 signatures: everything that the TLS probes must notice. */
export async function openWeakTls(now: Instant, random: Random): Promise<WeakListener> {
  const server = createTlsServer({
    ...selfSigned('weak', now, random),
    ciphers: 'AECDH-AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0',
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.2',
    ecdhCurve: 'X25519:P-256:secp224r1',
    sigalgs: 'ECDSA+SHA256:ECDSA+SHA1',
  })
  server.on('tlsClientError', () => undefined)
  return listening(server)
}

/** Answers any SSLv3 ClientHello by an SSLv3 ServerHello: no library of today can, so the bytes are written out. */
export async function openWeakSsl3(): Promise<WeakListener> {
  const hello = Buffer.concat([Buffer.from([22, 3, 0, 0, 42, 2, 0, 0, 38, 3, 0]), Buffer.alloc(32, 1), Buffer.from([0, 0, 0x2f, 0])])
  return listening(
    createServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        if (bytes[0] === 22) socket.end(hello)
        else socket.end()
      })
    }),
  )
}

/** Answers MQTT, HTTP and AMQP in the clear, each as a server of that protocol does. */
export async function openWeakPlaintext(): Promise<WeakListener> {
  const answer = (bytes: Buffer): Buffer => {
    if (bytes[0] === 0x10) return Buffer.from([0x20, 2, 0, 0])
    if (bytes.subarray(0, 4).toString('latin1') === 'AMQP') return bytes.subarray(0, 8)
    return Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  }
  return listening(createServer((socket) => void socket.once('data', (bytes: Buffer) => socket.end(answer(bytes)))))
}

/** Answers a CoAP request with 2.05 Content, in the clear. */
export async function openWeakCoap(): Promise<WeakListener> {
  const socket = createSocket('udp4')
  socket.on('message', (bytes, from) => {
    if (bytes.length >= 4) socket.send(Buffer.from([0x60, 0x45, bytes[2] ?? 0, bytes[3] ?? 0]), from.port, from.address)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(0, '127.0.0.1', resolve)
  })
  return { port: socket.address().port, [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())) }
}

async function listening(server: Server): Promise<WeakListener> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('bug: a TCP server has a port')
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
