import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ServiceCaller, coversResource } from '#access'
import { Fault, type Result, limits, ok, refuse, uuid } from '#base'
import { type Json, parseJson } from '#wire/json'
import { BodyBudget, readBody } from './body.ts'
import { matchPath, pathSegments, plainPath } from './match.ts'
import type { AzureServicePorts } from './ports.ts'
import { type AzureRefusal, type Reply, type Written, writtenRefusal, writtenReply } from './reply.ts'
import type { AzureRoute } from './route.ts'
import { azureRoutes } from './routes.ts'
import { Throttle, defaultAzureThrottles } from './throttles.ts'

/*
 * Theory of operation.
 * This file alone knows that routes are served by HTTP. In order, for each request: which route, who asks, does the token cover this path, has
 * the caller the rights, is it too often, which version of the interface; only then is the body read. A stranger makes us hold headers, no more.
 * What waits is bounded: requests in process, bytes of bodies, bytes of answers that nobody reads.
 */

/** The service REST surface of IoT Hub, for the HTTPS listener. */
export type AzureService = {
  /** Answers one request. Never throws. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
  /** Every route, for tests. */
  readonly routes: readonly AzureRoute[]
}

/** What may wait at a time. */
export const azureServiceLimits = {
  requests: 2_048,
  requestsPerCaller: 512,
  /** Bytes of bodies that are being read or worked on. */
  bodyBytes: 64 * 1024 * 1024,
  /** Bytes of answers that are written and not yet gone. */
  replyBytes: 128 * 1024 * 1024,
  /** How long an answer may take to leave once it is there. */
  replyMs: 60_000,
  urlLength: 8 * 1024,
} as const

const apiVersion = /^\d{4}-\d{2}-\d{2}(-preview)?$/

/** Opens the surface. */
export function openAzureService(ports: AzureServicePorts, routes: readonly AzureRoute[] = azureRoutes): AzureService {
  const service = new Service(ports, routes)
  return { handle: (request, response) => service.handle(request, response), routes }
}

/** Guards that what waits stays bounded. */
class Service {
  readonly #ports: AzureServicePorts
  readonly #routes: readonly AzureRoute[]
  readonly #throttle: Throttle
  readonly #bodies = new BodyBudget(azureServiceLimits.bodyBytes)
  readonly #inProcess = new Map<string, number>()
  #requests = 0
  #replyBytes = 0

  constructor(ports: AzureServicePorts, routes: readonly AzureRoute[]) {
    this.#ports = ports
    this.#routes = routes
    this.#throttle = new Throttle(ports.throttles ?? defaultAzureThrottles, ports.clock)
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const requestId = uuid(this.#ports.random)
    request.on('error', ignoreError)
    response.on('error', ignoreError)
    this.#requests++
    this.#answer(request, requestId)
      .then(
        (outcome) =>
          outcome.ok ? writtenReply(outcome.value, requestId) : writtenRefusal(outcome.error, requestId, this.#ports.clock.now()),
        (error: unknown) => {
          this.#ports.trouble(`${request.method ?? ''} ${(request.url ?? '').split('?', 1)[0] ?? ''} (${requestId})`, error)
          return writtenRefusal(thrown(error), requestId, this.#ports.clock.now())
        },
      )
      .then((written) => this.#write(written, request, response))
      .catch((error: unknown) => {
        this.#ports.trouble(`writing an answer (${requestId})`, error)
        response.destroy()
      })
      .finally(() => this.#requests--)
  }

  async #answer(request: IncomingMessage, requestId: string): Promise<Result<Reply, AzureRefusal>> {
    if (this.#requests > azureServiceLimits.requests || this.#replyBytes > azureServiceLimits.replyBytes) return busy
    const url = request.url ?? ''
    const found = url.length > azureServiceLimits.urlLength ? notFound : this.#route(request.method ?? '', url)
    if (!found.ok) return found
    const { route, ids } = found.value
    const proven = await this.#prove(request)
    if (!proven.ok) return proven
    const { caller, scope } = proven.value
    const path = plainPath(route.pattern, ids)
    if (!coversResource(scope, path)) return refuse('control/azure-scope', 'The token is for another resource.', scope)
    const allowed = route.allow(caller, path)
    if (!allowed.ok) return allowed
    const who = `${caller.actor.kind}:${caller.actor.id}`
    const late = this.#throttle.take(who, route.throttle, 1)
    if (late !== undefined) return throttled(late)
    const query = new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length))
    if (!apiVersion.test(query.get('api-version') ?? ''))
      return refuse('control/azure-api-version', 'The query must have an api-version such as 2021-04-12.')
    return this.#inTurn(who, async () => {
      using read = await readBody(request, route.bodyBytes, this.#bodies)
      if (!read.outcome.ok) return read.outcome
      const body = jsonBody(request, read.outcome.value, route.bodyBytes)
      if (!body.ok) return body
      const more = this.#cost(who, route, body.value)
      if (more !== undefined) return throttled(more)
      return await route.run({
        ports: this.#ports,
        caller,
        body: body.value,
        path,
        requestId,
        id: (name) => ids.get(name) ?? '',
        query: (name) => query.get(name) ?? undefined,
        header: (name) => headerOf(request, name),
      })
    })
  }

  #cost(who: string, route: AzureRoute, body: Json): number | undefined {
    const cost = route.cost(body)
    return cost > 1 ? this.#throttle.take(who, route.throttle, cost - 1) : undefined
  }

  #route(method: string, url: string): Result<{ readonly route: AzureRoute; readonly ids: ReadonlyMap<string, string> }> {
    const parts = pathSegments(url)
    if (parts === undefined) return notFound
    let isPath = false
    for (const route of this.#routes) {
      const ids = matchPath(route.pattern, parts)
      if (ids === undefined) continue
      isPath = true
      if (route.method !== method) continue
      return ids.ok ? ok({ route, ids: ids.value }) : ids
    }
    return isPath ? refuse('control/azure-method-not-allowed', 'This method is not for this path.') : notFound
  }

