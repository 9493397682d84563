import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { Agent, createServer, request as httpsRequest } from 'node:https'
import {
  type PlannedSession,
  type Policies,
  hubChecksDocument,
  noEffect,
  openOperators,
  openPolicies,
  openShrinking,
  openServiceDirectory,
  policyMigrations,
  serviceMigrations,
  systemGrant,
} from '#access'
import { auditMigrations, openAudit } from '#audit'
import { type DeviceId, Secret, instant, parseDeviceId, refuse, systemRandom } from '#base'
import { openBus } from '#bus'
import { type Connection, type ControlPorts, controlServerLimits, openControl } from '#control'
import { egressMigrations, endpointKinds, openEgress } from '#egress'
import { factToJson, hubMigrations, openHub, telemetryForm, twinEventBody } from '#hub'
import { type JsonFact, encodeFact } from '#journal'
import { EnrollmentCodes, AcmeAccounts, openCampaigns, pkiMigrations } from '#pki'
import { openExpected, provisioningMigrations } from '#provisioning'
import { type VaultState, openSecrets, secretMigrations } from '#vault'
import { FakeClock } from './fake-clock.ts'
import { openOn } from './journal-fixture.ts'
import { keyWrap } from './key-wrap.ts'
import { MemoryDisk } from './memory-disk.ts'
import { openTestStore } from './open-test-store.ts'
import { openThrowawayPki } from './throwaway-pki.ts'

const rootKeyState: VaultState = {
  protection: 'plain-file',
  place: {},
  path: '/nowhere/root.key',
  mode: 0o600,
  insideDataDirectory: false,
  keyId: '0011223344556677',
  oldKeyIds: [],
  rotation: { kind: 'none' },
}

/** What came back: the body as text, and as JSON when it is some. */
export type Reply = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string; readonly json: unknown }

/** A request: the path stands for the default host unless a Host header is given. */
export type Ask = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly raw?: string
}

/** What tests may change while a scene runs. */
export type Knobs = {
  connections: Connection[]
  unwell: string[]
  /** The address that requests seem to come from; undefined is the truth, loopback. */
  peer: string | undefined
  report: ReturnType<ControlPorts['checks']['last']>
  /** Who a plan meets; an applied change says that it closed all of them. */
  sessions: PlannedSession[]
  /** What a search for unused rights waits for half way. */
  shrinking: Promise<void>
}

const noLots = refuse('provisioning/no-lots', 'This hub makes no issuers for factories.')

/** A device id, or a failed test. */
export function deviceId(text: string): DeviceId {
  const id = parseDeviceId(text)
  if (!id.ok) throw new Error(id.error.message)
  return id.value
}

