/**
 * A fleet with twins on one hub: every device has its own certificate and stays connected (MQTT, mutual TLS 1.3, P-256), the hub on one core and
 * the load on the other. Measures twin updates reported durable, queries, jobs over everybody, and revocations. Prints a table and keeps it in bench/results.
 *
 *   node --conditions=source bench/fleet.ts [--devices 10000] [--seconds 5] [--queries 200] [--out FILE]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseCertificate } from '#wire/x509'
import type { Order, Told } from './fleet-orders.ts'
import { type Peer, type Place, cpuSeconds, freePort, residentBytes, startHub } from './peers.ts'
import { keepResult } from './report.ts'

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '5' },
    queries: { type: 'string', default: '200' },
    out: { type: 'string' },
  },
})
const devices = Number(values.devices)
const seconds = Number(values.seconds)
const queries = Number(values.queries)
const loadCore = '1'
const settleMs = 8_000
const root = join(import.meta.dirname, '..')
const say = (text: string) => process.stderr.write(`${text}\n`)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const directory = mkdtempSync(join(tmpdir(), 'thingwall-fleet-'))
const certs = join(directory, 'fleet')
const place: Place = { directory, certs: join(directory, 'certs'), clients: 1 }
const figures = new Map<string, number>()
const busy = loadavg()[0] ?? 0
const measuredAt = new Date().toISOString()
if (busy > 0.5) say(`This machine is busy (load ${busy.toFixed(1)}); figures will be worse than they could be.`)

function keep(what: string, value: number): void {
  const rounded = Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100
  figures.set(what, rounded)
  say(`    ${what}: ${rounded.toLocaleString('en')}`)
}

function keepSpread(what: string, of: readonly number[]): void {
  const sorted = of.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  keep(`${what}, p50 ms`, at(0.5))
  keep(`${what}, p99 ms`, at(0.99))
}

// The throttle of jobs is for the sake of devices and disks; what the hub can do shows without it.
const settings = join(directory, 'settings.yaml')
writeFileSync(settings, 'jobs: {devicesPerSecond: 100000}\n')
const consolePort = await freePort()
const agent = new Agent({ keepAlive: true })
const start = (): Promise<Peer> => startHub(place, { consolePort, arguments: ['--config', settings] })

/** One call of the hub's own API as the operator, on a connection that stays. Throws unless it is answered with 2xx. */
async function api(method: string, path: string, body?: object): Promise<Readonly<Record<string, unknown>>> {
  const credential = readFileSync(join(directory, 'hub', 'cli.credential'), 'utf8').trim()
  const ca = readFileSync(join(directory, 'hub', 'root.pem'))
  const sent = body === undefined ? undefined : JSON.stringify(body)
  const headers = {
    authorization: `Bearer ${credential}`,
    ...(sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
  }
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: consolePort, ca, agent, method, path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => (text += part))
      response.on('end', () =>
        (response.statusCode ?? 0) < 300
          ? resolve(JSON.parse(text))
          : reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`)),
      )
    })
    outgoing.on('error', reject)
    outgoing.end(sent)
  })
}

async function told<K extends Told['kind']>(load: ChildProcess, kind: K, order?: Order): Promise<Extract<Told, { kind: K }>> {
  const isOne = (message: Told): message is Extract<Told, { kind: K }> => message.kind === kind
  const answer = new Promise<Extract<Told, { kind: K }>>((resolve, reject) => {
    const ended = () => reject(new Error('the devices ended early'))
    load.once('exit', ended)
    load.once('message', (message: Told) => {
      load.off('exit', ended)
      if (isOne(message)) resolve(message)
      else reject(new Error(`the devices said ${message.kind} instead of ${kind}`))
    })
  })
  if (order !== undefined) load.send(order)
  return answer
}

async function connectFleet(hub: Peer): Promise<ChildProcess> {
  const node = [process.execPath, '--conditions=source', '--max-old-space-size=8192', join(import.meta.dirname, 'fleet-load.ts')]
  const load = spawn('taskset', ['-c', loadCore, ...node, '--port', `${hub.port}`, '--certs', certs, '--clients', `${devices}`], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const started = performance.now()
  const { connected } = await told(load, 'ready')
  keep('devices connected', connected)
  keep('seconds until all were connected and subscribed', (performance.now() - started) / 1000)
  return load
}

/** Twin updates that devices report: each is answered when it is durable. */
async function measureReports(hub: Peer, load: ChildProcess): Promise<void> {
  const once = await told(load, 'reported', { kind: 'report-once', atOnce: 1_000 })
  if (once.refused > 0) throw new Error(`${once.refused} first reports were refused: ${once.firstRefusal}`)
  keep('first report of every device, updates/s', once.answered / once.seconds)
  for (const [some, window] of [
    [devices, 1],
    [200, 1],
    [200, 16],
  ] as const) {
    const before = cpuSeconds(hub.pid)
    const started = performance.now()
    const sample = await told(load, 'burst', { kind: 'burst', devices: some, window, seconds, warmup: 1 })
    const name = `reported by ${some.toLocaleString('en')} devices, window ${window}`
    keep(`${name}, updates/s durable`, sample.answered / sample.seconds)
    keep(`${name}, p50 ms`, sample.latencyMs.p50)
    keep(`${name}, p99 ms`, sample.latencyMs.p99)
    keep(`${name}, refused`, sample.refused)
    if (sample.refused > 0) say(`    for example: ${sample.firstRefusal}`)
    // A query sees what was durable before it was asked: it waits until the rows have caught up.
    const asked = performance.now()
    await api('POST', '/api/v1/query', { query: 'SELECT COUNT() AS n FROM devices WHERE properties.reported.temperature >= 50' })
    keep(`${name}, ms until a query sees all`, performance.now() - asked)
    keep(`${name}, updates/s until a query sees all`, sample.sent / ((performance.now() - started) / 1000))
    keep(`${name}, microseconds of the server each`, ((cpuSeconds(hub.pid) - before) / sample.sent) * 1e6)
  }
}

/** Queries by the API, one at a time, while everybody is connected and quiet. */
async function measureQueries(): Promise<void> {
  const ask = (query: string, maxItems = 100, continuation?: string) =>
    api('POST', '/api/v1/query', { query, maxItems, ...(continuation === undefined ? {} : { continuation }) })
  const aggregate =
    'SELECT properties.reported.site AS site, COUNT() AS n, AVG(properties.reported.temperature) AS t FROM devices GROUP BY properties.reported.site'
  const some =
    readdirSync(certs)
      .find((name) => name.endsWith('.cert.pem'))
      ?.replace('.cert.pem', '') ?? ''
  const texts: readonly (readonly [name: string, text: string, times: number])[] = [
    ['query for one device by its name', `SELECT * FROM devices WHERE deviceId = '${some}'`, queries],
    ['query with a filter, first 100', "SELECT * FROM devices WHERE properties.reported.site = 's7' AND tags.wave = 2", queries],
    ['query that counts all connected', "SELECT COUNT() AS n FROM devices WHERE connectionState = 'Connected'", Math.ceil(queries / 4)],
    ['query that groups all by a property', aggregate, Math.ceil(queries / 4)],
  ]
  for (const [name, text, times] of texts) {
    const took: number[] = []
    for (let at = 0; at < times; at++) {
      const started = performance.now()
      const { items } = await ask(text)
      took.push(performance.now() - started)
      if (!Array.isArray(items) || items.length === 0) throw new Error(`nothing was found by ${text}`)
    }
    keepSpread(name, took)
  }
  const pages: number[] = []
  let found = 0
  const started = performance.now()
  for (let continuation: string | undefined = ''; continuation !== undefined;) {
    const from: string | undefined = continuation === '' ? undefined : continuation
    const asked = performance.now()
    const page = await ask('SELECT * FROM devices', 1_000, from)
    pages.push(performance.now() - asked)
    found += Array.isArray(page['items']) ? page['items'].length : 0
    continuation = typeof page['continuation'] === 'string' ? page['continuation'] : undefined
  }
  const whole = performance.now() - started
  if (found < devices) throw new Error(`${found} devices were found in pages`)
  keepSpread('a page of 1,000 whole twins', pages)
  keep('all twins, page after page, seconds', whole / 1000)
}

type Progress = { readonly status: string; readonly done: number; readonly failed: number }

async function progressOf(id: string): Promise<Progress> {
  const { status, progress } = await api('GET', `/api/v1/jobs/${id}`)
  const { succeededCount, failedCount }: { succeededCount: number; failedCount: number } = Object(progress)
  return { status: String(status), done: succeededCount, failed: failedCount }
}

/** Makes a job and watches it. Resolves to how long it took, in seconds. */
async function job(name: string, body: Readonly<Record<string, unknown>>): Promise<number> {
  const started = performance.now()
  const { id } = await api('POST', '/api/v1/jobs', { condition: "deviceId >= 'fleet-' AND deviceId < 'fleet.'", ...body })
  let steps = 0
  let last: Progress = { status: '', done: -1, failed: 0 }
  while (last.status !== 'completed' && last.status !== 'failed') {
    await pause(100)
    const now = await progressOf(String(id))
    if (now.done !== last.done) steps++
    if (now.done < last.done) throw new Error('the progress of a job went back')
    last = now
  }
  const took = (performance.now() - started) / 1000
  if (last.done !== devices) throw new Error(`${name}: ${last.done} done, ${last.failed} failed`)
  keep(`${name}, seconds`, took)
  keep(`${name}, devices/s`, devices / took)
  keep(`${name}, steps of progress seen`, steps)
  return took
}

async function measureJobs(load: ChildProcess): Promise<void> {
  for (const wave of [1, 2]) {
    await told(load, 'expecting', { kind: 'expect', wave })
    const since = Date.now()
    await job(`job: tags and desired properties of all, round ${wave}`, { twin: { tags: { wave }, desired: { wave } } })
    const { received, latencyMs, lastMs } = await told(load, 'wave', { kind: 'await', since })
    if (received !== devices) throw new Error(`${received} devices got their desired properties`)
    keep(`round ${wave}, until half of the devices have the property, seconds`, latencyMs.p50 / 1000)
    keep(`round ${wave}, until the last device has it, seconds`, lastMs / 1000)
  }
  await job('job: a method of all', { method: { name: 'reboot', payload: { delay: 1 } } })
  const { called } = await told(load, 'methods', { kind: 'methods' })
  keep('job: a method of all, calls that came to devices', called)
}

type Receipt = { readonly closed: number; readonly of: number; readonly elapsedMs: number }

/** Orders one revocation and waits until the devices have seen it: what the answer took, and what the last device saw. */
async function revoke(
  load: ChildProcess,
  body: object,
  endedInAll: number,
): Promise<{ readonly receipt: Receipt; readonly answerMs: number; readonly seenMs: number }> {
  const since = Date.now()
  const started = performance.now()
  const { receipt } = await api('POST', '/api/v1/revocations', body)
  const answerMs = performance.now() - started
  const { closed, of, elapsedMs }: Receipt = Object(receipt)
  if (closed !== of) throw new Error(`${closed} of ${of} sessions were closed`)
  const { count, lastMs } = await told(load, 'ended', { kind: 'ended', count: endedInAll, since })
  if (count !== endedInAll) throw new Error(`${count} of ${endedInAll} devices saw their connection end`)
  return { receipt: { closed, of, elapsedMs }, answerMs, seenMs: lastMs }
}

/** Revocation of one at a time, of a group at once, and of the authority of everybody who is left. */
async function measureRevocations(load: ChildProcess): Promise<void> {
  await told(load, 'expecting-end', { kind: 'expect-end' })
  const names = readdirSync(certs)
    .filter((name) => name.endsWith('.cert.pem'))
    .map((name) => name.replace('.cert.pem', ''))
  const single = names.splice(0, Math.min(1_000, Math.ceil(devices / 10)))
  const answers: number[] = []
  const seen: number[] = []
  let ended = 0
  for (const name of single) {
    const one = await revoke(load, { devices: [name] }, ++ended)
    answers.push(one.answerMs)
    seen.push(one.seenMs)
  }
  keepSpread('revoke one: until the receipt', answers)
  keepSpread('revoke one: until the device saw it', seen)
  const group = names.splice(0, Math.floor(devices / 2))
  const many = await revoke(load, { devices: group }, (ended += group.length))
  keep('revoke a group: devices', many.receipt.of)
  keep('revoke a group: until the receipt, ms', many.answerMs)
  keep('revoke a group: until the last device saw it, ms', many.seenMs)
  const pem = readFileSync(join(certs, `${names[0] ?? ''}.cert.pem`), 'utf8')
  const leaf = parseCertificate(new X509Certificate(pem).raw)
  const issuer = leaf.ok ? leaf.value.extensions.authorityKeyId?.toString('hex') : undefined
  const rest = await revoke(load, { issuer }, (ended += names.length))
  keep('revoke an issuer: devices', rest.receipt.of)
  keep('revoke an issuer: until the receipt, ms', rest.answerMs)
  keep('revoke an issuer: until the last device saw it, ms', rest.seenMs)
}

function addFleet(): void {
  const cli = join(root, 'src/cli/main.ts')
  const words = ['device', 'add', '--count', `${devices}`, '--prefix', 'fleet-', '--out', certs]
  execFileSync(process.execPath, ['--conditions=source', cli, '--data', join(directory, 'hub'), ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

async function measure(): Promise<void> {
  let hub = await start()
  try {
    await pause(settleMs)
    const fresh = residentBytes(hub.pid)
    keep('RSS of a fresh hub, MB', fresh / 1e6)
    const adding = performance.now()
    addFleet()
    keep('seconds to add all with their certificates', (performance.now() - adding) / 1000)
    const load = await connectFleet(hub)
    try {
      await pause(settleMs / 2)
      keep('RSS with all connected, bytes of a device', (residentBytes(hub.pid) - fresh) / devices)
      await measureReports(hub, load)
      await measureJobs(load)
      await measureQueries()
      keep('RSS at the end, bytes of a device', (residentBytes(hub.pid) - fresh) / devices)
      await measureRevocations(load)
    } finally {
      load.disconnect()
      await once(load, 'exit')
    }
    await hub.stop()
    hub = await start()
    await pause(settleMs)
    await api('POST', '/api/v1/query', { query: 'SELECT * FROM devices', maxItems: 1_000 })
    keep('RSS after a restart, nobody connected, bytes of a device with its twin', (residentBytes(hub.pid) - fresh) / devices)
    keep('cold start with all, ms', hub.coldStartMs)
  } finally {
    agent.destroy()
    await hub.stop()
  }
}

try {
  await measure()
} finally {
  rmSync(directory, { recursive: true, force: true })
}
const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()
keepResult(values.out ?? join(import.meta.dirname, 'results', `fleet-${measuredAt.slice(0, 10)}-${commit.slice(0, 8)}.json`), {
  measuredAt,
  commit,
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    loadBefore: busy,
  },
  load: { devices, seconds, queries, tls: '1.3, mutual, P-256' },
  figures: Object.fromEntries(figures),
})
process.stdout.write(`\n| ${devices.toLocaleString('en')} devices with twins | measured |\n|---|---|\n`)
for (const [what, value] of figures) process.stdout.write(`| ${what} | ${value.toLocaleString('en')} |\n`)
