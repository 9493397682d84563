import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'

/** A broker under measurement, already listening; every one is pinned to the first core. */
export type Peer = {
  readonly name: string
  readonly version: string
  readonly durable: string
  readonly port: number
  readonly pid: number
  readonly coldStartMs: number
  stop(): Promise<void>
}

/** The folder with certificates that every peer and the load share: `root.pem` trusts our hub's root and the bench's own. */
export type Place = { readonly directory: string; readonly certs: string; readonly clients: number }

const serverCore = '0'
const root = join(import.meta.dirname, '..')

/** A port that nobody has now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}

/** Resolves when a TLS handshake succeeds, to the milliseconds that it took. */
async function untilServing(port: number, child: ChildProcess): Promise<number> {
  const started = performance.now()
  while (performance.now() - started < 30_000) {
    if (child.exitCode !== null) throw new Error('the server ended before it served')
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => (socket.destroy(), resolve(true)))
      socket.on('error', () => resolve(false))
    })
    if (isUp) return performance.now() - started
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('the server did not serve within 30 s')
}

function pinned(command: string, args: readonly string[], log: string, env = process.env): ChildProcess {
  const child = spawn('taskset', ['-c', serverCore, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env, cwd: root })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => (output = (output + text.toString()).slice(-20_000)))
  child.on('close', () => writeFileSync(log, output))
  return child
}

async function running(name: string, version: string, durable: string, port: number, child: ChildProcess): Promise<Peer> {
  const coldStartMs = Math.round(await untilServing(port, child))
  return {
    name,
    version,
    durable,
    port,
    pid: child.pid ?? 0,
    coldStartMs,
    stop: () =>
      new Promise((resolve) => {
        child.on('close', () => resolve())
        child.kill('SIGTERM')
        setTimeout(() => child.kill('SIGKILL'), 10_000).unref()
      }),
  }
}

/** What the loads with subscribers need beyond what every device may do: the peers let everybody with a certificate do everything. */
const benchPolicy = {
  apiVersion: 'mqttbroker.thingwall/v1',
  kind: 'BrokerAuthorization',
  metadata: { name: 'bench' },
  spec: {
    authorizationPolicies: {
      rules: [
        {
          name: 'bench-topics',
          principals: { attributes: [{ 'thingwall.method': 'device' }] },
          brokerResources: [
            { method: 'Publish', topics: ['bench/#'] },
            { method: 'Subscribe', topics: ['bench/#'] },
          ],
        },
      ],
    },
  },
}

/**
 * Our hub as a user starts it, on a fresh data directory and with its default limits; the first start also registers the clients, writes
 * their certificates and lets them use `bench/`. `other` is how this hub differs from that.
 */
