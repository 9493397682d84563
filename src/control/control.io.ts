import type { IncomingMessage, ServerResponse } from 'node:http'
import { limits } from '#base'
import { Door } from './door.io.ts'
import { Live } from './live.ts'
import { openApiOf } from './openapi.ts'
import type { ControlConfig, ControlPorts } from './ports.ts'
import type { Route } from './route.ts'
import { allRoutes } from './routes/index.ts'
import { Wake } from './wake.ts'

/** What the program's HTTPS server must be made with, so that nobody can hold it by sending slowly or much. HTTP/1.1 only. */
export const controlServerLimits = {
  maxHeaderSize: limits.httpHeaderBytes,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 30_000,
  insecureHTTPParser: false,
} as const

/** The operator door, to be put behind an HTTPS server that the program owns. */
export interface Control extends AsyncDisposable {
  /** Answers one request. Never throws. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
  /** The OpenAPI 3.1 document of what is served. */
  openapi(): object
  /** Every route, for tests and documents. */
  readonly routes: readonly Route[]
}

/** Opens the operator door. Throws when a route is served that was not declared with who may use it. */
export async function openControl(config: ControlConfig, ports: ControlPorts, signal: AbortSignal): Promise<Control> {
  signal.throwIfAborted()
  const ending = new AbortController()
  const closing = AbortSignal.any([signal, ending.signal])
  const live = new Live(ports)
  const durable = new Wake()
  const forget = ports.journal.onDurable(() => durable.wake())
  const openapi = () => openApiOf(routes, config.version)
  const routes = allRoutes({ config, ports, live, durable, openapi })
  const door = new Door({ config, ports, closing, routes })
  await door.open()
  return {
    handle: (request, response) => door.handle(request, response),
    openapi,
    routes,
    async [Symbol.asyncDispose]() {
      ending.abort()
      forget()
      live[Symbol.dispose]()
      await door.close()
    },
  }
}
