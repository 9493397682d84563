/**
 * What more cores give: our hub with 0, 1, 2 … TLS workers, each under the same load as `npm run bench`. Server and load share every core of
 * the machine, so the rate on a small machine says little; what each thread of the hub spends on one message or handshake says more: the
 * engine's thread is the part that more cores cannot help, and its reciprocal is the ceiling.
 *
 *   node --conditions=source bench/cores.ts [--workers 0,1,2] [--rounds 3] [--seconds 4] [--clients 200] [--cores 0,1] [--load-cores 0,1] [--out FILE]
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Peer, type Place, residentBytes, startHub } from './peers.ts'

const everyCore = Array.from({ length: availableParallelism() }, (_, core) => core).join(',')
const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '0,1,2' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    clients: { type: 'string', default: '200' },
    cores: { type: 'string', default: everyCore },
    'load-cores': { type: 'string', default: everyCore },
    scenes: { type: 'string', default: 'window 1,window 16,handshake,resume' },
    out: { type: 'string' },
  },
})
const root = join(import.meta.dirname, '..')
const say = (text: string) => process.stderr.write(`${text}\n`)
const settleMs = 8_000

/** Seconds of processor time by thread: `engine`, `tls` (all workers), `disk` (the thread pool) and `other` (garbage collector, compiler). */
type Spent = { readonly engine: number; readonly tls: number; readonly disk: number; readonly other: number }

function spent(pid: number): Spent {
  const sums = { engine: 0, tls: 0, disk: 0, other: 0 }
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const seconds = (Number(fields[11]) + Number(fields[12])) / 100
    const kind = Number(thread) === pid ? 'engine' : /tls/i.test(name) ? 'tls' : /libuv/i.test(name) ? 'disk' : 'other'
    sums[kind] += seconds
  }
  return sums
}

type Sample = {
  readonly perSecond: number
  readonly engineMicros: number
  readonly tlsMicros: number
  readonly otherMicros: number
  readonly p99Ms: number | undefined
}

const scenes: Readonly<Record<string, readonly string[]>> = {
  'window 1': ['--window', '1'],
  'window 16': ['--window', '16'],
  handshake: ['--mode', 'handshake'],
  resume: ['--mode', 'resume'],
}

async function measure(place: Place, peer: Peer, args: readonly string[]): Promise<Sample> {
  const before = spent(peer.pid)
  const command = ['-c', values['load-cores'], process.execPath, '--conditions=source', join(root, 'bench/load.ts')]
  const common = [
    '--port',
    `${peer.port}`,
    '--certs',
    place.certs,
    '--seconds',
    values.seconds,
    '--clients',
    values.clients,
    '--warmup',
    '1',
  ]
  const child = spawn('taskset', [...command, ...common, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text))
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code !== 0) throw new Error(`the load ended with ${String(code)}`)
  const said: { acksPerSecond?: number; perSecond?: number; done?: number; windowMs?: { p99: number } } = JSON.parse(
    out.trim().split('\n').at(-1) ?? '{}',
  )
  const after = spent(peer.pid)
  const perSecond = said.acksPerSecond ?? said.perSecond ?? Number.NaN
  // The warm-up is part of what was spent.
  const done = said.done ?? perSecond * (Number(values.seconds) + 1)
  const micros = (kind: keyof Spent) => Math.round(((after[kind] - before[kind]) / done) * 1e7) / 10
  return {
    perSecond,
    engineMicros: micros('engine'),
    tlsMicros: micros('tls'),
    otherMicros: Math.round((micros('disk') + micros('other')) * 10) / 10,
    p99Ms: said.windowMs?.p99,
  }
}

function median(of: readonly number[]): number {
  return of.toSorted((a, b) => a - b)[Math.floor(of.length / 2)] ?? Number.NaN
}

const directory = mkdtempSync(join(tmpdir(), 'thingwall-cores-'))
const place: Place = { directory, certs: join(directory, 'certs'), clients: Number(values.clients) }
const samples = new Map<string, Sample[]>()
const rss = new Map<string, number>()
const counts = values.workers.split(',')
try {
  for (let round = 1; round <= Number(values.rounds); round++)
    for (const workers of counts) {
      process.env['THINGWALL_WORKERS'] = workers
      const peer = await startHub(place)
      try {
        execFileSync('taskset', ['-a', '-p', '-c', values.cores, `${peer.pid}`], { stdio: 'ignore' })
        await new Promise((resolve) => setTimeout(resolve, settleMs))
        rss.set(workers, residentBytes(peer.pid))
        for (const scene of values.scenes.split(',')) {
          const sample = await measure(place, peer, scenes[scene] ?? [])
          const key = `${scene}|${workers}`
          samples.set(key, [...(samples.get(key) ?? []), sample])
          say(`round ${round}, ${workers} workers, ${scene}: ${JSON.stringify(sample)}`)
        }
      } finally {
        await peer.stop()
      }
    }
} finally {
  rmSync(directory, { recursive: true, force: true })
}

const table = [...samples].map(([key, all]) => {
  const [scene = '', workers = ''] = key.split('|')
  const of = (figure: keyof Sample) => median(all.map((sample) => sample[figure] ?? Number.NaN))
  return {
    scene,
    workers,
    perSecond: of('perSecond'),
    engineMicros: of('engineMicros'),
    tlsMicros: of('tlsMicros'),
    other: of('otherMicros'),
  }
})
process.stdout.write(
  '| load | workers | a second | engine, µs each | TLS threads, µs each | disk and runtime, µs each | ceiling of the engine, a second |\n|---|---|---|---|---|---|---|\n',
)
for (const row of table.toSorted((a, b) => a.scene.localeCompare(b.scene)))
  process.stdout.write(
    `| ${row.scene} | ${row.workers} | ${row.perSecond.toLocaleString('en')} | ${row.engineMicros} | ${row.tlsMicros} | ${row.other} | ${Math.round(1e6 / row.engineMicros).toLocaleString('en')} |\n`,
  )
for (const [workers, bytes] of rss) process.stdout.write(`${workers} workers: ${Math.round(bytes / 1e6)} MB resident when idle\n`)
if (values.out !== undefined)
  writeFileSync(
    values.out,
    `${JSON.stringify({ cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, load: loadavg(), table, all: Object.fromEntries(samples) }, null, 2)}\n`,
  )
