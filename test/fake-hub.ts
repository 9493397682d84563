import { type KeyObject, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Server, createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { instant } from '#base'
import {
  encodeCertificate,
  encodeExtensions,
  encodeName,
  encodePem,
  encodeTbsCertificate,
  keyIdentifier,
  oids,
  parsePublicKey,
} from '#wire/x509'

/** A request as a route sees it. */
export type Call = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: unknown
  readonly headers: IncomingMessage['headers']
}

/** Answers one call. Undefined: 404. */
export type Route = (call: Call, response: ServerResponse) => unknown

const day = 24 * 3_600_000

/** A root and a server certificate for this machine, really signed, good today. */
export function makeIdentity(): { readonly rootPem: string; readonly certPem: string; readonly keyPem: string } {
  const root = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = `throwaway root ${randomBytes(4).toString('hex')}`
  const rootPem = certify({ subject: name, issuer: name, key: root.publicKey, by: root.privateKey, byPublic: root.publicKey, ca: true })
  const certPem = certify({
    subject: 'localhost',
    issuer: name,
    key: leaf.publicKey,
    by: root.privateKey,
    byPublic: root.publicKey,
    ca: false,
  })
  return { rootPem, certPem, keyPem: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }) }
}

type Wish = {
  readonly subject: string
  readonly issuer: string
  readonly key: KeyObject
  readonly by: KeyObject
  readonly byPublic: KeyObject
  readonly ca: boolean
}

function certify({ subject, issuer, key, by, byPublic, ca }: Wish): string {
  const [subjectKey, issuerKey] = [key, byPublic].map((one) => parsePublicKey(one.export({ type: 'spki', format: 'der' })))
  if (!subjectKey?.ok || !issuerKey?.ok) throw new Error('a fresh key cannot be read')
  const extensions = encodeExtensions({
    ...(ca ? { ca: { pathLength: 0 } } : {}),
    keyUsage: ca ? ['keyCertSign', 'cRLSign'] : ['digitalSignature'],
    extendedKeyUsage: ca ? [] : [oids.serverAuth],
    ...(ca
      ? {}
      : {
          alternativeNames: [
            { kind: 'dns', value: 'localhost' },
            { kind: 'address', value: '127.0.0.1' },
          ] as const,
        }),
    subjectKeyId: keyIdentifier(subjectKey.value),
    authorityKeyId: keyIdentifier(issuerKey.value),
  })
  const tbs = encodeTbsCertificate({
    serial: Buffer.concat([Buffer.from([0x5a]), randomBytes(15)]),
    algorithm: 'ecdsa-sha256',
    issuer: encodeName({ commonName: issuer }),
    notBefore: instant(Date.now() - day),
    notAfter: instant(Date.now() + day),
    subject: encodeName({ commonName: subject }),
    publicKey: subjectKey.value.der,
    extensions,
  })
  return encodePem('CERTIFICATE', encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, by)))
}

/**
 * A server that speaks the control API over real TLS from routes that a test gives, with a data directory such as a hub leaves. It demands the
 * credential as the hub does, and remembers what it was asked.
 */
export class FakeHub implements AsyncDisposable {
  readonly directory: string
  readonly credential: string
  readonly calls: Call[] = []
  readonly #server: Server
  readonly #routes: Map<string, Route>
  port = 0

  private constructor(routes: Readonly<Record<string, Route>>) {
    const identity = makeIdentity()
    this.directory = mkdtempSync(join(tmpdir(), 'thingwall-cli-'))
    this.credential = randomBytes(32).toString('base64url')
    this.#routes = new Map(Object.entries(routes))
    this.#server = createServer(
      { cert: identity.certPem, key: identity.keyPem },
      (request, response) => void this.#answer(request, response),
    )
    writeFileSync(join(this.directory, 'root.pem'), identity.rootPem)
    writeFileSync(join(this.directory, 'cli.credential'), this.credential, { mode: 0o600 })
  }

  /** Routes are named `GET /api/v1/devices/:id`. A route gives the JSON to answer with 200, or writes the answer itself and gives undefined. */
  static async open(routes: Readonly<Record<string, Route>>): Promise<FakeHub> {
    const hub = new FakeHub(routes)
    await hub.listen()
    return hub
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, '127.0.0.1', resolve))
    const address = this.#server.address()
    this.port = typeof address === 'object' && address !== null ? address.port : 0
    const said = {
      pid: process.pid,
      version: '0.1.0',
      consoleUrl: `https://localhost:${this.port}`,
      mqttPort: this.port,
      httpsPort: this.port,
      consolePort: this.port,
    }
    writeFileSync(
      join(this.directory, 'hub.json'),
      JSON.stringify({ ...said, hostNames: ['localhost'], startedAt: new Date().toISOString() }),
    )
  }

  /** Stops listening and cuts every connection; `listen` opens the same port again. */
  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://localhost')
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const call = {
      method: request.method ?? '',
      path: decodeURIComponent(url.pathname),
      query: url.searchParams,
      body,
      headers: request.headers,
    }
    this.calls.push(call)
    if (url.pathname !== '/healthz' && request.headers.authorization !== `Bearer ${this.credential}`)
      return problem(response, 401, 'access/not-signed-in', 'Sign in first.')
    const route = [...this.#routes].find(([pattern]) => matches(pattern, `${call.method} ${call.path}`))?.[1]
    if (!route) return problem(response, 404, 'control/no-such-route', 'There is nothing here.')
    const answer: unknown = await route(call, response)
    if (answer === undefined) return
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
    response.end(JSON.stringify(answer))
  }
}

function matches(pattern: string, asked: string): boolean {
  return new RegExp(`^${pattern.replace(/:[a-z]+/g, '[^/]+')}$`).test(asked)
}

/** Answers with a problem document (RFC 9457). */
export function problem(response: ServerResponse, status: number, code: string, detail: string): undefined {
  response.writeHead(status, { 'content-type': 'application/problem+json' })
  response.end(JSON.stringify({ type: 'about:blank', title: 'No', status, code, detail }))
  return undefined
}