  async #prove(request: IncomingMessage): Promise<Result<ServiceCaller>> {
    const token = headerOf(request, 'authorization')
    if (token === undefined || token === '') return refuse('access/not-signed-in', 'A token is needed.')
    return await this.#ports.services.authenticate(token, { address: request.socket.remoteAddress ?? 'unknown', kind: 'http' })
  }

  /** Runs a request of a caller that does not have too many in process. */
  async #inTurn(who: string, work: () => Promise<Result<Reply, AzureRefusal>>): Promise<Result<Reply, AzureRefusal>> {
    const mine = this.#inProcess.get(who) ?? 0
    if (mine >= azureServiceLimits.requestsPerCaller) return busy
    this.#inProcess.set(who, mine + 1)
    try {
      return await work()
    } finally {
      const left = (this.#inProcess.get(who) ?? 1) - 1
      if (left === 0) this.#inProcess.delete(who)
      else this.#inProcess.set(who, left)
    }
  }

  #write({ status, headers, body }: Written, request: IncomingMessage, response: ServerResponse): void {
    if (response.destroyed) return
    const bytes = Buffer.from(body)
    this.#replyBytes += bytes.length
    const stop = this.#ports.clock.after(azureServiceLimits.replyMs, () => response.destroy())
    response.once('close', () => {
      stop()
      this.#replyBytes -= bytes.length
    })
    // A body that nobody read is not waited for: who still sends much of it must open another connection.
    const unread = !request.complete && Number(request.headers['content-length'] ?? Infinity) > limits.httpHeaderBytes
    const length = status === 204 ? {} : { 'content-length': bytes.length }
    response.writeHead(status, { ...headers, ...length, ...(unread && hasBody(request) ? { connection: 'close' } : {}) })
    response.end(status === 204 ? undefined : bytes)
  }
}

const notFound = refuse('control/azure-not-found', 'There is nothing here.')
const busy = refuse('control/azure-busy', 'The hub has too much to do. Try again later.')

function throttled(seconds: number): Result<never, AzureRefusal> {
  const message = 'You ask too often. Try again later.'
  return { ok: false, error: { code: 'control/azure-throttled', message, retryAfterSeconds: seconds } }
}

/** What a peer is told of what was thrown: that it is not their fault. */
function thrown(error: unknown): AzureRefusal {
  if (error instanceof Fault) return { code: 'control/unavailable', message: 'The hub cannot do this now. Its log has more.' }
  return { code: 'control/internal', message: 'This is a mistake of the hub. Its log has more.' }
}

function hasBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || (request.headers['content-length'] ?? '0') !== '0'
}

function jsonBody(request: IncomingMessage, bytes: Buffer, most: number): Result<Json> {
  if (bytes.length === 0) return ok(null)
  if (!/^application\/(?:[a-z.-]+\+)?json\s*(?:;|$)/i.test(headerOf(request, 'content-type') ?? ''))
    return refuse('control/media-type', 'Bodies must be application/json.')
  const text = new TextDecoder('utf-8', { fatal: true })
  try {
    return parseJson(text.decode(bytes), most, limits.jsonDepth)
  } catch {
    return refuse('json/malformed', 'This is not UTF-8.')
  }
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

function ignoreError(): void {}
