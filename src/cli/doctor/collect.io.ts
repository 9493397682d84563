import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import { lookup } from 'node:dns/promises'
import { connect as connectTcp } from 'node:net'
import { delimiter, join } from 'node:path'
import { connect as connectTls, checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { Context } from '../context.ts'
import { isAlive } from '../hub-files.io.ts'
import { list, maybe, number, object, text } from '../shape.ts'
import { checkReport } from '../api.ts'
import type { Facts, NameFacts, PortFacts } from './judge.ts'
import { listenerOwner } from './owner.io.ts'

const described = object({
  pid: number,
  consoleUrl: text,
  host: maybe(text),
  mqttPort: number,
  httpsPort: number,
  consolePort: number,
  hostNames: list(text),
})
type Described = ReturnType<typeof described>

const patienceMs = 2_000

/** Measures everything that the doctor judges. Nothing here is changed but one small file that is written and removed. */
export async function collect(context: Context): Promise<Facts> {
  const directory = context.data
  const hub = readDescription(join(directory, 'hub.json'))
  const host = hub === undefined ? '127.0.0.1' : reachable(hub.host)
  const asked = await askHealth(context)
  const certificate = hub === undefined ? undefined : await servedCertificate(host, hub.mqttPort)
  return {
    nodeVersion: process.version,
    directory: { path: directory, exists: existsSync(directory), mode: modeOf(directory) },
    credential: {
      path: join(directory, 'cli.credential'),
      exists: existsSync(join(directory, 'cli.credential')),
      mode: modeOf(join(directory, 'cli.credential')),
    },
    disk: existsSync(directory) ? measureDisk(directory) : undefined,
    hub: hub === undefined ? undefined : { url: context.url ?? hub.consoleUrl, pid: hub.pid, alive: isAlive(hub.pid) },
    health: hub === undefined ? undefined : asked.health,
    clockSkewMs: asked.skewMs,
    clockSynchronised:
      process.platform === 'linux' ? existsSync('/run/systemd/timesync/synchronized') || existsSync('/run/chrony') || undefined : undefined,
    ports: hub === undefined ? [] : await Promise.all(portsOf(hub).map((port) => lookAtPort(host, port))),
    names: hub === undefined ? [] : await Promise.all(hub.hostNames.map((name) => lookAtName(name, certificate))),
    tpm: lookAtTpm(),
    keyReason: asked.keyReason,
    engine: findEngine(),
    issuing: hub === undefined ? undefined : await askKeys(context),
  }
}

function readDescription(file: string): Described | undefined {
  try {
    return described(JSON.parse(readFileSync(file, 'utf8')), 'hub.json')
  } catch {
    return undefined
  }
}

const reachable = (host: string | undefined) => (host === undefined || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host)

function modeOf(path: string): number | undefined {
  if (process.platform === 'win32') return undefined
  return (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777
}

function measureDisk(directory: string): Facts['disk'] {
  const file = join(directory, `.doctor-${process.pid}`)
  try {
    const { bavail, blocks, bsize } = statfsSync(directory)
    const handle = openSync(file, 'wx', 0o600)
    const times: number[] = []
    try {
      const block = Buffer.alloc(4096)
      for (let i = 0; i < 20; i++) {
        const before = performance.now()
        writeSync(handle, block)
        fdatasyncSync(handle)
        times.push(performance.now() - before)
      }
    } finally {
      closeSync(handle)
      rmSync(file, { force: true })
    }
    const sorted = times.toSorted((a, b) => a - b)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, syncP50Ms: sorted[10] ?? 0, syncMaxMs: sorted.at(-1) ?? 0 }
  } catch {
    return undefined
  }
}

type Asked = { readonly health: Facts['health']; readonly skewMs: number | undefined; readonly keyReason: Facts['keyReason'] }

async function askHealth(context: Context): Promise<Asked> {
  const hub = context.hub()
  if (!hub.ok) return { health: { problem: hub.error.why ?? hub.error.what, fix: hub.error.fix }, skewMs: undefined, keyReason: undefined }
  const before = Date.now()
  const answer = await hub.value.ask({ method: 'GET', path: '/healthz', failure: 'The hub is not healthy.' })
  if (!answer.ok)
    return { health: { problem: answer.error.why ?? answer.error.what, fix: answer.error.fix }, skewMs: undefined, keyReason: undefined }
  const reasons = object({ reasons: maybe(list(text)) })(answer.value.body, 'health').reasons ?? []
  const date = answer.value.date === undefined ? Number.NaN : Date.parse(answer.value.date)
  const skewMs = Number.isFinite(date) ? date - before : undefined
  const checks = await hub.value.ask({ method: 'GET', path: '/api/v1/checks', failure: 'The checks were not read.' })
  const control = checks.ok ? checkReport(checks.value.body, 'checks').controls.find((entry) => entry.control === 'TW-DAR-01') : undefined
  return { health: { healthy: true, reasons }, skewMs, keyReason: control && { verdict: control.verdict, reason: control.reason } }
}

const authorities = object({ keys: object({ title: text, state: text, message: maybe(text) }) })

async function askKeys(context: Context): Promise<Facts['issuing']> {
  const hub = context.hub()
  if (!hub.ok) return undefined
  const answer = await hub.value.ask({ method: 'GET', path: '/api/v1/pki/authorities', failure: 'The authorities were not listed.' })
  if (!answer.ok) return undefined
  const { title, state, message } = authorities(answer.value.body, 'authorities').keys
  return { title, state, message: message ?? undefined }
}

const portsOf = (hub: Described) => [
  { name: 'MQTT', port: hub.mqttPort },
  { name: 'HTTPS', port: hub.httpsPort },
  { name: 'console', port: hub.consolePort },
]

function lookAtPort(host: string, { name, port }: { readonly name: string; readonly port: number }): Promise<PortFacts> {
  const owner = listenerOwner(port)
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port, timeout: patienceMs })
    const end = (answers: boolean) => {
      socket.destroy()
      resolve({ name, host, port, answers, owner })
    }
    socket
      .on('connect', () => end(true))
      .on('timeout', () => end(false))
      .on('error', () => end(false))
  })
}

/** What the listener shows, trusted or not: here it is only read, never relied on. */
function servedCertificate(host: string, port: number): Promise<PeerCertificate | undefined> {
  return new Promise((resolve) => {
    const socket = connectTls({ host, port, timeout: patienceMs, rejectUnauthorized: false })
    const end = (certificate: PeerCertificate | undefined) => {
      socket.destroy()
      resolve(certificate)
    }
    socket
      .on('secureConnect', () => end(socket.getPeerCertificate()))
      .on('timeout', () => end(undefined))
      .on('error', () => end(undefined))
  })
}

async function lookAtName(name: string, certificate: PeerCertificate | undefined): Promise<NameFacts> {
  const found = await lookup(name, { all: true }).catch(() => [])
  const covered = certificate === undefined ? undefined : checkServerIdentity(name, certificate) === undefined
  return { name, addresses: found.map((entry) => entry.address), covered }
}

function lookAtTpm(): Facts['tpm'] {
  if (!existsSync('/dev/tpmrm0')) return 'absent'
  try {
    accessSync('/dev/tpmrm0', constants.R_OK | constants.W_OK)
    return 'usable'
  } catch {
    return 'no-right'
  }
}

function findEngine(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return ['docker', 'podman', 'nerdctl'].flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path))
}
