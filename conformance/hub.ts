import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type ApiAnswer, callApi } from './api.ts'
import { until } from './until.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const main = join(root, 'src', 'cli', 'main.ts')

/** One line of `thingwall watch --json`. */
export type WatchedFact = {
  readonly offset: number
  readonly time: string
  readonly kind: string
  readonly device?: string
  readonly topic?: string
  readonly code?: string
  readonly properties?: Readonly<Record<string, string>>
  readonly system?: Readonly<Record<string, string>>
  readonly body?: string
  readonly [field: string]: unknown
}

/** A device that was added, with everything needed to be it. */
export type TestDevice = { readonly id: string; readonly cert: string; readonly key: string; readonly ca: string }

/** How a hub under test differs from the default. */
export type HubOptions = {
  /** Where devices find it; the console is on 127.0.0.1. */
  readonly host?: string
  readonly ports?: Partial<Ports>
  /** Put the data directory here (it must exist) instead of a fresh folder. */
  readonly directory?: string
  readonly arguments?: readonly string[]
  /** The settings file, YAML. By default all is standard, but answers to denied clients do not take longer and longer: tests are denied often. */
  readonly settings?: string
}

type Ports = { readonly mqtt: number; readonly https: number; readonly console: number; readonly amqp: number }

/** The real hub as a process of its own: started, asked, stopped and killed as an operator, or a power cut, would. */
export class HubProcess implements AsyncDisposable {
  readonly host: string
  readonly ports: Ports
  readonly #home: string
  readonly directory: string
  readonly #arguments: readonly string[]
  readonly #settings: string
  #child: ChildProcess | undefined
  #output = ''

