import type { IncomingMessage, ServerResponse } from 'node:http'
import staticFiles from '@fastify/static'
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type Refusal, type Result, limits, ok } from '#base'
import { parseJson } from '#wire/json'
import { headersFor, hostSet, isLoopback, isOurHost } from './headers.ts'
import { type Identity, csrfHeader, identify, refuseCrossSite } from './identity.ts'
import { streamLimits, streamTo } from './outlet.io.ts'
import type { ControlConfig, ControlPorts } from './ports.ts'
import { type Problem, type Refused, problemOf, problemOfThrown } from './problem.ts'
import type { Route, Streaming } from './route.ts'

/*
 * Theory of operation.
 * Routes come in as values; this file alone knows that they are served by HTTP. In order, for each request: headers of every answer, the Host
 * header, where a browser says the request comes from, who asks; only then is the body read. Validation, rights and the act itself are the
 * route's. What was not declared is not served: the hook on registration throws.
 */

type DoorParts = {
  readonly config: ControlConfig
  readonly ports: ControlPorts
  readonly closing: AbortSignal
  readonly routes: readonly Route[]
}

/** Binds routes to HTTP. Guards that nothing is served but what was declared, and that nobody is served before they are known. */
export class Door {
  readonly #parts: DoorParts
  readonly #hosts: ReadonlySet<string>
  readonly #routes: ReadonlyMap<string, Route>
  readonly #identities = new WeakMap<FastifyRequest, Identity>()
  readonly #app: FastifyInstance
  #streams = 0

