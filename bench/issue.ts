/**
 * Certificates issued a second for keys that devices made: our hub over HTTPS, each with its serial and its audit entry on disk before it is signed, beside
 * Debian's cfssl over plain HTTP, which records nothing. P-256 throughout; the server on one core and whoever asks on the other.
 *
 *   taskset -c 1 node --conditions=source bench/issue.ts [--count 2000] [--out FILE]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type RequestOptions, Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent, request } from 'node:https'
import { cpus, loadavg, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { encodeCertificate, encodeName, encodePem, encodeRequestInfo } from '#wire/x509'
import { type Place, freePort, startHub } from './peers.ts'
import { keepResult, median, printTable } from './report.ts'

const { values } = parseArgs({ options: { count: { type: 'string', default: '2000' }, out: { type: 'string' } } })
const count = Number(values.count)
const windows = [1, 16, 64]
const rounds = 3
const directory = mkdtempSync(join(tmpdir(), 'thingwall-issue-'))
const place: Place = { directory, certs: join(directory, 'certs'), clients: count }
const busy = loadavg()[0] ?? 0
const measuredAt = new Date().toISOString()
const say = (text: string) => process.stderr.write(`${text}\n`)
if (busy > 0.5) say(`This machine is busy (load ${busy.toFixed(1)}); figures will be worse than they could be.`)

/** Key usage: digital signature, as every client asks for; an empty list of wishes would be malformed. */
const extension = Buffer.from('300e0603551d0f0101ff040403020780', 'hex')

/** A signing request for a fresh key, as PEM. */
function requestFor(commonName: string): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const info = encodeRequestInfo({
    subject: encodeName({ commonName }),
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    extensions: [extension],
  })
  return encodePem('CERTIFICATE REQUEST', encodeCertificate(info, 'ecdsa-sha256', sign('sha256', info, privateKey)))
}

type Ask = (body: string, name: string) => Promise<unknown>

function asker(
  send: typeof plainRequest,
  options: RequestOptions,
  pathOf: (name: string) => string,
  authorization: Readonly<Record<string, string>> = {},
): Ask {
  return (body, name) =>
    new Promise((resolve, reject) => {
      const headers = { ...authorization, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const outgoing = send({ ...options, method: 'POST', path: pathOf(name), headers }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part) => (text += part))
        response.on('end', () =>
          (response.statusCode ?? 0) < 300 && text.includes('BEGIN CERTIFICATE')
            ? resolve(text)
            : reject(new Error(`${response.statusCode} ${text.slice(0, 300)}`)),
        )
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
}

/** Asks for all of them, `window` at a time. Answers with how many a second. */
async function rate(ask: Ask, bodies: readonly (readonly [body: string, name: string])[], window: number): Promise<number> {
  let next = 0
  const worker = async () => {
    for (let one = bodies[next++]; one !== undefined; one = bodies[next++]) await ask(...one)
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: window }, worker))
  return (bodies.length * 1000) / (performance.now() - started)
}

async function startCfssl(): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  const csr = JSON.stringify({ CN: 'bench root', key: { algo: 'ecdsa', size: 256 } })
  const made: { cert: string; key: string } = JSON.parse(
    execFileSync('cfssl', ['gencert', '-initca', '-'], { input: csr, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] }),
  )
  const at = (name: string) => join(directory, name)
  writeFileSync(at('cfssl.pem'), made.cert)
  writeFileSync(at('cfssl.key'), made.key, { mode: 0o600 })
  writeFileSync(
    at('cfssl.json'),
    JSON.stringify({ signing: { default: { usages: ['digital signature', 'client auth'], expiry: '720h' } } }),
  )
  const port = await freePort()
  const words = [
    'serve',
    '-address',
    '127.0.0.1',
    '-port',
    `${port}`,
    '-ca',
    at('cfssl.pem'),
    '-ca-key',
    at('cfssl.key'),
    '-config',
    at('cfssl.json'),
  ]
  const child = spawn('taskset', ['-c', '0', 'cfssl', ...words], { stdio: 'ignore' })
  const isUp = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/cfssl/info`, { method: 'POST', body: '{}' }).catch(() => undefined)
    return answer?.ok === true
  }
  while (!(await isUp())) await new Promise((resolve) => setTimeout(resolve, 50))
  return { port, child }
}

/** One server: a fresh key for each certificate, so that nobody gains by knowing one. */
async function measure(ask: Ask, bodyOf: (pem: string) => object, names: readonly string[]): Promise<Record<string, number>> {
  const figures: Record<string, number> = {}
  for (const window of windows) {
    const seen: number[] = []
    for (let round = 0; round < rounds; round++) {
      const some = window === 1 ? names.slice(0, Math.ceil(names.length / 4)) : names
      const bodies = some.map((name) => [JSON.stringify(bodyOf(requestFor(name))), name] as const)
      seen.push(await rate(ask, bodies, window))
    }
    figures[`certificates/s, ${window} at a time`] = Math.round(median(seen))
  }
  return figures
}

const consolePort = await freePort()
const hub = await startHub(place, { consolePort })
const medians: Record<string, Record<string, number>> = {}
try {
  const names = readdirSync(place.certs)
    .filter((name) => name.endsWith('.cert.pem'))
    .map((name) => name.replace('.cert.pem', ''))
  const credential = readFileSync(join(directory, 'hub', 'cli.credential'), 'utf8').trim()
  const ca = readFileSync(join(directory, 'hub', 'root.pem'))
  const agent = new Agent({ keepAlive: true })
  const options = { host: '127.0.0.1', port: consolePort, agent, ca }
  say('thingwall')
  medians['thingwall'] = await measure(
    asker(request, options, (name) => `/api/v1/devices/${name}/certificates`, { authorization: `Bearer ${credential}` }),
    (csr) => ({ csr }),
    names,
  )
  agent.destroy()
  say('cfssl')
  const { port, child } = await startCfssl()
  const plain = { host: '127.0.0.1', port, agent: new PlainAgent({ keepAlive: true }) }
  medians['cfssl'] = await measure(
    asker(plainRequest, plain, () => '/api/v1/cfssl/sign'),
    (pem) => ({ certificate_request: pem }),
    names,
  )
  plain.agent.destroy()
  child.kill()
  await once(child, 'exit')
} finally {
  await hub.stop()
  rmSync(directory, { recursive: true, force: true })
}
const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()
keepResult(values.out ?? join(import.meta.dirname, 'results', `issue-${measuredAt.slice(0, 10)}-${commit.slice(0, 8)}.json`), {
  measuredAt,
  commit,
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version, loadBefore: busy },
  load: { count, windows, rounds },
  medians,
})
printTable('certificates for keys of devices', medians)
