import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type SecureContext, type TLSSocket, connect, createSecureContext } from 'node:tls'
import { parseArgs } from 'node:util'
import { encode } from '#wire/mqtt'

/** What every load understands; see the scripts for what they make of it. */
export const { values: options } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '8883' },
    certs: { type: 'string', default: '.' },
    clients: { type: 'string', default: '200' },
    window: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '5' },
    warmup: { type: 'string', default: '1' },
    payload: { type: 'string', default: '128' },
    mode: { type: 'string', default: 'publish' },
    subscribers: { type: 'string', default: '100' },
    pairs: { type: 'string', default: '50' },
    rate: { type: 'string', default: '0' },
    filters: { type: 'string', default: '100000' },
    'at-once': { type: 'string', default: '32' },
  },
})
const ca = readFileSync(join(options.certs, 'root.pem'))
const names = readdirSync(options.certs)
  .filter((name) => name.endsWith('.cert.pem'))
  .map((name) => name.slice(0, -'.cert.pem'.length))
const contexts = new Map<string, SecureContext>()

/** The name of the certificate that client `index` uses; there may be fewer certificates than clients. */
export function nameOf(index: number): string {
  return names[index % names.length] ?? ''
}

function contextOf(name: string): SecureContext {
  let context = contexts.get(name)
  if (context === undefined) {
    const read = (kind: string) => readFileSync(join(options.certs, `${name}.${kind}.pem`))
    context = createSecureContext({ ca, cert: read('cert'), key: read('key'), minVersion: 'TLSv1.3' })
    contexts.set(name, context)
  }
  return context
}

/** Opens mutual TLS 1.3 as client `index`. */
export function connectTls(index: number, session?: Buffer): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: options.host,
      port: Number(options.port),
      servername: 'localhost',
      secureContext: contextOf(nameOf(index)),
      ...(session === undefined ? {} : { session }),
    })
    socket.setNoDelay(true)
    socket.once('secureConnect', () => resolve(socket))
    socket.on('error', reject)
  })
}

/** Connects client `index` over mutual TLS 1.3. Resolves when CONNACK with code 0 has come. */
export async function open(index: number, session?: Buffer, clientId = `${nameOf(index)}-${index}`): Promise<TLSSocket> {
  const socket = await connectTls(index, session)
  socket.write(encode({ type: 'connect', version: 4, clientId, cleanStart: true, keepAliveSeconds: 600 }, 4))
  return new Promise((resolve, reject) => {
    socket.once('data', (answer: Buffer) =>
      answer[0] === 0x20 && answer[3] === 0 ? resolve(socket) : reject(new Error(`refused: ${answer.toString('hex')}`)),
    )
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed before CONNACK')))
  })
}

/** Connects clients 0 to `count` less one, `atOnce` at a time. */
export async function openAll(count: number, atOnce = Number(options['at-once'])): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = []
  for (let at = 0; at < count; at += atOnce)
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(atOnce, count - at) }, (_, index) => open(at + index)))))
  return sockets
}

/** The value below which `share` (0 to 1) of the sorted values lie. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** To three digits after the point. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000
}

/** p50, p99 and p99.9 of some milliseconds. */
export function summary(latencies: readonly number[]): { readonly p50: number; readonly p99: number; readonly p999: number } {
  const sorted = Float64Array.from(latencies).sort()
  return { p50: round(percentile(sorted, 0.5)), p99: round(percentile(sorted, 0.99)), p999: round(percentile(sorted, 0.999)) }
}

/** Resolves after so many milliseconds of real time. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
