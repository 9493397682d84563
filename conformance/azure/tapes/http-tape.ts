import type { IncomingMessage } from 'node:http'
import { type Server, createServer, request } from 'node:https'
import type { HubProcess } from '../../hub.ts'
import { tapeAddress, tapeHost } from '../suite-hub.ts'
import type { Tape } from './mqtt-tape.ts'
import { type Line, type OwnCertificate, normal } from './tape.ts'

/** An answer: status, the headers that clients read, and body. */
export type Answer = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }

/** Headers that say something of a message; the rest is between any client and any server. */
const telling = /^(iothub-(?!name)|if-match$|etag$)/

/** Stands between a device and the hub, and writes down what either asks and answers. */
export const recordHttp = (own: OwnCertificate, hub: HubProcess): Promise<Tape> =>
  listen(own, async (incoming, body) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const { method = '', url: path = '' } = incoming
    const place = { host: hub.host, port: hub.ports.https, ca: hub.rootPem, servername: tapeHost, agent: false }
    const outgoing = request({ ...place, method, path, headers: { ...incoming.headers, connection: 'close' } }, (response) => {
      const headers = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
      readAll(response).then((text) => resolve({ status: response.statusCode ?? 0, headers, body: text }), reject)
    })
    outgoing.on('error', reject)
    outgoing.end(body)
    return promise
  })

/** Plays the server's part: each request, by its method and path, has its answers in turn, and then the last again. */
export function replayHttp(own: OwnCertificate, answers: Readonly<Record<string, readonly Answer[]>>): Promise<Tape> {
  const asked = new Map<string, number>()
  return listen(own, async ({ method = '', url = '' }) => {
    const what = `${method} ${url.replace(/\?.*?(&reject)?$/, '$1')}`
    const turn = asked.get(what) ?? 0
    asked.set(what, turn + 1)
    const its = answers[what] ?? []
    return its[Math.min(turn, its.length - 1)] ?? { status: 500, headers: {}, body: '' }
  })
}

async function listen(own: OwnCertificate, answer: (incoming: IncomingMessage, body: string) => Promise<Answer>): Promise<Tape> {
  const lines: Line[] = []
  const server: Server = createServer({ cert: own.cert, key: own.key }, (incoming, response) => {
    void (async () => {
      const body = await readAll(incoming)
      const said = await answer(incoming, body)
      // How often a device looks in vain is its own affair.
      if (incoming.method !== 'GET' || said.status !== 204) {
        lines.push(normal(`C ${incoming.method} ${incoming.url} ${told(incoming.headers)} ${body}`))
        lines.push(normal(`S ${said.status} ${told(said.headers)} ${said.body}`))
      }
      const { 'transfer-encoding': _chunked, 'content-length': _length, ...headers } = said.headers
      response.writeHead(said.status, said.status === 204 ? headers : { ...headers, 'content-length': Buffer.byteLength(said.body) })
      response.end(said.body)
    })().catch(() => response.destroy())
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject).listen(443, tapeAddress, () => resolve())
  await promise
  return {
    lines,
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections()
      return new Promise<void>((done) => void server.close(() => done()))
    },
  }
}

const told = (headers: Readonly<Record<string, unknown>>): string =>
  Object.entries(headers)
    .filter(([name]) => telling.test(name))
    .map(([name, value]) => `${name}: ${String(value)}`)
    .toSorted()
    .join(', ')

async function readAll(stream: AsyncIterable<unknown>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of stream) if (part instanceof Uint8Array) parts.push(part)
  return Buffer.concat(parts).toString()
}
