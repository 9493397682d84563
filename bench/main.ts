/**
 * `npm run bench`: our hub, Mosquitto and the NATS server, one after the other and in rounds, under the same load: mutual TLS 1.3 with P-256,
 * QoS 1, 128-byte payload, no subscriber, the server on one core and the load on the other. Prints medians and ratios, and keeps them in
 * bench/results with the machine and the commit.
 *
 *   npm run bench                      three rounds, about six minutes
 *   npm run bench -- --rounds 1 --seconds 2 --only thingwall,mosquitto
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Peer, type Place, cpuSeconds, residentBytes, startHub, startMosquitto, startNats } from './peers.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    clients: { type: 'string', default: '200' },
    idle: { type: 'string', default: '2000' },
    only: { type: 'string', default: 'thingwall,mosquitto,nats' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(
    'npm run bench -- [--rounds 3] [--seconds 4] [--clients 200] [--idle 2000] [--only thingwall,mosquitto,nats] [--out FILE]\n',
  )
  process.exit(0)
}
const loadCore = '1'
const settleMs = 8_000
const root = join(import.meta.dirname, '..')
const say = (text: string) => process.stderr.write(`${text}\n`)

type Sample = {
  readonly acksPerSecond?: number
  readonly windowMs?: { readonly p50: number; readonly p99: number }
  readonly perSecond?: number
  readonly done?: number
  readonly reused?: number
  readonly loadCpu?: number
}

function load(place: Place, peer: Peer, ...args: string[]): Promise<Sample> {
  const all = [
    '-c',
    loadCore,
    process.execPath,
    '--conditions=source',
    join(root, 'bench/load.ts'),
    '--port',
    `${peer.port}`,
    '--certs',
    place.certs,
    '--seconds',
    values.seconds,
    '--clients',
    values.clients,
    ...args,
  ]
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', all, { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (text: Buffer) => (out += text.toString()))
    child.stderr.on('data', (text: Buffer) => (err += text.toString()))
    child.on('close', (code) =>
      code === 0 ? resolve(JSON.parse(out.trim().split('\n').at(-1) ?? '{}')) : reject(new Error(err.slice(-800))),
    )
  })
}

/** Bytes that one idle connection costs the server: resident memory with them less without, over their number. */
async function idleBytes(place: Place, peer: Peer): Promise<number> {
  const before = residentBytes(peer.pid)
  const count = Number(values.idle)
  const args = [
    '-c',
    loadCore,
    process.execPath,
    '--conditions=source',
    join(root, 'bench/load.ts'),
    '--port',
    `${peer.port}`,
    '--certs',
    place.certs,
    '--mode',
    'idle',
    '--clients',
    `${count}`,
  ]
  const child = spawn('taskset', args, { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve)
    child.once('close', () => reject(new Error('the idle load ended early')))
  })
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  const after = residentBytes(peer.pid)
  child.removeAllListeners('close')
  child.stdin.end()
  await new Promise((resolve) => child.on('close', resolve))
  return Math.round((after - before) / count)
}

type Figures = Record<string, number[]>

async function round(place: Place, peer: Peer, into: Figures): Promise<void> {
  const keep = (name: string, value: number | undefined) => {
    if (value !== undefined) (into[name] ??= []).push(value)
  }
  keep('cold start ms', peer.coldStartMs)
  keep('idle RSS bytes', residentBytes(peer.pid))
  for (const window of ['1', '16']) {
    const sample = await load(place, peer, '--window', window)
    keep(`acks/s, window ${window}`, sample.acksPerSecond)
    keep(`window ${window} p50 ms`, sample.windowMs?.p50)
    keep(`window ${window} p99 ms`, sample.windowMs?.p99)
    say(`    window ${window.padStart(2)}: ${sample.acksPerSecond} acks/s (load used ${sample.loadCpu} of its core)`)
  }
  const before = cpuSeconds(peer.pid)
  const full = await load(place, peer, '--mode', 'handshake')
  const between = cpuSeconds(peer.pid)
  const resumed = await load(place, peer, '--mode', 'resume')
  const after = cpuSeconds(peer.pid)
  // One core of load may be slower than the server: what a handshake costs the server does not depend on it.
  keep('server ms a full handshake', perHandshake(full, between - before))
  keep('server ms a resumed handshake', (resumed.reused ?? 0) > 0.9 ? perHandshake(resumed, after - between) : undefined)
  keep('full handshakes/s', full.perSecond)
  if ((resumed.reused ?? 0) > 0.9) keep('resumed handshakes/s', resumed.perSecond)
  say(`    handshakes: ${full.perSecond}/s full, ${resumed.perSecond}/s resumed (${Math.round((resumed.reused ?? 0) * 100)} % reused)`)
}