/** The operator door on real rooms behind a real HTTPS server on loopback. Only the device door and the guard are stand-ins, and the clock stands still. */
export async function openControlScene(consoleDirectory?: string) {
  await using scope = new AsyncDisposableStack()
  const clock = new FakeClock(Math.floor(Date.now() / 1000) * 1000)
  const random = systemRandom
  const { signal } = new AbortController()
  const { store } = scope.use(
    await openTestStore([
      ...auditMigrations,
      ...hubMigrations,
      ...pkiMigrations,
      ...policyMigrations,
      ...serviceMigrations,
      ...egressMigrations,
      ...provisioningMigrations,
      ...secretMigrations,
    ]),
  )
  const audit = await openAudit({ store, clock }, signal)
  const operators = scope.use(openOperators({ clock, random, append: audit.append }))
  const journal = scope.use(await openOn(new MemoryDisk(), { clock }))
  const bus = openBus(clock)
  const knobs: Knobs = { connections: [], unwell: [], peer: undefined, report: undefined, sessions: [], shrinking: Promise.resolve() }
  bus.onCloseSessions(async (request) => {
    const before = knobs.connections.length
    const named: readonly string[] = 'device' in request ? [request.device] : request.devices
    knobs.connections = knobs.connections.filter((one) => !named.includes(one.device))
    const closed = before - knobs.connections.length
    return { closed, of: closed, transports: closed > 0 ? { mqtts: closed } : {} }
  })
  const { wrapKey, unwrapKey } = keyWrap('vault', random)
  const troubles: unknown[] = []
  const trouble = (_what: string, error: unknown) => void troubles.push(error)
  const pki = scope.use(
    await openThrowawayPki(
      {
        store,
        commit: audit.commit,
        clock,
        random,
        trouble,
        system: systemGrant('certificate.issue', 'hub'),
        seal: (_purpose, plaintext) => wrapKey(new Secret(Buffer.from(plaintext))),
        unseal: (_purpose, sealed) => unwrapKey(sealed),
      },
      { names: ['hub.example'], addresses: ['127.0.0.1'] },
    ),
  )
  const tell = (fact: JsonFact) => void journal.append(encodeFact(fact))
  const permits = { twin: systemGrant('twin.write', 'jobs'), method: systemGrant('method.invoke', 'jobs') }
  const changed: Parameters<typeof openHub>[0]['changed'] = (device, reason) => bus.closeSessions({ device, reason })
  const hub = scope.use(await openHub({ store, clock, random, journal, commit: audit.commit, tell, changed, jobs: { permits } }, signal))
  const counters = {
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    denied: 0,
    handshakes: 0,
    resumptions: 0,
    takeovers: 0,
    droppedQos0: 0,
    refused: new Map<string, number>(),
  }
  const policies: Policies = await openPolicies(
    {
      store,
      clock,
      random,
      fixed: [hubChecksDocument(['thingwall-probe'])],
      commit: audit.commit,
      tell,
      scene: async () => ({ sessions: knobs.sessions, retained: [] }),
    },
    signal,
  )
  const services = await openServiceDirectory(
    {
      store,
      clock,
      random,
      commit: audit.commit,
      tell,
      seal: (_purpose, plaintext) => wrapKey(new Secret(Buffer.from(plaintext))),
      unseal: (_purpose, sealed) => unwrapKey(sealed),
    },
    instant(clock.now() + 90 * 86_400_000),
  )
  const egress = scope.use(
    await openEgress(
      {
        store,
        journal,
        clock,
        random,
        commit: audit.commit,
        hubName: 'hub.example',
        telemetryForm,
        twinEvent: twinEventBody,
        twin: async () => undefined,
        secret: () => undefined,
        vaultSecret: async () => refuse('vault/secret-not-found', 'There is no such secret.'),
        mayReach: () => false,
        directory: '/nowhere',
        trouble,
        isOwn: () => false,
      },
      endpointKinds,
      signal,
    ),
  )
  const vault = scope.use(
    await openSecrets(
      {
        store,
        clock,
        random,
        wrapper: { wrap: async (key) => wrapKey(key), unwrap: async (wrapped) => unwrapKey(wrapped) },
        retentionMs: 90 * 86_400_000,
        commit: audit.commit,
        system: systemGrant,
        tell,
        trouble,
      },
      signal,
    ),
  )
  policies.onChange(() => ({ ...noEffect, sessionsClosed: knobs.sessions.length }))
  const ports: ControlPorts = {
    clock,
    random,
    operators,
    audit,
    pki,
    factory: {
      add: async () => noLots,
      list: async () => [],
      export: async () => noLots,
      report: async () => noLots,
      revoke: async () => noLots,
    },
    acmeAccounts: new AcmeAccounts({
      clock,
      random,
      store,
      commit: audit.commit,
      seal: (_purpose, plaintext) => wrapKey(new Secret(Buffer.from(plaintext))),
      unseal: (_purpose, sealed) => unwrapKey(sealed),
      system: systemGrant('certificate.issue', 'acme'),
      tell,
    }),
    enrollmentCodes: new EnrollmentCodes({
      clock,
      random,
      store,
      commit: audit.commit,
      system: systemGrant('certificate.issue', 'est'),
      tell,
    }),
    provisioning: {
      idScope: '0ne00ABCDEF',
      records: { devicesOf: async (_grant, group) => ({ ok: true, value: group === 'line-4' ? [deviceId('a'), deviceId('b')] : [] }) },
    },
    attestation: openExpected({
      store,
      clock,
      random,
      commit: audit.commit,
      tell,
      system: systemGrant('registration.write', 'provisioning'),
      openTrust: () => ({ ok: false, error: { code: 'pki/none', message: 'No authorities here.' } }),
    }),
    campaigns: await openCampaigns({
      store,
      commit: audit.commit,
      clock,
      random,
      pki,
      fleet: () => [...hub.devices.all()].map(({ id }) => ({ id, isIssued: true, group: 'all' })),
      distribute: async () => undefined,
      tell,
      trouble,
    }),
    bus,
    journal,
    tell,
    trouble,
    factToJson,
    isOwn: () => false,
    devices: hub.devices,
    hub,
    door: { connections: () => knobs.connections, open: () => knobs.connections.length, counters, level: () => 'normal' },
    listeners: () => [
      { name: 'mqtt', protocol: 'MQTT over TLS', host: '127.0.0.1', port: 8883, reason: 'devices', tls: true },
      { name: 'https', protocol: 'HTTPS', host: '127.0.0.1', port: 443, reason: 'devices', tls: true },
    ],
    policies,
    services,
    vault,
    sync: { list: async () => [], add: async () => refuse('vault/sync-key', 'no'), remove: async () => ({ ok: true, value: undefined }) },
    rootKey: {
      show: async () => rootKeyState,
      protect: async () => ({ ok: true, value: rootKeyState }),
      rotate: async () => ({ ok: true, value: rootKeyState }),
      async *backup() {
        yield Buffer.from('a backup')
      },
    },
    egress,
    async shrink(_grant, days, progress, stop) {
      const shrinking = openShrinking(policies.current, [])
      progress(0.5)
      await knobs.shrinking
      for (const { subject } of knobs.sessions) shrinking.note({ subject, action: 'connect', topic: '' })
      return { ...shrinking.propose(), since: clock.now(), records: days, complete: !stop.aborted }
    },
    checks: {
      async run() {
        if (knobs.report === undefined) return { ok: false, error: { code: 'guard/busy', message: 'Busy.' } }
        return { ok: true, value: knobs.report }
      },
      last: () => knobs.report,
    },
    health: () => knobs.unwell,
    usage: () => ({ rssBytes: 1_000_000, cpuSeconds: 1.5 }),
  }
  const config = { name: 'hub', version: '0.1.0', startedAt: clock.now(), hostNames: ['hub.example'], consoleDirectory }
  const control = scope.use(await openControl({ ...config, consoleUrl: 'https://hub.example:9443' }, ports, signal))
  const { certificatePem, keyPem } = pki.serverCertificate()
  const tls = { cert: certificatePem, key: keyPem.use((bytes) => bytes.toString()) }
  const open = new Set<ServerResponse>()
  const server = createServer({ ...controlServerLimits, ...tls }, (request, response) => {
    open.add(response)
    response.on('close', () => open.delete(response))
    if (knobs.peer !== undefined) Object.defineProperty(request.socket, 'remoteAddress', { value: knobs.peer, configurable: true })
    control.handle(request, response)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  scope.defer(async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => void server.close(() => resolve()))
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const agent = new Agent({ ca: pki.rootPem, keepAlive: true, checkServerIdentity: () => undefined })
  scope.defer(() => agent.destroy())
  const host = `hub.example:${port}`
  const bearer = `Bearer ${operators.localCredential.use((bytes) => bytes.toString())}`

  /** One request, whole. */
  const ask = (path: string, { method = 'GET', headers = {}, body, raw }: Ask = {}): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body))
      const type = sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(sent)) }
      const request = httpsRequest({ agent, host: '127.0.0.1', port, method, path, headers: { host, ...type, ...headers } }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8')
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: jsonOf(text) })
        })
        response.on('error', reject)
      })
      request.on('error', reject)
      request.end(sent)
    })
  /** The same as the program on this machine. */
  const local = (path: string, given: Ask = {}) => ask(path, { ...given, headers: { authorization: bearer, ...given.headers } })
  /** Signs a browser in: the cookie pair and the anti-forgery token. */
  const signIn = async () => {
    const { token } = await operators.issueLink(systemGrant('operator.sign-in', 'operator:owner'))
    const reply = await ask('/api/v1/sign-in', { method: 'POST', body: { token } })
    const cookie = reply.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
    const { csrf }: { csrf?: unknown } = Object(reply.json)
    return { token, reply, cookie, csrf: String(csrf) }
  }
  const running = scope.move()
  return {
    clock,
    store,
    audit,
    operators,
    journal,
    hub,
    pki,
    knobs,
    counters,
    control,
    policies,
    ports,
    troubles,
    server,
    port,
    host,
    agent,
    bearer,
    ask,
    local,
    signIn,
    /** Responses that are under way. */
    responses: () => [...open],
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** A scene, opened. */
export type ControlScene = Awaited<ReturnType<typeof openControlScene>>

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