export async function startHub(
  place: Place,
  other: { readonly consolePort?: number; readonly arguments?: readonly string[] } = {},
): Promise<Peer> {
  const data = join(place.directory, 'hub')
  const [mqtt, https, console] = [await freePort(), await freePort(), other.consolePort ?? (await freePort())]
  const node = process.execPath
  const cli = join(root, 'src/cli/main.ts')
  const args = [
    '--max-semi-space-size=4',
    '--conditions=source',
    cli,
    'start',
    '--data',
    data,
    '--key-file',
    join(place.directory, 'hub.key'),
  ]
  const listening = ['--mqtt-port', `${mqtt}`, '--https-port', `${https}`, '--amqp-port', '0', '--console-port', `${console}`]
  const child = pinned(node, [...args, ...listening, ...(other.arguments ?? [])], join(place.directory, 'hub.log'))
  const version: { version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const peer = await running('thingwall', version.version, 'on disk before the ack', mqtt, child)
  if (!existsSync(join(place.certs, 'root.pem'))) {
    mkdirSync(place.certs, { recursive: true })
    await new Promise((resolve) => setTimeout(resolve, 500))
    const thingwall = (...words: string[]) =>
      execFileSync(node, ['--conditions=source', cli, '--data', data, ...words], { stdio: ['ignore', 'ignore', 'pipe'] })
    thingwall('device', 'add', '--count', `${place.clients}`, '--prefix', 'bench-', '--out', place.certs)
    const policy = join(place.directory, 'bench.policy.json')
    writeFileSync(policy, JSON.stringify(benchPolicy))
    thingwall('policy', 'apply', policy, '--yes')
    makeServerCertificate(place)
  }
  return peer
}

/** A root of the bench's own and a certificate for `localhost`, for the peers; appended to what the load trusts. */
function makeServerCertificate(place: Place): void {
  const at = (name: string) => join(place.directory, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  writeFileSync(at('extensions.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-days',
    '30',
    '-subj',
    '/CN=bench root',
  )
  openssl(
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    at('server.key'),
    '-out',
    at('server.csr'),
    '-subj',
    '/CN=localhost',
  )
  openssl(
    'x509',
    '-req',
    '-in',
    at('server.csr'),
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-out',
    at('server.pem'),
    '-days',
    '30',
    '-extfile',
    at('extensions.cnf'),
  )
  const rootPem = readFileSync(join(place.certs, 'root.pem'), 'utf8')
  writeFileSync(at('clients-ca.pem'), rootPem)
  writeFileSync(join(place.certs, 'root.pem'), rootPem + readFileSync(at('ca.pem'), 'utf8'))
}

/** Debian's Mosquitto: in memory, certificates required, a log that says nothing. */
export async function startMosquitto(place: Place): Promise<Peer> {
  const port = await freePort()
  const at = (name: string) => join(place.directory, name)
  writeFileSync(
    at('mosquitto.conf'),
    [
      `listener ${port} 127.0.0.1`,
      `cafile ${at('clients-ca.pem')}`,
      `certfile ${at('server.pem')}`,
      `keyfile ${at('server.key')}`,
      'require_certificate true',
      'use_identity_as_username true',
      'allow_anonymous false',
      'persistence false',
      'set_tcp_nodelay true',
      'log_type none',
      'max_inflight_messages 0',
      'user root',
      '',
    ].join('\n'),
  )
  const version = /version ([\d.]+)/.exec(tryRun('/usr/sbin/mosquitto', ['-h']))?.[1] ?? 'unknown'
  return running(
    'mosquitto',
    version,
    'no, in memory',
    port,
    pinned('/usr/sbin/mosquitto', ['-c', at('mosquitto.conf')], at('mosquitto.log')),
  )
}

/** Debian's NATS server with its MQTT listener on JetStream files. */
export async function startNats(place: Place): Promise<Peer> {
  const [port, clientPort] = [await freePort(), await freePort()]
  const at = (name: string) => join(place.directory, name)
  rmSync(at('jetstream'), { recursive: true, force: true })
  writeFileSync(
    at('nats.conf'),
    [
      'server_name: bench',
      `listen: "127.0.0.1:${clientPort}"`,
      `jetstream { store_dir: "${at('jetstream')}" }`,
      `mqtt { listen: "127.0.0.1:${port}", tls { cert_file: "${at('server.pem')}", key_file: "${at('server.key')}", ca_file: "${at('clients-ca.pem')}", verify: true } }`,
      '',
    ].join('\n'),
  )
  const version = /v([\d.]+)/.exec(tryRun('nats-server', ['--version']))?.[1] ?? 'unknown'
  return running('nats', version, 'written, not synced', port, pinned('nats-server', ['-c', at('nats.conf')], at('nats.log')))
}

/** aedes, a broker in JavaScript: MQTT 3.1.1, in memory, under the same Node as we. */
export async function startAedes(place: Place): Promise<Peer> {
  const port = await freePort()
  const at = (name: string) => join(place.directory, name)
  const { version }: { version: string } = JSON.parse(readFileSync(join(root, 'node_modules/aedes/package.json'), 'utf8'))
  const args = [join(root, 'bench/aedes-broker.ts'), `${port}`, at('server.key'), at('server.pem'), at('clients-ca.pem')]
  return running('aedes', version, 'no, in memory', port, pinned(process.execPath, args, at('aedes.log')))
}

/** Debian's RabbitMQ with its MQTT plugin; anybody with a certificate may do anything. */
export async function startRabbitMq(place: Place): Promise<Peer> {
  const [port, amqpPort, epmdPort, distributionPort] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const at = (name: string) => join(place.directory, name)
  rmSync(at('rabbitmq'), { recursive: true, force: true })
  mkdirSync(at('rabbitmq'))
  writeFileSync(
    at('rabbitmq.conf'),
    [
      `listeners.tcp.default = 127.0.0.1:${amqpPort}`,
      'mqtt.listeners.tcp = none',
      `mqtt.listeners.ssl.default = 127.0.0.1:${port}`,
      'mqtt.allow_anonymous = true',
      'mqtt.tcp_listen_options.nodelay = true',
      'mqtt.tcp_listen_options.backlog = 4096',
      `ssl_options.cacertfile = ${at('clients-ca.pem')}`,
      `ssl_options.certfile = ${at('server.pem')}`,
      `ssl_options.keyfile = ${at('server.key')}`,
      'ssl_options.verify = verify_peer',
      'ssl_options.fail_if_no_peer_cert = true',
      'ssl_options.depth = 3',
      'ssl_options.versions.1 = tlsv1.3',
      'log.console = true',
      'log.console.level = error',
      'log.file = false',
      '',
    ].join('\n'),
  )
  writeFileSync(at('rabbitmq-plugins'), '[rabbitmq_mqtt].\n')
  const version = /^Version: ([\d.]+)/m.exec(tryRun('dpkg', ['-s', 'rabbitmq-server']))?.[1] ?? 'unknown'
  const environment = {
    ...process.env,
    RABBITMQ_NODENAME: 'bench@localhost',
    RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: at('rabbitmq-plugins'),
    RABBITMQ_MNESIA_BASE: at('rabbitmq'),
    RABBITMQ_LOG_BASE: at('rabbitmq'),
    RABBITMQ_PID_FILE: at('rabbitmq.pid'),
    RABBITMQ_DIST_PORT: `${distributionPort}`,
    ERL_EPMD_PORT: `${epmdPort}`,
    // One core, as everybody.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none',
    HOME: place.directory,
  }
  const child = pinned('/usr/lib/rabbitmq/bin/rabbitmq-server', [], at('rabbitmq.log'), environment)
  const peer = await running('rabbitmq', version, 'fsynced before the ack only in durable queues', port, child)
  // The script starts Erlang as a child; what is measured is Erlang.
  const pid = Number(readFileSync(at('rabbitmq.pid'), 'utf8').trim()) || peer.pid
  return { ...peer, pid, stop: () => (process.kill(pid, 'SIGTERM'), peer.stop()) }
}

function tryRun(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    return typeof error === 'object' && error !== null && 'stdout' in error ? String(error.stdout) : ''
  }
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? 0) * 1024
}

// The kernel's clock tick is 10 ms on every Linux that matters here.
const tickMs = 10

/** Processor time that a process has used so far, all threads, in seconds. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return ((Number(fields[11]) + Number(fields[12])) * tickMs) / 1000
}
