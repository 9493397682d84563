import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeHub, type Route, problem } from './fake-hub.ts'
import { type Ran, runCommand } from './run-command.ts'

const device = (id: string) => ({
  id,
  generationId: '1',
  etag: 'e1',
  status: 'enabled',
  statusReason: null,
  authentication: { type: 'certificateAuthority' },
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
})
const receipt = { closed: 3, of: 3, elapsedMs: 41.2, transports: { mqtts: 2, wss: 1 } }
const unknown: Route = (call, response) => problem(response, 404, 'hub/device-not-found', `There is no device ${call.path.split('/')[4]}.`)
/** PEM of nothing. */
export const pem = (label: string) => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`
const ids = ['pump-1', 'pump-2', 'pump-3']
const connection = {
  id: 'c1',
  device: 'pump-1',
  clientId: 'x\u001b[2J',
  transport: 'mqtts',
  mqttVersion: 5,
  address: '192.0.2.9',
  since: '2026-01-01T00:00:00.000Z',
  tls: { version: 'TLSv1.3', cipher: 'x' },
  inMessages: 7,
  outMessages: 0,
}
const decision = (allowed: boolean) => ({
  id: 'd1',
  allowed,
  action: 'publish',
  device: 'pump-1',
  topic: 'plant/other/x',
  rule: allowed ? 'own-topics' : null,
  reason: allowed ? 'its own topic' : 'no rule allows it',
  change: allowed ? null : 'allow publish on plant/other/#',
  checked: [{ rule: 'own-topics', topics: ['devices/{device}/#'], matched: allowed }],
})
const control = (name: string, verdict: string) => ({
  control: name,
  title: `Title of ${name}`,
  severity: 'high',
  serves: [],
  recommendation: 'r',
  verdict,
  reason: 'measured',
  findings: [],
  evidence: [{ probe: 'tls1.1', refused: true }],
})

const routesOf = (scene: { failing: boolean; rootPem: string }): Readonly<Record<string, Route>> => ({
  'GET /healthz': () => ({ status: 'ok' }),
  'GET /api/v1/hub': () => ({
    name: 'hub',
    version: '0.1.0',
    startedAt: '2026-01-01T00:00:00.000Z',
    rootFingerprint: 'AA:BB',
    hostNames: ['localhost'],
    listeners: [{ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port: 8883, reason: 'devices', tls: true }],
    devices: 3,
    connections: 1,
  }),
  'GET /api/v1/devices': ({ query }) => {
    const limit = Number(query.get('limit'))
    const from = ids.indexOf(query.get('after') ?? '') + 1
    const page = ids.slice(from, from + Math.min(limit, 2))
    const last = page.at(-1)
    return {
      devices: page.map((id) => Object.assign(device(id), { connected: id === 'pump-1', certificate: null })),
      next: last === ids.at(-1) ? null : last,
      total: 3,
    }
  },
  'POST /api/v1/devices': ({ body }, response) => {
    const { id, csr }: { id?: string; csr?: string } = Object(body)
    if (id === 'taken') return problem(response, 409, 'hub/device-exists', 'Device taken exists.')
    const made = {
      device: device(id ?? ''),
      certificatePem: pem('CERTIFICATE'),
      ...(csr ? {} : { privateKeyPem: pem('PRIVATE KEY') }),
      rootPem: scene.rootPem,
    }
    return {
      ...made,
      connection: { host: 'localhost', mqttPort: 8883, httpsPort: 443, connectionString: `HostName=localhost;DeviceId=${id};x509=true` },
    }
  },
  'POST /api/v1/devices/bulk': ({ body }, response) => {
    const { count = 0, prefix = '' }: { count?: number; prefix?: string } = Object(body)
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    for (let i = 1; i <= count; i++) {
      response.write(`${JSON.stringify({ kind: 'progress', done: i, total: count })}\n`)
      response.write(
        `${JSON.stringify({ kind: 'device', device: device(`${prefix}${i}`), certificatePem: pem('CERTIFICATE'), privateKeyPem: pem('PRIVATE KEY') })}\n`,
      )
    }
    response.end(prefix === 'cut-' ? '' : `${JSON.stringify({ kind: 'done', added: count, failed: 0 })}\n`)
    return undefined
  },
  'GET /api/v1/devices/pump-1': () => ({ device: device('pump-1'), connected: true, connections: [connection], certificates: [] }),
  'GET /api/v1/devices/pump-1/certificates': () => ({
    certificates: [
      {
        serial: '5a01',
        fingerprintSha256: 'ab',
        subject: 'CN=pump-1',
        issuer: 'x',
        notBefore: '2026-01-01T00:00:00.000Z',
        notAfter: '2026-01-31T00:00:00.000Z',
        status: 'valid',
      },
    ],
  }),
  'PATCH /api/v1/devices/pump-1': ({ body, headers }, response) =>
    headers['if-match'] === 'old'
      ? problem(response, 412, 'hub/changed', 'It was changed.')
      : { device: { ...device('pump-1'), ...Object(body) }, receipt },
  'DELETE /api/v1/devices/pump-1': () => ({ receipt }),
  'POST /api/v1/devices/pump-1/revoke': () => ({ certificates: 1, receipt: scene.failing ? { ...receipt, closed: 2 } : receipt }),
  'POST /api/v1/revocations': () => ({ certificates: 1, receipt }),
  'POST /api/v1/devices/pump-1/certificates': () => ({ certificatePem: pem('CERTIFICATE'), privateKeyPem: pem('PRIVATE KEY') }),
  'GET /api/v1/connections': () => ({ connections: [connection] }),
  'GET /api/v1/explain': ({ query }) => decision(query.get('topic') === 'own'),
  'GET /api/v1/checks': () => ({ ranAt: '2026-01-01T00:00:00.000Z', durationMs: 5, controls: [control('TW-CON-01', 'pass')] }),
  'POST /api/v1/checks/run': () => ({
    ranAt: '2026-01-01T00:00:00.000Z',
    durationMs: 5,
    controls: [control('TW-CON-01', 'pass'), control('TW-DAR-01', scene.failing ? 'fail' : 'unknown')],
  }),
  'GET /api/v1/audit': () => ({
    records: [1, 2].map((n) => ({
      sequence: n,
      time: '2026-01-01T00:00:00.000Z',
      actor: { kind: 'operator', id: 'local', via: 'local-credential' },
      action: 'device.write',
      resource: 'pump-1',
      outcome: 'done',
      detail: {},
      previousHash: `h${n - 1}`,
      hash: `h${n}`,
    })),
    verified: !scene.failing,
  }),
  'POST /api/v1/sign-in-links': () => ({ url: 'https://localhost:9443/sign-in#t', expiresAt: '2026-01-01T00:15:00.000Z' }),
  'GET /api/v1/events': ({ query }, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const facts = [
      {
        offset: 1,
        time: '2026-01-01T10:00:00.000Z',
        kind: 'telemetry',
        device: 'pump-1',
        topic: 'devices/pump-1/messages/events/',
        properties: { alert: 'hot' },
        system: {},
        body: '{"t":1}',
      },
      { offset: 2, time: '2026-01-01T10:00:01.000Z', kind: 'denied', device: 'pump-1', topic: 'a/\u001b]0;x\u0007', code: 'access/denied' },
    ]
    if (query.get('device') === 'chatty') {
      let offset = 0
      const timer = setInterval(
        () => response.write(`id: ${++offset}\ndata: ${JSON.stringify({ offset, kind: 'telemetry', time: '' })}\n\n`),
        5,
      )
      response.on('close', () => clearInterval(timer))
      return undefined
    }
    const kept = facts.filter((fact) => query.get('kind') === null || fact.kind === query.get('kind'))
    for (const fact of kept) response.write(`id: ${fact.offset}\ndata: ${JSON.stringify(fact)}\n\n`)
    if (query.get('until') === 'end') response.end('event: end\ndata: {}\n\n')
    return undefined
  },
  'GET /api/v1/devices/:id': unknown,
  'PATCH /api/v1/devices/:id': unknown,
  'DELETE /api/v1/devices/:id': unknown,
  'POST /api/v1/devices/:id/revoke': unknown,
})

/** A hub with three devices, a folder to write into, and the command pointed at both. */
export type Scene = {
  readonly hub: FakeHub
  readonly folder: string
  readonly run: (...words: readonly string[]) => Promise<Ran>
  /** What the hub was last told. */
  readonly lastBody: () => unknown
  /** While true, a session stays open after a revocation, a check fails and the audit chain is broken. */
  failing: boolean
  readonly close: () => Promise<void>
}

/** Opens a {@link Scene}. */
export async function openScene(): Promise<Scene> {
  const state = { failing: false, rootPem: '' }
  const hub = await FakeHub.open(routesOf(state))
  state.rootPem = readFileSync(join(hub.directory, 'root.pem'), 'utf8')
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-out-'))
  return {
    hub,
    folder,
    run: (...words) => runCommand(['--data', hub.directory, ...words], { cwd: folder }),
    lastBody: () => hub.calls.at(-1)?.body,
    get failing() {
      return state.failing
    },
    set failing(value) {
      state.failing = value
    },
    async close() {
      await hub[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
