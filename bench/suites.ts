import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { type Peer, type Place, cpuSeconds, residentBytes } from './peers.ts'

/** What a suite is told. `many` is the number of clients where an issue is their number. */
export type SuiteOptions = { readonly seconds: string; readonly many: number; say(text: string): void }

type Keep = (what: string, value: number | undefined) => void

/** One job that every server is given. `once`: measured in the first round only. */
export type Suite = { readonly once: boolean; run(place: Place, peer: Peer, options: SuiteOptions, keep: Keep): Promise<void> }

type Spread = { readonly p50: number; readonly p99: number; readonly p999: number }
type Sample = {
  readonly acksPerSecond?: number
  readonly windowMs?: Spread
  readonly perSecond?: number
  readonly done?: number
  readonly reused?: number
  readonly loadCpu?: number
  readonly deliveriesPerSecond?: number
  readonly latencyMs?: Spread
  readonly connectsPerSecond?: number
  readonly reconnectSeconds?: number
  readonly reconnectMs?: Spread
  readonly retries?: number
  readonly witnessMs?: Spread
  readonly open?: number
  readonly publishesPerSecond?: number
  readonly publishesPerSecondBefore?: number
  readonly subscriptionsPerSecond?: number
}

const loadCore = '1'
// Both brokers get through this; the latency at one rate can be compared, at half of each one's own peak it cannot.
const pairsPerSecond = 10_000

/** Every suite, in the order in which they run. */
export const suites = {
  'fan-in': { once: false, run: fanIn },
  handshakes: { once: false, run: handshakes },
  'fan-out': { once: false, run: fanOut },
  pairs: { once: false, run: pairs },
  idle: { once: true, run: idle },
  storm: { once: true, run: storm },
  wildcards: { once: true, run: wildcards },
} as const satisfies Readonly<Record<string, Suite>>

async function fanIn(place: Place, peer: Peer, options: SuiteOptions, keep: Keep): Promise<void> {
  keep('cold start ms', peer.coldStartMs)
  keep('RSS of a fresh server, bytes', residentBytes(peer.pid))
  for (const window of ['1', '16']) {
    const sample = await load('load.ts', place, peer, options, '--clients', '200', '--window', window)
    keep(`acks/s, window ${window}`, sample.acksPerSecond)
    keep(`window ${window} p50 ms`, sample.windowMs?.p50)
    keep(`window ${window} p99 ms`, sample.windowMs?.p99)
    options.say(`    window ${window.padStart(2)}: ${sample.acksPerSecond} acks/s (load used ${sample.loadCpu} of its core)`)
  }
}

async function handshakes(place: Place, peer: Peer, options: SuiteOptions, keep: Keep): Promise<void> {
  const before = cpuSeconds(peer.pid)
  const full = await load('load.ts', place, peer, options, '--clients', '200', '--mode', 'handshake')
  const between = cpuSeconds(peer.pid)
  const resumed = await load('load.ts', place, peer, options, '--clients', '200', '--mode', 'resume')
  const after = cpuSeconds(peer.pid)
  // One core of load may be slower than the server: what a handshake costs the server does not depend on it.
  keep('server ms a full handshake', perHandshake(full, between - before))
  keep('full handshakes/s', full.perSecond)
  if ((resumed.reused ?? 0) > 0.9) {
    keep('server ms a resumed handshake', perHandshake(resumed, after - between))
    keep('resumed handshakes/s', resumed.perSecond)
  }
  options.say(`    ${full.perSecond}/s full, ${resumed.perSecond}/s resumed (${Math.round((resumed.reused ?? 0) * 100)} % reused)`)
}

async function fanOut(place: Place, peer: Peer, options: SuiteOptions, keep: Keep): Promise<void> {
  for (const subscribers of ['100', '1000']) {
    const before = cpuSeconds(peer.pid)
    const sample = await load('scenes.ts', place, peer, options, '--mode', 'fan-out', '--subscribers', subscribers)
    const used = cpuSeconds(peer.pid) - before
    keep(`fan-out 1 to ${subscribers}, deliveries/s`, sample.deliveriesPerSecond)
    keep(`fan-out 1 to ${subscribers}, p50 ms`, sample.latencyMs?.p50)
    keep(`fan-out 1 to ${subscribers}, p99 ms`, sample.latencyMs?.p99)
    options.say(
      `    1 to ${subscribers}: ${sample.deliveriesPerSecond} deliveries/s (load used ${sample.loadCpu} of its core, server ${used.toFixed(1)} s)`,
    )
  }
}