  private constructor(home: string, directory: string, ports: Ports, options: HubOptions) {
    this.#home = home
    this.directory = directory
    this.host = options.host ?? '127.0.0.1'
    this.ports = ports
    this.#arguments = options.arguments ?? []
    this.#settings = join(home, 'settings.yaml')
    writeFileSync(this.#settings, options.settings ?? 'broker: {deniedDelaySeconds: 0}\n')
  }

  /** Starts a hub on free ports with a data directory and key file of its own, and waits until it is ready. */
  static async open(options: HubOptions = {}): Promise<HubProcess> {
    const home = mkdtempSync(join(tmpdir(), 'thingwall-'))
    const directory = options.directory ?? join(home, 'data')
    if (options.directory === undefined) mkdirSync(directory, { mode: 0o700 })
    const [mqtt = 0, https = 0, console = 0, amqp = 0] = await freePorts(4)
    const hub = new HubProcess(home, directory, { mqtt, https, console, amqp, ...options.ports }, options)
    await hub.start()
    return hub
  }

  /** Where the command should look for this hub. */
  get environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      NODE_OPTIONS: '--conditions=source --disable-warning=ExperimentalWarning',
      NO_COLOR: '1',
      THINGWALL_DATA: this.directory,
    }
  }

  /** Everything that the hub has printed so far. */
  get output(): string {
    return this.#output
  }

  /** The root key: not in the data directory. */
  get keyFile(): string {
    return join(this.#home, 'keys', 'root.key')
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Starts the process again on the same directory and ports. Resolves when `/healthz` says 200. */
  async start(): Promise<void> {
    const { mqtt, https, console, amqp } = this.ports
    const flags = ['--data', this.directory, '--key-file', this.keyFile, '--host', this.host]
    const ports = ['--mqtt-port', `${mqtt}`, '--https-port', `${https}`, '--amqp-port', `${amqp}`, '--console-port', `${console}`]
    const child = spawn(process.execPath, [main, 'start', ...flags, ...ports, '--config', this.#settings, ...this.#arguments], {
      env: this.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    const keep = (text: string): void => void (this.#output = (this.#output + text).slice(-64 * 1024))
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    let health = 'no answer'
    const ready = until('the hub is ready', 60_000, async () => {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the hub ended with ${child.exitCode ?? child.signalCode}:\n${this.#output}`)
      if (!existsSync(join(this.directory, 'hub.json')) || this.#pidInFile() !== child.pid) return false
      const answer = await this.api('GET', '/healthz').catch((error: unknown) => ({ status: 0, text: String(error) }))
      health = `${answer.status} ${answer.text}`
      return answer.status === 200
    })
    await ready.catch((error: unknown) => {
      throw new Error(`${String(error)}; health: ${health}; it said:\n${this.#output.slice(-4_000)}`)
    })
  }

  /** Ends the process as `SIGTERM` does, and waits for its exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM')
  }

  /** Ends the process as a power cut does, and waits. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    child.kill(signal)
    return ended
  }

  #pidInFile(): number | undefined {
    try {
      const said: { pid?: number } = JSON.parse(readFileSync(join(this.directory, 'hub.json'), 'utf8'))
      return said.pid
    } catch {
      return undefined
    }
  }

  get rootPem(): string {
    return readFileSync(join(this.directory, 'root.pem'), 'utf8')
  }

  /** One call of the control API as the operator of this machine. */
  api(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const credential = readFileSync(join(this.directory, 'cli.credential'), 'utf8').trim()
    return callApi({ host: '127.0.0.1', port: this.ports.console, ca: this.rootPem, credential }, method, path, body)
  }

  /** Adds a device whose certificate the hub issues. */
  async addDevice(id: string): Promise<TestDevice> {
    const { status, json } = await this.api('POST', '/api/v1/devices', { id })
    if (status !== 201) throw new Error(`adding ${id}: ${status} ${JSON.stringify(json)}`)
    return { id, cert: String(json['certificatePem']), key: String(json['privateKeyPem']), ca: this.rootPem }
  }

  /** Adds a device that is known by the SHA-256 thumbprint of its own certificate. */
  async addThumbprint(id: string, thumbprint: string): Promise<void> {
    const authentication = { type: 'selfSigned', primaryThumbprint: thumbprint }
    const { status, json } = await this.api('POST', '/api/v1/devices', { id, authentication })
    if (status !== 201) throw new Error(`adding ${id}: ${status} ${JSON.stringify(json)}`)
  }

  /** Runs the `thingwall` command against this hub, in a folder that goes with it. */
  command(...words: readonly string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [main, ...words], { cwd: this.#home, env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] })
      let [stdout, stderr] = ['', '']
      child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
      child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
      child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
    })
  }

  /** What `thingwall watch --json` reads back, from an offset to the end. */
  async watched(from: number | 'start' = 'start', ...flags: readonly string[]): Promise<readonly WatchedFact[]> {
    const facts: WatchedFact[] = []
    await this.eachWatched(from, (fact) => facts.push(fact), ...flags)
    return facts
  }

  /** The same, one by one, for more than memory should hold. */
  async eachWatched(from: number | 'start', seen: (fact: WatchedFact) => void, ...flags: readonly string[]): Promise<void> {
    const words = ['watch', '--json', '--from', `${from}`, '--until', 'end', ...flags]
    const child = spawn(process.execPath, [main, ...words], { cwd: this.#home, env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    for await (const line of createInterface({ input: child.stdout })) seen(JSON.parse(line))
    const code = await ended
    if (code !== 0) throw new Error(`watch ended with ${code}: ${stderr}`)
  }

  /** The same by the API alone: without a process of its own, for tests that ask often. */
  async facts(from: number | 'start' = 'start'): Promise<readonly WatchedFact[]> {
    const { status, text } = await this.api('GET', `/api/v1/events?from=${from}&until=end`)
    if (status !== 200) throw new Error(`events: ${status} ${text}`)
    return [...text.matchAll(/^data: ?(\{.*"offset".*\})\r?$/gm)].map(([, json]) => JSON.parse(json ?? ''))
  }

  /** Resident memory of the process now, in bytes. */
  rssBytes(): number {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  }

  /** Bytes that are free where the data directory lies. */
  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.directory)
    return bavail * bsize
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    if (process.env['THINGWALL_KEEP'] === undefined) rmSync(this.#home, { recursive: true, force: true })
    else console.log(`  kept ${this.#home}`)
  }
}

/** TCP ports that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer()
      return new Promise<typeof server>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
    }),
  )
  return Promise.all(
    servers.map((server) => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      return new Promise<number>((resolve) => server.close(() => resolve(port)))
    }),
  )
}
