import type { Server } from 'node:tls'
import type { DeviceId } from '#base'
import type { PolicyEffect } from '#broker'
import type { JsonFact, Offset } from '#journal'
import { Admission, type AdmissionLimits, defaultAdmissionLimits } from './admission.ts'
import { createAmqpServer } from './amqp/amqp-listener.io.ts'
import type { AmqpDoor } from './amqp/door.ts'
import { type AmqpConfig, openAmqp } from './amqp/open.ts'
import { closeSessions } from './close-sessions.ts'
import type { Counters } from './counters.ts'
import { Desk } from './desk.ts'
import { createFront, ignoreError } from './front.io.ts'
import { refuseHandshake } from './handshake-refusal.ts'
import { createHttpsServer, watchConnections } from './https-listener.io.ts'
import type { Member } from './member.ts'
import { createMqttServer, openMqttWorkers } from './mqtt-listener.io.ts'
import { type ListenerLimits, defaultListenerLimits } from './listener-limits.ts'
import { sampleLoad } from './load-sampler.io.ts'
import type { Level, LoadBounds } from './overload.ts'
import type { GatewayPorts, LiveConnection } from './ports.ts'
import type { RegistrationConversation } from './provisioning/mqtt-conversation.ts'
import { stapleOn } from './staple.ts'
import { tlsSettings } from './tls-settings.ts'
import { peerOf } from './tls-transport.io.ts'
import type { Stranger } from './trust-probe.ts'

/** Where devices come in, and what each listener allows them. Port 0 takes any free one. */
export type GatewayConfig = {
  readonly host: string
  readonly mqttPort: number
  readonly httpsPort: number
  readonly amqpPort: number
  readonly mqttLimits: ListenerLimits
  readonly httpsLimits: ListenerLimits
  readonly amqpLimits: ListenerLimits
  readonly amqp: AmqpConfig
  readonly admission: AdmissionLimits
  readonly overload: LoadBounds
  /** What the process may use; undefined: all that the machine or its container has. */
  readonly memoryBytes: number | undefined
  /** Threads that speak TLS for the MQTT listener; 0: this thread does. */
  readonly workers: number
}

/** The device door, open. Disposing of it closes every connection and waits until all are gone. */
export interface Gateway extends AsyncDisposable {
  readonly counters: Counters
  /** Connections with an identity. */
  readonly open: number
  /** Connections of one identity. */
  openOf(device: DeviceId): number
  /** Peers that have not proven who they are. */
  readonly strangers: number
  /** How much of what comes in is still taken, and why not all. */
  readonly load: { readonly level: Level; readonly reasons: readonly string[] }
  readonly mqttPort: number
  readonly httpsPort: number
  readonly amqpPort: number
  connections(): readonly LiveConnection[]
  /** Every message whose journal record is below this offset has reached its subscribers' queues. */
  readonly routedTo: Offset
  /** Judges everybody who is connected, and everything that is stored, by the policy of now. */
  policyChanged(): PolicyEffect & { readonly closed: number }
  /** Shows every fact about connections as it is written. Returns how to stop. */
  onFact(observe: (fact: JsonFact) => void): () => void
  /**
   * Opens one more TLS listener for `server`, under the same rules: strangers are counted, failed handshakes recorded. For the console.
   * Throws as {@link openGateway} does. The port it took, and how to close it.
   */
  serve(
    name: string,
    server: Server,
    host: string,
    port: number,
    option: string,
  ): Promise<{ readonly port: number; close(): Promise<void> }>
}

const sweepMs = 250
const consoleAdmission: AdmissionLimits = { ...defaultAdmissionLimits, connects: undefined, connectsPerAddress: undefined }

/**
 * Opens the listeners. Throws the Fault `gateway/port-taken` or `gateway/port-privileged` with the fix in its message. The journal's
 * flushes, the bus and the certificates are wired here; everything after that happens in {@link Connection}.
 */