  constructor(parts: DoorParts) {
    this.#parts = parts
    this.#hosts = hostSet(parts.config.hostNames)
    this.#routes = new Map(parts.routes.map((route) => [`${route.method} ${fastifyPath(route.path)}`, route] as const))
    this.#app = fastify({
      logger: false,
      exposeHeadRoutes: false,
      trustProxy: false,
      routerOptions: { maxParamLength: 1_024 },
      // A URL that cannot be decoded never reaches the hooks.
      frameworkErrors: (error, request, reply) => void this.#fail(error, request, reply),
    })
  }

  /** Registers everything. Throws when something undeclared is served. */
  async open(): Promise<void> {
    const app = this.#app
    const { consoleDirectory } = this.#parts.config
    const files = new Set(consoleDirectory === undefined ? [] : ['GET /*', 'HEAD /*'])
    app.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat())
        if (!this.#routes.has(`${one} ${url}`) && !files.has(`${one} ${url}`)) throw new Error(`bug: nobody said who may use ${one} ${url}`)
    })
    app.addHook('onRequest', async (request, reply) => this.#admit(request, reply))
    app.setErrorHandler<FastifyError>((error, request, reply) => this.#fail(error, request, reply))
    app.setNotFoundHandler((request, reply) => this.#notFound(request, reply))
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    for (const route of this.#parts.routes)
      app.route({
        method: route.method,
        url: fastifyPath(route.path),
        bodyLimit: route.bodyBytes,
        handler: (request, reply) => this.#serve(route, request, reply),
      })
    if (consoleDirectory !== undefined)
      await app.register(staticFiles, {
        root: consoleDirectory,
        dotfiles: 'ignore',
        redirect: false,
        cacheControl: false,
        setHeaders: (response, path) => void response.header('cache-control', cachingOf(path)),
      })
    await app.ready()
  }

  /** Answers one request. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#app.routing(request, response)
  }

  async close(): Promise<void> {
    await this.#app.close()
  }

  /** Runs before anything of the body is read: a stranger makes us hold no more than headers. */
  async #admit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { headers } = request
    void reply.headers(headersFor(headers.host))
    if (!isOurHost(this.#hosts, headers.host))
      return this.#refuse(reply, {
        code: 'control/unknown-host',
        message: 'This hub does not go by that name. Start it with --name to give it one.',
      })
    const route = this.#routes.get(`${request.method} ${request.routeOptions.url ?? ''}`)
    if (route === undefined) return undefined
    const identity = this.#identify(request)
    if (!identity.ok) return this.#refuse(reply, identity.error)
    if (identity.value !== undefined) this.#identities.set(request, identity.value)
    else if (!('anyone' in route.access)) return this.#refuse(reply, { code: 'access/not-signed-in', message: 'Sign in first.' })
    return undefined
  }

  #identify(request: FastifyRequest): Result<Identity | undefined> {
    const { host, origin, authorization, cookie, forwarded, via } = request.headers
    const fetchSite = headerOf(request, 'sec-fetch-site')
    const same = refuseCrossSite({ host, origin, fetchSite })
    if (!same.ok) return same
    const proxied = forwarded !== undefined || via !== undefined || request.headers['x-forwarded-for'] !== undefined
    const local = isLoopback(request.socket.remoteAddress) && !proxied
    const asking = { method: request.method, host, origin, fetchSite, authorization, cookie, csrf: headerOf(request, csrfHeader), local }
    return identify(asking, this.#parts.ports.operators)
  }

  async #serve(route: Route, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const body = bodyOf(request.body, route.bodyBytes)
    if (!body.ok) return this.#refuse(reply, body.error)
    let other: number | undefined
    const outcome = await route.run({
      params: request.params,
      query: request.query,
      body: body.value,
      identity: this.#identities.get(request),
      address: request.socket.remoteAddress ?? 'unknown',
      header: (name) => headerOf(request, name),
      setHeader: (name, value) => void reply.header(name, value),
      setStatus: (status) => void (other = status),
    })
    if (!outcome.ok) return this.#refuse(reply, outcome.error)
    if ('stream' in outcome.value) return this.#stream(route, outcome.value.stream, request, reply)
    if ('stream' in route.answer) throw new Error('bug: a stream was promised')
    const { value } = outcome.value
    const { type } = route.answer
    const status = other ?? route.answer.status
    if (status === 204) return reply.code(204).send()
    // Written by JSON.stringify and not by a schema: what a handler's types allow is what leaves, and a test compares it with the schema.
    return reply
      .code(status)
      .type(type ?? 'application/json')
      .send(typeof value === 'string' && type !== undefined ? value : JSON.stringify(value))
  }

  #stream(route: Route, stream: Streaming, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    if (this.#streams >= streamLimits.open)
      return this.#refuse(reply, { code: 'control/too-many-streams', message: 'Too many streams are open. Close one, or try again later.' })
    const { ports, closing } = this.#parts
    const identity = this.#identities.get(request)
    this.#streams++
    reply.hijack()
    reply.raw.writeHead(200, {
      ...Object.fromEntries(Object.entries(reply.getHeaders()).filter((entry) => entry[1] !== undefined)),
      'content-type': 'stream' in route.answer ? route.answer.stream : '',
      'x-accel-buffering': 'no',
    })
    reply.raw.flushHeaders()
    streamTo(reply.raw, stream, {
      clock: ports.clock,
      alive: () => identity?.alive() ?? true,
      closing,
      dropped: (reason) => ports.trouble('a stream was dropped', reason),
    })
      .catch((error: unknown) => {
        ports.trouble(`${request.method} ${route.path} (${request.id})`, error)
        reply.raw.destroy()
      })
      .finally(() => this.#streams--)
    return reply
  }

  #refuse(reply: FastifyReply, refusal: Refused): FastifyReply {
    return send(reply, problemOf(refusal))
  }

  /** What was thrown, by us or by the framework. Nothing of it leaves but a code and a sentence of ours. */
  #fail(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    void reply.headers(headersFor(request.headers.host))
    const known = frameworkRefusals.get(error.code)
    if (known !== undefined) return this.#refuse(reply, known)
    if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
      return this.#refuse(reply, { code: 'control/malformed', message: 'The request cannot be read.' })
    this.#parts.ports.trouble(`${request.method} ${request.routeOptions.url ?? ''} (${request.id})`, error)
    return send(reply, problemOfThrown(error, request.id))
  }

  /** Pages of the console are its own business: every address that a browser navigates to gets the page that knows them. */
  #notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { method, url, headers } = request
    const navigates = (method === 'GET' || method === 'HEAD') && (headers.accept ?? '').includes('text/html') && !url.startsWith('/api/')
    // Without that page the framework ends the search by itself, with a plain 404.
    if (navigates && this.#parts.config.consoleDirectory !== undefined) return reply.code(200).sendFile('index.html')
    return this.#refuse(reply, { code: 'control/not-found', message: 'There is nothing here.' })
  }
}

/** What the framework refuses by itself, in our words. */
const frameworkRefusals: ReadonlyMap<string, Refusal> = new Map([
  ['FST_ERR_CTP_BODY_TOO_LARGE', { code: 'control/body-too-large', message: 'The body is larger than this interface takes.' }],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', { code: 'control/media-type', message: 'Bodies must be application/json.' }],
])

function send(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem))
}

function bodyOf(text: unknown, bytes: number): Result<unknown> {
  return typeof text === 'string' && text !== '' ? parseJson(text, bytes, limits.jsonDepth) : ok(undefined)
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** `/devices/{id}` as the router writes it: `/devices/:id`. */
function fastifyPath(path: string): string {
  return path.replaceAll(/\{([A-Za-z]+)\}/g, ':$1')
}

/** Built files carry a digest in their names and never change; the page that names them must be asked for each time. */
function cachingOf(path: string): string {
  return /[\\/]assets[\\/]/.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache'
}