async function pairs(place: Place, peer: Peer, options: SuiteOptions, keep: Keep): Promise<void> {
  const peak = await load('scenes.ts', place, peer, options, '--mode', 'pairs')
  keep('50 pairs, peak messages/s', peak.deliveriesPerSecond)
  const paced = await load('scenes.ts', place, peer, options, '--mode', 'pairs', '--rate', `${pairsPerSecond}`)
  keep(`50 pairs at ${pairsPerSecond}/s, delivered/s`, paced.deliveriesPerSecond)
  keep(`50 pairs at ${pairsPerSecond}/s, p50 ms`, paced.latencyMs?.p50)
  keep(`50 pairs at ${pairsPerSecond}/s, p99 ms`, paced.latencyMs?.p99)
  keep(`50 pairs at ${pairsPerSecond}/s, p99.9 ms`, paced.latencyMs?.p999)
  options.say(
    `    peak ${peak.deliveriesPerSecond}/s; at ${pairsPerSecond}/s p50 ${paced.latencyMs?.p50} ms, p99 ${paced.latencyMs?.p99} ms`,
  )
}

/** Bytes that one idle connection costs the server: resident memory with them less without, over their number. */
async function idle(place: Place, peer: Peer, options: SuiteOptions, keep: Keep): Promise<void> {
  const before = residentBytes(peer.pid)
  const child = spawnLoad('load.ts', place, peer, options, ['--mode', 'idle', '--clients', `${options.many}`])
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve)
    child.once('close', () => reject(new Error('the idle load ended early')))
  })
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  const busy = cpuSeconds(peer.pid)
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  keep(`${options.many} idle connections, processor percent`, Math.round(((cpuSeconds(peer.pid) - busy) / 5) * 1000) / 10)
  const bytes = Math.round((residentBytes(peer.pid) - before) / options.many)
  keep(`idle connection bytes, ${options.many} of them`, bytes)
  child.removeAllListeners('close')
  child.stdin.end()
  await new Promise((resolve) => child.on('close', resolve))
  options.say(`    ${bytes} bytes each`)
}

async function storm(place: Place, peer: Peer, options: SuiteOptions, keep: Keep): Promise<void> {
  const sample = await load('scenes.ts', place, peer, options, '--mode', 'storm', '--clients', `${options.many}`, '--at-once', '500')
  if (sample.open !== options.many) throw new Error(`${sample.open} of ${options.many} were connected at the end`)
  keep(`storm of ${options.many}: seconds until all are back`, sample.reconnectSeconds)
  keep(`storm of ${options.many}: p99 ms of one connect`, sample.reconnectMs?.p99)
  keep(`storm of ${options.many}: turned away`, sample.retries)
  keep(`storm of ${options.many}: p99 ms of a publish meanwhile`, sample.witnessMs?.p99)
  options.say(`    all back after ${sample.reconnectSeconds} s; a publish meanwhile took p99 ${sample.witnessMs?.p99} ms`)
}

async function wildcards(place: Place, peer: Peer, options: SuiteOptions, keep: Keep): Promise<void> {
  const sample = await load('scenes.ts', place, peer, options, '--mode', 'wildcards', '--clients', '1000', '--filters', '100000')
  keep('100,000 wildcard subscriptions: subscribed/s', sample.subscriptionsPerSecond)
  keep('publishes/s before them', sample.publishesPerSecondBefore)
  keep('publishes/s among them, one match each', sample.publishesPerSecond)
  options.say(`    ${sample.publishesPerSecondBefore} publishes/s before, ${sample.publishesPerSecond} among 100,000 subscriptions`)
}

function spawnLoad(script: string, place: Place, peer: Peer, options: SuiteOptions, args: readonly string[]) {
  const node = [process.execPath, '--conditions=source', '--max-old-space-size=8192', join(import.meta.dirname, script)]
  const common = ['--port', `${peer.port}`, '--certs', place.certs, '--seconds', options.seconds]
  return spawn('taskset', ['-c', loadCore, ...node, ...common, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
}

function load(script: string, place: Place, peer: Peer, options: SuiteOptions, ...args: string[]): Promise<Sample> {
  return new Promise((resolve, reject) => {
    const child = spawnLoad(script, place, peer, options, args)
    let out = ''
    let err = ''
    child.stdout.on('data', (text: Buffer) => (out += text.toString()))
    child.stderr.on('data', (text: Buffer) => (err += text.toString()))
    const patience = setTimeout(() => child.kill('SIGKILL'), 180_000)
    child.on('close', (code) => {
      clearTimeout(patience)
      if (code === 0) resolve(JSON.parse(out.trim().split('\n').at(-1) ?? '{}'))
      else reject(new Error(err.slice(-800) || 'no result within three minutes'))
    })
  })
}

/** Milliseconds of the server's processor time for one connect, handshake to disconnect. */
function perHandshake(sample: Sample, seconds: number): number {
  return Math.round((seconds / (sample.done ?? Number.NaN)) * 100_000) / 100
}