export async function openGateway(config: GatewayConfig, ports: GatewayPorts, signal: AbortSignal): Promise<Gateway> {
  const desk = new Desk(ports, config.overload)
  const admission = new Admission(config.admission, ports.clock, desk.overload)
  // The console has a door of its own: no flood of devices, and no load, keeps an operator out.
  const control = new Admission(consoleAdmission, ports.clock, { takesConnections: true })
  const strangers = new Set<Stranger>()
  const mqttFront = createFront({ name: 'mqtt', limits: config.mqttLimits, answersHealth: false }, desk, admission)
  const httpsFront = createFront({ name: 'https', limits: config.httpsLimits, answersHealth: true }, desk, admission)
  const workers = config.workers === 0 ? undefined : openMqttWorkers(config.workers, desk, mqttFront, strangers)
  const mqtt = workers ?? createMqttServer(desk, mqttFront, strangers)
  const amqpDoor = openAmqp(desk, config.amqp, ports.eventOf)
  const amqpFront = createFront({ name: 'amqp', limits: config.amqpLimits, answersHealth: false }, desk, admission)
  const amqp = createAmqpServer(desk, amqpFront, amqpDoor)
  const https = createHttpsServer(desk, httpsFront, strangers, amqpDoor)

  await using opened = new AsyncDisposableStack()
  opened.defer(ports.journal.onDurable((end) => desk.acknowledgements.durable(end)))
  opened.defer(
    ports.journal.onResume(() => {
      for (const connection of desk.live()) connection.resume()
    }),
  )
  ports.onServerTls(() => {
    // Only connections made from now on see it; those that live keep theirs.
    const ticketKeys = ports.random.bytes(48)
    const { probe } = ports.serverTls()
    for (const server of [mqtt, https]) server.setProbe(probe)
    for (const [server, { handshakeMs }] of [
      [mqtt, config.mqttLimits],
      [https, config.httpsLimits],
      [amqp, config.amqpLimits],
    ] as const)
      server.setSecureContext(tlsSettings(ports.serverTls(), ticketKeys, handshakeMs))
  })
  opened.defer(
    ports.bus.onCloseSessions(async (request) => {
      // A ticket issued before must not spare anyone a full handshake from now on.
      for (const server of [mqtt, https, amqp]) server.setTicketKeys(ports.random.bytes(48))
      return closeSessions(desk, request)
    }),
  )
  // After the last connection has ended.
  opened.defer(() => desk.news.settle())
  opened.defer(ports.hub.twins.onDesired((change) => desk.desired.tell(change)))
  opened.defer(
    ports.clock.every(sweepMs, () => {
      sweep(desk, strangers)
      amqpDoor.sweep()
    }),
  )
  opened.use(
    sampleLoad(
      ports.clock,
      config.memoryBytes,
      () => ({ journalPendingBytes: ports.journal.pendingBytes, unsentBytes: unsentBytes(desk) }),
      (load) => desk.overload.measured(load),
    ),
  )
  opened.use(workers)
  const mqttPort = await mqttFront.listen(mqtt, config.host, config.mqttPort, '--mqtt-port')
  opened.defer(() => mqttFront.close())
  const httpsPort = await httpsFront.listen(https, config.host, config.httpsPort, '--https-port')
  opened.defer(() => httpsFront.close())
  const amqpPort = await amqpFront.listen(amqp, config.host, config.amqpPort, '--amqp-port')
  opened.defer(() => amqpFront.close())
  opened.defer(() => sayGoodbye(desk, strangers, https, amqpDoor))
  workers?.start()
  const scope = opened.move()
  let closed: Promise<void> | undefined
  const closeOnce = () => (closed ??= scope.disposeAsync())
  signal.addEventListener('abort', () => void closeOnce(), { once: true })

  return {
    counters: desk.counters,
    get open() {
      return desk.open
    },
    get routedTo() {
      return desk.acknowledgements.routedTo
    },
    policyChanged: () => desk.policyChanged(),
    openOf: (device) => desk.of(device).size,
    get strangers() {
      return admission.strangers
    },
    load: desk.overload,
    mqttPort,
    httpsPort,
    amqpPort,
    connections: () => [...desk.live()].map((connection) => connection.describe()).filter((connection) => connection !== undefined),
    onFact: (observe) => desk.facts.observed(observe),
    async serve(name, server, host, port, option) {
      const front = createFront({ name, limits: defaultListenerLimits, answersHealth: false }, desk, control)
      server.on('tlsClientError', (error, socket) => {
        refuseHandshake(desk, name, peerOf(socket), error)
        socket.destroy()
      })
      server.on('secureConnection', (socket) => {
        socket.on('error', ignoreError)
        front.proven(socket)
      })
      watchConnections(server)
      stapleOn(server, desk)
      return { port: await front.listen(server, host, port, option), close: () => front.close() }
    },
    [Symbol.asyncDispose]: closeOnce,
  }
}

// Longer than a transport waits for a peer's goodbye.
const lastWordMs = 2_500

/** Tells every client, and cuts those that do not go. The fronts are closed after this and wait for the sockets. */
function sayGoodbye(desk: Desk, strangers: ReadonlySet<Stranger>, https: { closeAllConnections(): void }, amqp: AmqpDoor): void {
  amqp.close()
  const all: (Member | Stranger | RegistrationConversation)[] = [...strangers, ...desk.live(), ...desk.registering]
  for (const connection of all) connection.end('server-shutting-down')
  https.closeAllConnections()
  desk.ports.clock.after(lastWordMs, () => {
    for (const connection of all) connection.transport.destroy()
    amqp.destroy()
  })
}

function unsentBytes(desk: Desk): number {
  let sum = 0
  for (const connection of desk.live()) sum += connection.transport.bufferedBytes
  return sum
}

function sweep(desk: Desk, strangers: ReadonlySet<Stranger>): void {
  const now = desk.ports.clock.monotonic()
  desk.tick = now
  const wallTime = desk.ports.clock.now()
  for (const connection of strangers) {
    if (now - connection.lastHeard > connection.patienceMs) connection.transport.destroy()
  }
  for (const connection of desk.live()) {
    if (now - connection.lastHeard > connection.patienceMs) connection.end('keep-alive-timeout')
    else connection.endIfExpired(wallTime)
    connection.wake()
  }
  for (const conversation of desk.registering) conversation.sweep(now)
  desk.ports.broker.tick()
}
