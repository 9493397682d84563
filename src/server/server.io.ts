import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemGrant } from '#access'
import { type Clock, Fault, type Random, isoTime, systemClock, systemRandom } from '#base'
import { type ListenerState, controlServerLimits, openControl } from '#control'
import { serverSettings } from '#gateway'
import { guardDefaults, openGuard, strictPolicy } from '#guard'
import { encodeFact } from '#journal'
import { lockDirectory } from '#store'
import { type ServerConfig, defaultDataDirectory, defaultKeyFile } from './config.io.ts'
import { controlPorts } from './control-ports.ts'
import { type HubFile, openDataDirectory, readHubId, removeRuntimeFiles, replaceFile } from './data-directory.io.ts'
import { guardPorts } from './guard-ports.ts'
import { replayRecent, tellDamage } from './journal-followers.ts'
import { type Log, openLog } from './log.io.ts'
import { type Rooms, insist, openRooms } from './rooms.io.ts'
import type { Welcome } from './welcome.ts'

/** A hub that serves. Disposing of it ends sessions, flushes what is pending and gives the data directory free. */
export interface RunningServer extends AsyncDisposable {
  readonly welcome: Welcome
  readonly hubFile: HubFile
  readonly rooms: Rooms
}

/** What a start may be given instead of the real world; for tests. */
export type StartWorld = { readonly clock?: Clock; readonly random?: Random; readonly log?: Log; readonly step?: (what: string) => void }

/**
 * Starts a whole hub on its data directory and resolves when every listener serves. Throws a Fault whose message says what happened
 * and what to do: `store/in-use`, `gateway/port-taken`, `vault/key-missing` and the like. Nothing is left open then.
 */
