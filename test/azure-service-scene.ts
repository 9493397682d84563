import { type IncomingHttpHeaders, type Server, createServer, request as httpRequest } from 'node:http'
import type { ServiceCaller, Services } from '#access'
import { type Action, type Clock, refuse } from '#base'
import { type AzureServicePorts, openAzureService } from '#control'
import { SeededRandom } from './seeded-random.ts'

/** What came back. */
export type AzureReply = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string; readonly json: unknown }

/** A request; `as` names the caller, `version: false` leaves the api-version out. */
export type AzureAsk = {
  readonly as?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly raw?: string | Buffer
  readonly version?: false
}

/** A caller with these rights whose token covers `scope`. */
export function callerWith(id: string, rights: readonly Action[], scope = 'hub.example'): ServiceCaller {
  const caller: ServiceCaller['caller'] = Object({ actor: { kind: 'service', id, via: 'bearer' }, rights: new Set(rights) })
  return { caller, expiresAt: undefined, scope }
}

/** Services that know their callers by name. Stands for the room that proves them: what is tested here is what comes after the proof. */
export function knownServices(known: ReadonlyMap<string, ServiceCaller>): Services {
  return {
    async authenticate(token) {
      const found = known.get(token)
      return found === undefined ? refuse('access/service-refused', 'The token does not open this hub.') : { ok: true, value: found }
    },
    onRevoked: () => () => {},
  }
}

/** The REST surface for back ends behind a real HTTP server on loopback. */
export async function openAzureServiceScene(
  given: Omit<AzureServicePorts, 'random' | 'trouble' | 'services' | 'clock'> & {
    readonly clock: Clock
    readonly callers: ReadonlyMap<string, ServiceCaller>
    readonly routes?: Parameters<typeof openAzureService>[1]
  },
) {
  const troubles: unknown[] = []
  const ports = {
    ...given,
    random: new SeededRandom(7),
    services: knownServices(given.callers),
    trouble: (_what: string, error: unknown) => void troubles.push(error),
  }
  const service = openAzureService(ports, given.routes)
  const server: Server = createServer({ maxHeaderSize: 16 * 1024 }, (request, response) => service.handle(request, response))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  /** One request, whole. */
  const ask = (method: string, path: string, { as, headers = {}, body, raw, version }: AzureAsk = {}): Promise<AzureReply> =>
    new Promise((resolve, reject) => {
      const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body))
      const type =
        sent === undefined ? {} : { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(sent) }
      const said = as === undefined ? {} : { authorization: as }
      const whole = version === false ? path : `${path}${path.includes('?') ? '&' : '?'}api-version=2021-04-12`
      const request = httpRequest(
        { host: '127.0.0.1', port, method, path: whole, headers: { ...type, ...said, ...headers } },
        (response) => {
          const parts: Buffer[] = []
          response.on('data', (part: Buffer) => parts.push(part))
          response.on('error', reject)
          response.on('end', () => {
            const text = Buffer.concat(parts).toString('utf8')
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: text === '' ? undefined : JSON.parse(text) })
          })
        },
      )
      request.on('error', reject)
      request.end(sent)
    })
  return {
    service,
    server,
    port,
    troubles,
    ask,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}
