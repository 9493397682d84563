import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Secret, instant, systemClock, systemRandom } from '#base'
import type { EndpointPorts, RoutedEvent } from '#egress'

/** Certificates of a server at localhost and of a client, from one authority, and the files that they are in. */
export type TestTls = {
  readonly ca: string
  readonly server: { readonly cert: string; readonly key: string }
  readonly client: { readonly cert: string; readonly key: string }
  readonly path: (name: 'ca.pem' | 'server.pem' | 'server.key' | 'client.pem' | 'client.key') => string
}

/** A folder that goes away with the test. Everybody may read it, because servers of Debian run under names of their own. */
export function openFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'thingwall-egress-'))
  chmodSync(path, 0o755)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Lets OpenSSL make the certificates in a folder. The name of the client is `hub`. */
export function makeTls(folder: string, names = 'DNS:localhost,IP:127.0.0.1,IP:127.0.0.2'): TestTls {
  const run = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  run('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Test authority', '-days', '2')
  for (const [file, name, extension] of [
    ['server', 'localhost', `subjectAltName=${names}`],
    ['client', 'hub', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    run(
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${file}.key`,
      '-out',
      `${file}.pem`,
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-addext',
      extension,
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    )
  }
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  return {
    ca: read('ca.pem'),
    server: { cert: read('server.pem'), key: read('server.key') },
    client: { cert: read('client.pem'), key: read('client.key') },
    path: (name) => join(folder, name),
  }
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A server in a process of its own, which can be stopped and started again. */
export class TestServer implements AsyncDisposable {
  readonly #command: string
  readonly #args: readonly string[]
  readonly #options: { readonly user?: string | undefined; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string }
  readonly #port: number
  #child: ChildProcess | undefined
  /** What it printed. */
  output = ''

  constructor(
    command: string,
    args: readonly string[],
    port: number,
    options: { readonly user?: string | undefined; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
  ) {
    this.#command = command
    this.#args = args
    this.#port = port
    this.#options = options
  }

  /** Starts it and waits until it listens. */
  async start(patienceMs = 20_000): Promise<void> {
    const { user, env, cwd } = this.#options
    const child = spawn(this.#command, [...this.#args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...env },
      ...(user === undefined || process.getuid?.() !== 0 ? {} : idsOf(user)),
    })
    this.#child = child
    const keep = (text: string) => (this.output = (this.output + text).slice(-20_000))
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    child.on('error', (error) => keep(error.message))
    const end = performance.now() + patienceMs
    while (!(await answers(this.#port))) {
      if (performance.now() > end || child.exitCode !== null) throw new Error(`${this.#command} does not listen: ${this.output}`)
      await pause(50)
    }
  }

  /** Ends it, and waits until it has. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('close', resolve))
    process.kill(signal === 'SIGKILL' ? -child.pid : child.pid, signal)
    await gone
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
  }
}

/** The numbers of a user of this system. */
export function idsOf(user: string): { readonly uid: number; readonly gid: number } {
  const id = (what: string) => Number(execFileSync('id', [what, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => done(true)).once('error', () => done(false))
  })
}

/** An event of a device, with JSON in it unless the test wants something else. */
export function testEvent(offset: number, change: Partial<RoutedEvent> = {}): RoutedEvent {
  return {
    offset,
    time: instant(Date.UTC(2026, 10, 23) + offset),
    source: 'DeviceMessages',
    device: `pump-${offset % 3}`,
    module: undefined,
    system: { 'message-id': `m${offset}`, 'content-type': 'application/json', 'content-encoding': 'utf-8' },
    properties: { zone: 'é', n: `${offset}` },
    body: Buffer.from(JSON.stringify({ flow: offset })),
    ...change,
  }
}

/** `count` events from `first` on. */
export function testEvents(first: number, count: number): readonly RoutedEvent[] {
  return Array.from({ length: count }, (_, i) => testEvent(first + i))
}

/** The ports of an endpoint that has these secrets and may reach this machine unless told otherwise. */
export function testPorts(secrets: Readonly<Record<string, string>>, mayReach: (host: string) => boolean = () => true): EndpointPorts {
  const kept = new Map(Object.entries(secrets))
  return {
    clock: systemClock,
    random: systemRandom,
    directory: '',
    mayReach,
    secret: (name) => {
      const text = kept.get(name)
      return text === undefined ? undefined : new Secret(Buffer.from(text))
    },
  }
}

/** A file in a folder. */
export function writeIn(folder: string, name: string, text: string, mode = 0o644): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode })
  return path
}

/** For deliveries that nobody gives up. */
export const never = new AbortController().signal