export async function openServer(
  config: ServerConfig,
  version: string,
  signal: AbortSignal,
  world: StartWorld = {},
): Promise<RunningServer> {
  const { clock = systemClock, random = systemRandom, step = () => {} } = world
  const log = world.log ?? openLog(config.logLevel)
  const trouble = (what: string, error: unknown) => log.error(what, { error })
  const started = clock.monotonic()
  await using scope = new AsyncDisposableStack()
  await openDataDirectory(config.dataDirectory)
  scope.use(insist(lockDirectory(config.dataDirectory)))
  const { id, isNew } = await readHubId(config.dataDirectory, random)
  const rooms = await openRooms(config, id, isNew, { clock, random, log, step, environment: process.env }, scope, signal)

  step('console')
  const startedAt = clock.now()
  const door = await openConsoleDoor(config, rooms, scope)
  const listeners = () => declaredListeners(config, rooms, door.port)
  const around = { clock, random, listeners, trouble }
  const guard = scope.use(
    await openGuard(
      { ...guardDefaults, policy: strictPolicy },
      guardPorts(rooms, { ...around, dataDirectory: config.dataDirectory, names: config.names }),
      signal,
    ),
  )
  scope.defer(rooms.gateway.onFact((fact) => guard.observe(fact)))
  scope.defer(tellDamage(rooms.journal, clock, (message) => log.warn(message)))
  const ending = new AbortController()
  scope.defer(() => ending.abort())
  replayRecent(rooms.journal, (fact) => guard.observe(fact), ending.signal).catch((error: unknown) =>
    trouble('reading what lately happened', error),
  )
  const consoleUrl = `https://${consoleName(config)}:${door.port}`
  const control = scope.use(
    await openControl(
      {
        name: config.names[0] ?? 'localhost',
        version,
        startedAt,
        hostNames: config.names,
        consoleUrl,
        consoleDirectory: consoleDirectory(),
      },
      controlPorts(rooms, guard, { ...around, usage }),
      signal,
    ),
  )
  const hubFile: HubFile = {
    pid: process.pid,
    version,
    startedAt: isoTime(startedAt),
    consoleUrl,
    mqttPort: rooms.gateway.mqttPort,
    httpsPort: rooms.gateway.httpsPort,
    amqpPort: rooms.gateway.amqpPort,
    consolePort: door.port,
    hostNames: config.names,
  }
  await writeRuntimeFiles(config.dataDirectory, hubFile, rooms)
  keepRootFile(config.dataDirectory, rooms, log, scope)
  scope.defer(() => removeRuntimeFiles(config.dataDirectory))
  // Only now: who asks whether the hub is ready may go on to read these files.
  door.answerWith(control.handle)
  const link = await rooms.operators.issueLink(systemGrant('operator.sign-in', 'operator:owner'))
  const sockets = listeners().map(({ host, port, protocol, reason }) => ({ address: `${urlHost(host)}:${port}`, protocol, reason }))
  rooms.journal.append(
    encodeFact({
      kind: 'hub-started',
      time: clock.now(),
      version,
      listeners: sockets.map((socket) => `${socket.protocol} ${socket.address}`),
    }),
  )
  const running = scope.move()
  return {
    hubFile,
    rooms,
    welcome: {
      firstRun: isNew,
      dataDirectory: config.dataDirectory,
      keyFile: config.keyFile ?? defaultKeyFile(id, process.env),
      signInUrl: `${consoleUrl}/sign-in#token=${link.token}`,
      rootFingerprint: rooms.pki.rootFingerprintSha256,
      rootFile: join(config.dataDirectory, 'root.pem'),
      sockets,
      notes: notes(config, rooms.gateway.httpsPort),
      nextCommand: nextCommand(config.dataDirectory),
      elapsedMs: clock.monotonic() - started,
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

type Handle = (request: IncomingMessage, response: ServerResponse) => void
type ConsoleDoor = { readonly port: number; answerWith(handle: Handle): void }

/** The console's own HTTPS listener; the same TLS as devices get, and the same renewal without dropping anyone. 503 until it has its handler. */
async function openConsoleDoor(config: ServerConfig, rooms: Rooms, scope: AsyncDisposableStack): Promise<ConsoleDoor> {
  const { pki, gateway } = rooms
  const settings = () => {
    const { certificatePem, keyPem } = pki.serverCertificate()
    return serverSettings({ key: keyPem.use((bytes) => bytes.toString('utf8')), cert: certificatePem })
  }
  let handle: Handle = (_request, response) => void response.writeHead(503).end()
  const server = createServer({ ...settings(), ALPNProtocols: ['http/1.1'], ...controlServerLimits }, (request, response) =>
    handle(request, response),
  )
  scope.defer(pki.onServerCertificate(() => server.setSecureContext(settings())))
  const served = await gateway.serve('console', server, config.consoleHost, config.consolePort, '--console-port')
  scope.defer(async () => {
    server.closeAllConnections()
    await served.close()
  })
  return { port: served.port, answerWith: (given) => (handle = given) }
}

function declaredListeners(config: ServerConfig, rooms: Rooms, consolePort: number): readonly ListenerState[] {
  const { mqttPort, httpsPort, amqpPort } = rooms.gateway
  const { host, consoleHost } = config
  return [
    {
      name: 'mqtt',
      protocol: 'MQTT over TLS',
      host,
      port: mqttPort,
      tls: true,
      reason: 'devices: stock Azure SDKs and plain MQTT clients, by certificate',
    },
    {
      name: 'https',
      protocol: 'HTTPS',
      host,
      port: httpsPort,
      tls: true,
      reason: 'Azure SDKs: devices by HTTPS and WebSocket, back ends by REST',
    },
    {
      name: 'amqp',
      protocol: 'AMQP over TLS',
      host,
      port: amqpPort,
      tls: true,
      reason: 'Azure SDKs: devices, back ends, and readers of events',
    },
    {
      name: 'console',
      protocol: 'HTTPS',
      host: consoleHost,
      port: consolePort,
      tls: true,
      reason: 'people and the thingwall command: console and API',
    },
  ]
}

/** Where the built console lies: beside the sources in a clone, inside `dist` in a package. */
function consoleDirectory(): string | undefined {
  const places = ['../../console/dist', '../console-files'].map((place) => fileURLToPath(new URL(place, import.meta.url)))
  return places.find((place) => existsSync(join(place, 'index.html')))
}

function usage(): { readonly rssBytes: number; readonly cpuSeconds: number } {
  const { user, system } = process.cpuUsage()
  return { rssBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 }
}

/** Keeps `root.pem` what clients must trust, for as long as `scope` lives. */
function keepRootFile(directory: string, { pki }: Rooms, log: Log, scope: AsyncDisposableStack): void {
  let written = pki.rootPem
  let turn = Promise.resolve()
  const write = (): void => {
    const { rootPem } = pki
    if (rootPem === written) return
    written = rootPem
    turn = turn
      .then(() => replaceFile(join(directory, 'root.pem'), rootPem, 0o644))
      .catch((error: unknown) => log.error('root.pem could not be written', { error }))
  }
  scope.defer(pki.onServerCertificate(write))
}

async function writeRuntimeFiles(directory: string, hubFile: HubFile, rooms: Rooms): Promise<void> {
  try {
    await replaceFile(join(directory, 'root.pem'), rooms.pki.rootPem, 0o644)
    const credential = rooms.operators.localCredential.use((bytes) => bytes.toString('utf8'))
    await replaceFile(join(directory, 'cli.credential'), `${credential}\n`, 0o600)
    await replaceFile(join(directory, 'hub.json'), `${JSON.stringify(hubFile, null, 2)}\n`, 0o600)
  } catch (error) {
    throw new Fault('server/data-directory', `The data directory ${directory} cannot be written.`, error)
  }
}

function notes(config: ServerConfig, httpsPort: number): readonly string[] {
  const said: string[] = []
  if (httpsPort !== config.httpsPort && config.httpsPort !== 0)
    said.push(
      `port ${config.httpsPort} could not be bound, so ${httpsPort} serves HTTPS; Azure SDKs use ${config.httpsPort} for WebSocket.` +
        ` Free it, or give the right: sudo sysctl net.ipv4.ip_unprivileged_port_start=${config.httpsPort}`,
    )
  if (config.host === '127.0.0.1')
    said.push('only this machine can connect. For devices on the network: npm start -- --host <its address> --name <its DNS name>')
  return said
}

/** How a browser on this machine or elsewhere reaches the console: the hub's name only helps where the console really listens. */
function consoleName({ consoleHost, names }: ServerConfig): string {
  if (consoleHost === '127.0.0.1' || consoleHost === '::1') return 'localhost'
  if (consoleHost === '0.0.0.0' || consoleHost === '::') return urlHost(names[0] ?? 'localhost')
  return urlHost(consoleHost)
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** The first thing to type; it names the data directory when that is not where the command looks by itself. */
function nextCommand(dataDirectory: string): string {
  const usual = process.env['THINGWALL_DATA'] ?? defaultDataDirectory(process.env)
  return `npx thingwall ${dataDirectory === usual ? '' : `--data ${dataDirectory} `}device add pump-1`
}
