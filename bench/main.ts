/**
 * `npm run bench`: our hub and its peers, one after the other and in rounds, under the same load: mutual TLS 1.3 with P-256, the server on one
 * core and the load on the other. Prints medians and ratios, and keeps them in bench/results with the machine and the commit.
 *
 *   npm run bench                                    all suites, three rounds (aedes and RabbitMQ: one)
 *   npm run bench -- --suites fan-in,handshakes      some of them
 *   npm run bench -- --rounds 1 --seconds 2 --only thingwall,mosquitto
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Place, startAedes, startHub, startMosquitto, startNats, startRabbitMq } from './peers.ts'
import { type Figures, keepResult, median, printTable } from './report.ts'
import { type SuiteOptions, suites } from './suites.ts'

const starters = { thingwall: startHub, mosquitto: startMosquitto, nats: startNats, aedes: startAedes, rabbitmq: startRabbitMq }
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    clients: { type: 'string', default: '1000' },
    many: { type: 'string', default: '10000' },
    suites: { type: 'string', default: Object.keys(suites).join(',') },
    only: { type: 'string', default: Object.keys(starters).join(',') },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(`npm run bench -- [--rounds 3] [--seconds 4] [--many 10000] [--suites ${Object.keys(suites).join(',')}]
                 [--only ${Object.keys(starters).join(',')}] [--out FILE]\n`)
  process.exit(0)
}
const settleMs = 8_000
// They are there for orientation and carry no budget: one round of them is enough.
const firstRoundOnly: ReadonlySet<string> = new Set<keyof typeof starters>(['aedes', 'rabbitmq'])
const root = join(import.meta.dirname, '..')
const say = (text: string) => process.stderr.write(`${text}\n`)
const options: SuiteOptions = { seconds: values.seconds, many: Number(values.many), say }
const chosen = values.suites.split(',').filter((name): name is keyof typeof suites => name in suites)
const wanted = values.only.split(',').filter((name): name is keyof typeof starters => name in starters)
const directory = mkdtempSync(join(tmpdir(), 'thingwall-bench-'))
const place: Place = { directory, certs: join(directory, 'certs'), clients: Number(values.clients) }
const figures: Record<string, Figures> = {}
const about: Record<string, object> = {}
const busy = loadavg()[0] ?? 0
if (busy > 0.5) say(`This machine is busy (load ${busy.toFixed(1)}); figures will be worse than they could be.`)

type Job = { readonly round: number; readonly name: keyof typeof starters; readonly suite: keyof typeof suites }

/** What carries a budget comes first, so that a run that is cut short has it. */
function plan(): readonly Job[] {
  const jobs: Job[] = []
  const add = (round: number, names: readonly Job['name'][], which: (suite: Job['suite']) => boolean) => {
    for (const name of names) for (const suite of chosen.filter(which)) jobs.push({ round, name, suite })
  }
  const main = wanted.filter((name) => !firstRoundOnly.has(name))
  for (let round = 1; round <= Number(values.rounds); round++) add(round, main, (suite) => !suites[suite].once)
  add(1, main, (suite) => suites[suite].once)
  add(
    1,
    wanted.filter((name) => firstRoundOnly.has(name)),
    () => true,
  )
  return jobs
}

async function run({ name, suite }: Job): Promise<void> {
  const all = (figures[name] ??= {})
  const peer = await starters[name](place)
  about[name] = { version: peer.version, durable: peer.durable }
  // What a server does once after its start (our first run of all checks, for one) is not what it does all day.
  await new Promise((resolve) => setTimeout(resolve, settleMs))
  try {
    await suites[suite].run(place, peer, options, (what, value) => {
      if (value !== undefined) (all[what] ??= []).push(value)
    })
  } finally {
    await peer.stop()
  }
}

function keep(): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const medians = Object.fromEntries(
    Object.entries(figures).map(([name, all]) => [
      name,
      Object.fromEntries(Object.entries(all).map(([what, some]) => [what, median(some)])),
    ]),
  )
  keepResult(values.out, {
    measuredAt,
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
      payloadBytes: 128,
      tls: '1.3, mutual, P-256',
      seconds: Number(values.seconds),
      rounds: Number(values.rounds),
      many: options.many,
    },
    about,
    medians,
    all: figures,
  })
  return medians
}

const measuredAt = new Date().toISOString()
let isCutShort = false
process.once('SIGINT', () => {
  isCutShort = true
  say('Ending after this suite; what was measured is kept.')
})
try {
  if (!wanted.includes('thingwall')) await (await startHub(place)).stop() // the others use its certificates
  for (const job of plan()) {
    if (isCutShort) break
    say(`round ${job.round} of ${values.rounds}: ${job.name}, ${job.suite}`)
    try {
      await run(job)
    } catch (error) {
      // A peer that cannot do a job is part of the result, and no reason to lose the rest.
      say(`    ${job.name} could not: ${error instanceof Error ? error.message.slice(-400) : String(error)}`)
    }
    keep()
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
printTable(`median of ${values.rounds}`, keep())
