import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { HubProcess, TestDevice } from '../hub.ts'
import { within } from '../until.ts'
import { type Client, type Heard, Inbox, type Opening, type Peer, type Said, lackedByVersion4, sessionSeconds } from './client.ts'

const notAuthorized = 0x87
const mark = 'message'

/**
 * mosquitto_pub and mosquitto_sub, over TLS. One program publishes and one subscribes, so a client of the scenarios is connected from
 * its first subscription on, and each publication is a process and a connection of its own.
 */
export function mosquittoClients(version: 4 | 5): Peer {
  return {
    name: `mosquitto_pub and mosquitto_sub, ${version === 4 ? '3.1.1' : '5'}, mqtts`,
    lacks: version === 4 ? lackedByVersion4 : {},
    ...(version === 5 ? { leavesWithWill: true } : {}),
    open: async (hub, device, opening) => new Programs(hub, device, opening, version),
  }
}

/** What a kept session was subscribed to: the program cannot come back to it without saying so again. */
const keptFilters = new Map<string, readonly [filter: string, qos: 0 | 1 | 2]>()

class Programs implements Client {
  readonly present = undefined
  readonly #version: 4 | 5
  readonly #opening: Opening
  readonly #connection: readonly string[]
  readonly #folder: string
  readonly #inbox = new Inbox()
  #subscriber: ChildProcess | undefined
  #published = 0

  constructor(hub: HubProcess, device: TestDevice, opening: Opening, version: 4 | 5) {
    this.#version = version
    this.#opening = opening
    this.#folder = mkdtempSync(join(tmpdir(), 'thingwall-mosquitto-'))
    for (const [name, text] of Object.entries({ ca: device.ca, cert: device.cert, key: device.key }))
      writeFileSync(join(this.#folder, name), text)
    const file = (name: string): string => join(this.#folder, name)
    const tls = ['--cafile', file('ca'), '--cert', file('cert'), '--key', file('key')]
    this.#connection = ['-h', 'localhost', '-p', `${hub.ports.mqtt}`, '-V', version === 4 ? 'mqttv311' : 'mqttv5', ...tls]
    const kept = keptFilters.get(opening.clientId)
    if (kept !== undefined && !opening.clean) void this.subscribe(...kept)
  }

  async subscribe(filter: string, qos: 0 | 1 | 2, identifier?: number): Promise<number> {
    const { clientId, clean, will } = this.#opening
    if (!clean) keptFilters.set(clientId, [filter, qos])
    const args = ['-d', '-i', clientId, '-t', filter, '-q', `${qos}`, '-F', format(this.#version)]
    if (!clean) args.push('-c', ...(this.#version === 5 ? ['-x', `${sessionSeconds}`] : []))
    if (identifier !== undefined) args.push('-D', 'subscribe', 'subscription-identifier', `${identifier}`)
    if (will !== undefined)
      args.push(
        '--will-topic',
        will.topic,
        '--will-payload',
        will.payload.toString(),
        '--will-qos',
        `${will.qos}`,
        ...(will.retain === true ? ['--will-retain'] : []),
      )
    // Into a pipe it writes in blocks unless told otherwise.
    const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', ...this.#connection, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#subscriber = child
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text) => (complaint += text))
    const granted = new Promise<number>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [, code] = /^Subscribed \(mid: \d+\): (\d+)/.exec(line) ?? []
        if (code !== undefined) resolve(Number(code))
        if (line.startsWith(`${mark}\t`)) this.#inbox.put(heard(line))
      })
      child.once('close', () => reject(new Error(`mosquitto_sub ended: ${complaint}`)))
    })
    granted.catch(() => undefined)
    return within('mosquitto_sub subscribes', 15_000, granted)
  }

  publish({ topic, payload, qos, retain, told }: Said): Promise<number> {
    const args = [
      '-i',
      `${this.#opening.clientId}-p${this.#published++}`,
      '-t',
      topic,
      '-q',
      `${qos}`,
      '-s',
      ...(retain === true ? ['-r'] : []),
    ]
    const property = (name: string, ...values: readonly string[]): void => void args.push('-D', 'publish', name, ...values)
    if (told?.responseTopic !== undefined) property('response-topic', told.responseTopic)
    if (told?.correlation !== undefined) property('correlation-data', told.correlation)
    if (told?.contentType !== undefined) property('content-type', told.contentType)
    for (const [key, value] of Object.entries(told?.userProperties ?? {})) property('user-property', key, value)
    // Standard input that ends at once is no message for it; an empty one has an option of its own.
    const empty = payload.length === 0
    const child = spawn('mosquitto_pub', [...this.#connection, ...(empty ? args.map((word) => (word === '-s' ? '-n' : word)) : args)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (said += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (said += text))
    child.stdin.on('error', () => undefined)
    child.stdin.end(payload)
    const done = new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => {
        if (/not authorized/i.test(said)) resolve(notAuthorized)
        else if (code === 0 && said === '') resolve(0)
        else reject(new Error(`mosquitto_pub ended with ${code}: ${said}`))
      })
    })
    return within('mosquitto_pub', 15_000, done)
  }

  next(): Promise<Heard> {
    return this.#inbox.next()
  }

  async end(): Promise<void> {
    const child = this.#subscriber
    if (child !== undefined && child.exitCode === null) {
      const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
      child.kill('SIGTERM')
      await within('mosquitto_sub ends', 10_000, closed)
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  vanish(): void {
    this.#subscriber?.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function format(version: 4 | 5): string {
  const words = [mark, '%q', '%r', '%x', '%t']
  return (version === 4 ? words : [...words, '%R', '%D', '%C', '%S', '%P']).join('\t')
}

function heard(line: string): Heard {
  const [, qos = '', retain = '', hex = '', topic = '', responseTopic = '', correlation = '', contentType = '', identifier = '', own = ''] =
    line.split('\t')
  return {
    topic,
    payload: Buffer.from(hex, 'hex'),
    qos: Number(qos),
    retain: retain === '1',
    told: {
      ...(responseTopic === '' ? {} : { responseTopic }),
      ...(correlation === '' ? {} : { correlation }),
      ...(contentType === '' ? {} : { contentType }),
      ...(own === '' ? {} : { userProperties: Object.fromEntries(own.split(' ').map((pair) => pair.split(':', 2))) }),
      ...(identifier === '' ? {} : { identifiers: [Number(identifier)] }),
    },
  }
}