/** Milliseconds of the server's processor time for one connect, handshake to disconnect. */
function perHandshake(sample: Sample, seconds: number): number {
  return Math.round((seconds / (sample.done ?? Number.NaN)) * 100_000) / 100
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

const starters = { thingwall: startHub, mosquitto: startMosquitto, nats: startNats }
const wanted = values.only.split(',').filter((name): name is keyof typeof starters => name in starters)
const directory = mkdtempSync(join(tmpdir(), 'thingwall-bench-'))
const place: Place = { directory, certs: join(directory, 'certs'), clients: Number(values.clients) }
const figures: Record<string, Figures> = {}
const about: Record<string, object> = {}
const busy = loadavg()[0] ?? 0
if (busy > 0.5) say(`This machine is busy (load ${busy.toFixed(1)}); figures will be worse than they could be.`)
try {
  if (!wanted.includes('thingwall')) await (await startHub(place)).stop() // the others use its certificates
  for (let at = 1; at <= Number(values.rounds); at++) {
    for (const name of wanted) {
      say(`round ${at} of ${values.rounds}: ${name}`)
      const peer = await starters[name](place)
      // What a server does once after its start (our first run of all checks, for one) is not what it does all day.
      await new Promise((resolve) => setTimeout(resolve, settleMs))
      about[name] = { version: peer.version, durable: peer.durable }
      try {
        await round(place, peer, (figures[name] ??= {}))
        if (at === 1) (figures[name]['idle connection bytes'] ??= []).push(await idleBytes(place, peer))
      } finally {
        await peer.stop()
      }
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}

const medians = Object.fromEntries(
  Object.entries(figures).map(([name, all]) => [name, Object.fromEntries(Object.entries(all).map(([what, some]) => [what, median(some)]))]),
)
const ours = medians['thingwall'] ?? {}
const result = {
  measuredAt: new Date().toISOString(),
  commit: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim(),
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    loadBefore: busy,
  },
  load: {
    clients: Number(values.clients),
    payloadBytes: 128,
    qos: 1,
    tls: '1.3, mutual, P-256',
    seconds: Number(values.seconds),
    rounds: Number(values.rounds),
    idleConnections: Number(values.idle),
  },
  about,
  medians,
  all: figures,
}
const columns = Object.keys(medians)
const rows = [...new Set(columns.flatMap((name) => Object.keys(medians[name] ?? {})))]
process.stdout.write(
  `\n| median of ${values.rounds} | ${columns.join(' | ')} | ${columns
    .filter((name) => name !== 'thingwall')
    .map((name) => `ours / ${name}`)
    .join(' | ')} |\n`,
)
process.stdout.write(`|${'---|'.repeat(1 + columns.length + columns.filter((name) => name !== 'thingwall').length)}\n`)
for (const row of rows) {
  const cells = columns.map((name) => medians[name]?.[row]?.toLocaleString('en') ?? '-')
  const ratios = columns
    .filter((name) => name !== 'thingwall')
    .map((name) => ((ours[row] ?? Number.NaN) / (medians[name]?.[row] ?? Number.NaN)).toFixed(2))
  process.stdout.write(`| ${row} | ${cells.join(' | ')} | ${ratios.map((ratio) => (ratio === 'NaN' ? '-' : `${ratio}x`)).join(' | ')} |\n`)
}
const out = values.out ?? join(root, 'bench/results', `${result.measuredAt.slice(0, 10)}-${result.commit.slice(0, 8)}.json`)
mkdirSync(join(out, '..'), { recursive: true })
writeFileSync(out, `${JSON.stringify(result, null, 2)}\n`)
process.stdout.write(`\nkept in ${out}\n`)
