import { Agent, type RequestOptions, request } from 'node:https'
import type { Secret } from '#base'

/** One question to a server of somebody else. */
export type Question = {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers: ReadonlyMap<string, string>
  readonly body?: string
}

/** What came back, whatever the status. */
export type HttpAnswer = { readonly status: number; readonly contentType: string; readonly body: Buffer }

/** Asks; undefined when there was no whole answer in time and within bounds, whatever the reason. Redirects are answers like any other. */
export type Ask = (question: Question) => Promise<HttpAnswer | undefined>

/** How a server is asked: whom to trust (PEM; undefined: the authorities of the system), who we are, and the bounds of an answer. */
export type HttpsConfig = {
  readonly caPem: string | undefined
  readonly client: { readonly certificatePem: string; readonly keyPem: Secret } | undefined
  readonly timeoutMs: number
  readonly answerBytes: number
  readonly sockets: number
}

/** Opens a client of one HTTPS server: its certificate is always verified. Connections are kept; dispose of it to close them. */
export function openHttpsClient(config: HttpsConfig): { readonly ask: Ask } & Disposable {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: config.sockets,
    maxFreeSockets: 4,
    minVersion: 'TLSv1.2',
    ...(config.caPem === undefined ? {} : { ca: config.caPem }),
    ...(config.client === undefined
      ? {}
      : { cert: config.client.certificatePem, key: config.client.keyPem.use((bytes) => bytes.toString('utf8')) }),
  })
  return { ask: (question) => askOnce(question, config, agent, true), [Symbol.dispose]: () => agent.destroy() }
}

function askOnce(question: Question, config: HttpsConfig, agent: Agent, mayRepeat: boolean): Promise<HttpAnswer | undefined> {
  const { promise, resolve } = Promise.withResolvers<HttpAnswer | undefined>()
  const options: RequestOptions = {
    agent,
    method: question.method,
    // One deadline for everything: a peer that sends a byte a second must not hold us.
    signal: AbortSignal.timeout(config.timeoutMs),
    maxHeaderSize: 16 * 1024,
    headers: {
      ...Object.fromEntries(question.headers),
      accept: 'application/json',
      'accept-encoding': 'identity',
      ...(question.body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(question.body) }),
    },
  }
  const asked = request(question.url, options, (response) => {
    const chunks: Buffer[] = []
    let bytes = 0
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= config.answerBytes) chunks.push(chunk)
      else response.destroy()
    })
    response.on('end', () => {
      if (!response.complete || bytes > config.answerBytes) return resolve(undefined)
      resolve({ status: response.statusCode ?? 0, contentType: response.headers['content-type'] ?? '', body: Buffer.concat(chunks) })
    })
    response.on('error', () => resolve(undefined))
    response.on('close', () => resolve(undefined))
  })
  asked.on('error', (error: NodeJS.ErrnoException) => {
    // A connection that was kept can have been closed by the other side just now; that says nothing about the server.
    if (mayRepeat && asked.reusedSocket && error.code === 'ECONNRESET') resolve(askOnce(question, config, agent, false))
    else resolve(undefined)
  })
  asked.end(question.body)
  return promise
}
