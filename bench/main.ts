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
try {
  if (!wanted.includes('thingwall')) await (await startHub(place)).stop() // the others use its certificates
  for (let at = 1; at <= Number(values.rounds); at++) {
    for (const name of wanted) {
      if (at > 1 && firstRoundOnly.has(name)) continue
      for (const suite of chosen) {
        // Suites that measure once would only take longer.
        if (at > 1 && suites[suite].once) continue
        say(`round ${at} of ${values.rounds}: ${name}, ${suite}`)
        const all = (figures[name] ??= {})
        try {
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
        } catch (error) {
          // A peer that cannot do a job is part of the result, and no reason to lose the rest.
          say(`    ${name} could not: ${error instanceof Error ? error.message.slice(-400) : String(error)}`)
        }
      }
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}

const medians = Object.fromEntries(
  Object.entries(figures).map(([name, all]) => [name, Object.fromEntries(Object.entries(all).map(([what, some]) => [what, median(some)]))]),
)
printTable(`median of ${values.rounds}`, medians)
keepResult(values.out, {
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
