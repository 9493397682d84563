import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { FakeHub, type Route, makeIdentity, problem } from '../../test/fake-hub.ts'
import { type Ran, runCommand } from '../../test/run-command.ts'

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
const unknown: Route = (call, response) => problem(response, 404, 'hub/device-unknown', `There is no device ${call.path.split('/')[4]}.`)
const pem = (label: string) => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`
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
let failing = false

const routes: Readonly<Record<string, Route>> = {
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
      devices: page.map((id) => ({ ...device(id), connected: id === 'pump-1', certificate: null })),
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
      rootPem: readFileSync(join(hub.directory, 'root.pem'), 'utf8'),
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
  'POST /api/v1/devices/pump-1/revoke': () => ({ certificates: 1, receipt: failing ? { ...receipt, closed: 2 } : receipt }),
  'POST /api/v1/devices/pump-1/certificates': () => ({ certificatePem: pem('CERTIFICATE'), privateKeyPem: pem('PRIVATE KEY') }),
  'GET /api/v1/connections': () => ({ connections: [connection] }),
  'GET /api/v1/explain': ({ query }) => decision(query.get('topic') === 'own'),
  'GET /api/v1/checks': () => ({ ranAt: '2026-01-01T00:00:00.000Z', durationMs: 5, controls: [control('TW-CON-01', 'pass')] }),
  'POST /api/v1/checks/run': () => ({
    ranAt: '2026-01-01T00:00:00.000Z',
    durationMs: 5,
    controls: [control('TW-CON-01', 'pass'), control('TW-DAR-01', failing ? 'fail' : 'unknown')],
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
    verified: !failing,
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
    const kept = facts.filter((fact) => query.get('kind') === null || fact.kind === query.get('kind'))
    for (const fact of kept) response.write(`id: ${fact.offset}\ndata: ${JSON.stringify(fact)}\n\n`)
    if (query.get('until') === 'end') response.end('event: end\ndata: {}\n\n')
    return undefined
  },
  'GET /api/v1/devices/:id': unknown,
  'PATCH /api/v1/devices/:id': unknown,
  'DELETE /api/v1/devices/:id': unknown,
  'POST /api/v1/devices/:id/revoke': unknown,
}

let hub: FakeHub
let folder: string
const run = (...words: readonly string[]): Promise<Ran> => runCommand(['--data', hub.directory, ...words], { cwd: folder })
const lastBody = (): unknown => hub.calls.at(-1)?.body

before(async () => {
  hub = await FakeHub.open(routes)
  folder = mkdtempSync(join(tmpdir(), 'thingwall-out-'))
})
after(async () => {
  await hub[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

describe('adding devices', () => {
  test('writes certificate, root and a key that only its owner can read, and prints programs', async () => {
    const { code, stdout, stderr } = await run('device', 'add', 'pump-9', '--out', 'keys')
    assert.equal(code, 0, stderr)
    const at = (name: string) => join(folder, 'keys', name)
    assert.equal(statSync(at('pump-9.key.pem')).mode & 0o777, 0o600)
    assert.equal(readFileSync(at('pump-9.cert.pem'), 'utf8'), pem('CERTIFICATE'))
    assert.equal(readFileSync(at('root.pem'), 'utf8'), readFileSync(join(hub.directory, 'root.pem'), 'utf8'))
    assert.match(stdout, /HostName=localhost;DeviceId=pump-9;x509=true/)
    assert.match(stdout, /^mosquitto_pub -h localhost -p 8883/m)
    assert.ok(!stdout.includes('PRIVATE KEY') && !stderr.includes('PRIVATE KEY'), 'no key on the terminal')
  })

  test('never overwrites a key, and asks nothing of the hub before it knows', async () => {
    writeFileSync(join(folder, 'pump-8.key.pem'), 'precious')
    const calls = hub.calls.length
    const { code, stderr } = await run('device', 'add', 'pump-8')
    assert.equal(code, 5)
    assert.match(stderr, /already there[\s\S]*why: [\s\S]*fix: .*--force/)
    assert.equal(readFileSync(join(folder, 'pump-8.key.pem'), 'utf8'), 'precious')
    assert.equal(hub.calls.length, calls)
    assert.equal((await run('device', 'add', 'pump-8', '--force')).code, 0)
    assert.equal(readFileSync(join(folder, 'pump-8.key.pem'), 'utf8'), pem('PRIVATE KEY'))
    assert.equal(statSync(join(folder, 'pump-8.key.pem')).mode & 0o777, 0o600, 'and a forced key is private too')
  })

  test('sends a signing request, and refuses a file that holds a private key', async () => {
    writeFileSync(join(folder, 'x.csr'), pem('CERTIFICATE REQUEST'))
    assert.equal((await run('device', 'add', 'csr-1', '--csr', 'x.csr')).code, 0)
    assert.deepEqual(lastBody(), { id: 'csr-1', csr: pem('CERTIFICATE REQUEST') })
    assert.ok(!existsSync(join(folder, 'csr-1.key.pem')))
    writeFileSync(join(folder, 'bad.csr'), pem('CERTIFICATE REQUEST') + pem('EC PRIVATE KEY'))
    const calls = hub.calls.length
    assert.equal((await run('device', 'add', 'csr-2', '--csr', 'bad.csr')).code, 2)
    assert.equal(hub.calls.length, calls, 'it never left')
  })

  test('registers thumbprints, primary and secondary', async () => {
    assert.equal((await run('device', 'add', 'own-1', '--thumbprint', 'AA', '--thumbprint', 'BB', '--out', 'own')).code, 0)
    assert.deepEqual(lastBody(), {
      id: 'own-1',
      authentication: { type: 'selfSigned', primaryThumbprint: 'AA', secondaryThumbprint: 'BB' },
      issue: false,
    })
  })

  test('adds many with their files, and says how many', async () => {
    const { code, stdout, stderr } = await run('device', 'add', '--count', '12', '--prefix', 'many-', '--out', 'fleet', '--json')
    assert.equal(code, 0, stderr)
    assert.equal(stdout.trim().split('\n').length, 12)
    assert.match(stderr, /adding 12 of 12/)
    assert.match(stderr, /added 12/)
    assert.equal(statSync(join(folder, 'fleet', 'many-12.key.pem')).mode & 0o777, 0o600)
    const again = await run('device', 'add', '--count', '12', '--prefix', 'many-', '--out', 'fleet')
    assert.equal(again.code, 5, 'and does not overwrite them')
  })

  test('an answer that ends early is a failure', async () => {
    const { code, stderr } = await run('device', 'add', '--count', '2', '--prefix', 'cut-', '--out', 'cut')
    assert.equal(code, 1)
    assert.match(stderr, /stopped before all devices were added/)
  })

  const usage: readonly (readonly string[])[] = [
    ['device', 'add'],
    ['device', 'add', 'a/../b'],
    ['device', 'add', 'a#b'],
    ['device', 'add', 'x', '--count', '3'],
    ['device', 'add', '--count', '3', '--out', 'o'],
    ['device', 'add', '--count', '0', '--prefix', 'p', '--out', 'o'],
    ['device', 'add', '--count', '3', '--prefix', 'p'],
    ['device', 'add', 'x', '--sdk', 'cobol'],
    ['device', 'set', 'pump-1'],
    ['explain', 'pump-1', 'eat', 'x'],
    ['watch', '--from', 'yesterday'],
    ['device', 'lst'],
    ['devise'],
    ['device', 'ls', '--nope'],
    ['device', 'show'],
    ['device', 'show', 'a', 'b'],
    ['completion', 'tcsh'],
  ]
  for (const words of usage)
    test(`"${words.join(' ')}" is refused as usage, with the fix, before the hub is asked`, async () => {
      const calls = hub.calls.length
      const { code, stdout, stderr } = await run(...words)
      assert.deepEqual([code, stdout, hub.calls.length], [2, '', calls])
      assert.match(stderr, /\n {2}fix: /)
    })
})

describe('reading', () => {
  test('lists every page, tab-separated in a pipe', async () => {
    const { code, stdout } = await run('device', 'ls')
    assert.equal(code, 0)
    assert.deepEqual(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t').slice(0, 3)),
      [
        ['pump-1', 'enabled', 'yes'],
        ['pump-2', 'enabled', 'no'],
        ['pump-3', 'enabled', 'no'],
      ],
    )
    const json: unknown = JSON.parse((await run('device', 'list', '--json')).stdout)
    assert.ok(Array.isArray(json) && json.length === 3)
    assert.equal((await run('device', 'ls', '--limit', '1')).stdout.split('\n').length, 2)
  })

  const reads: readonly (readonly string[])[] = [
    ['device', 'ls'],
    ['device', 'show', 'pump-1'],
    ['device', 'certs', 'pump-1'],
    ['connections'],
    ['explain', 'pump-1', 'publish', 'plant/other/x'],
    ['check'],
    ['hub', 'show'],
    ['audit'],
    ['sign-in'],
    ['trust'],
    ['doctor'],
    ['watch', '--until', 'end'],
  ]
  for (const words of reads)
    test(`"${words.join(' ')}" gives text, and JSON with --json, and obeys no terminal control of a peer`, async () => {
      const text = await run(...words)
      const json = await run(...words, '--json')
      assert.ok(text.stdout.length > 0 && json.stdout.length > 0, text.stderr + json.stderr)
      for (const line of words[0] === 'watch' ? json.stdout.trim().split('\n') : [json.stdout]) assert.doesNotThrow(() => JSON.parse(line))
      assert.ok(!/[\u001b\u0007]/.test(text.stdout + text.stderr + json.stdout + json.stderr))
    })

  test('watch reads one kind, and passes offset and device on', async () => {
    const { stdout } = await run('watch', '--json', '--from', '1', '--until', 'end', '--device', 'pump-1', '--kind', 'telemetry')
    assert.equal(JSON.parse(stdout).body, '{"t":1}')
    assert.equal(hub.calls.at(-1)?.query.toString(), 'from=1&until=end&device=pump-1&kind=telemetry')
  })

  test('watch waits for a hub that went away, and Ctrl-C ends it well', async () => {
    const { code, stdout, stderr } = await runCommand(['--data', hub.directory, 'watch', '--json', '--from', 'start'], {
      async meanwhile(child, soFar) {
        const lines = async (count: number) => {
          while (soFar().split('\n').length <= count) await new Promise((resolve) => child.stdout?.once('data', resolve))
        }
        await lines(2)
        await hub.close()
        const away = new Promise<void>((resolve) =>
          child.stderr?.on('data', (text) => String(text).includes('The hub is back') && resolve()),
        )
        await hub.listen()
        await away
        child.kill('SIGINT')
      },
    })
    assert.equal(code, 0)
    assert.equal(stdout.trim().split('\n').length, 2, 'no fact twice')
    assert.match(stderr, /The hub is away\. Going on after offset 2[\s\S]*The hub is back/)
  })

  test('a reader that leaves ends the command quietly', async () => {
    const { stderr, code } = await runCommand(['--data', hub.directory, 'device', 'ls'], {
      meanwhile: async (child) => {
        child.stdout?.destroy()
      },
    })
    assert.deepEqual([code, stderr], [0, ''])
  })
})

describe('changing', () => {
  test('revoke prints the receipt', async () => {
    const { code, stdout } = await run('revoke', 'pump-1', '--reason', 'stolen')
    assert.deepEqual([code, stdout], [0, 'revoked 1 certificate, closed 3 of 3 sessions in 41 ms (2 mqtts, 1 wss)\n'])
    assert.deepEqual(lastBody(), { reason: 'stolen' })
  })

  test('revoke that leaves a session open is a failure', async () => {
    failing = true
    const { code, stderr } = await run('revoke', 'pump-1')
    failing = false
    assert.equal(code, 1)
    assert.match(stderr, /1 sessions are still open/)
  })

  test('enable, disable, set and rm ask for exactly that', async () => {
    assert.equal((await run('device', 'disable', 'pump-1', '--reason', 'repair')).code, 0)
    assert.deepEqual(lastBody(), { status: 'disabled', statusReason: 'repair' })
    assert.equal((await run('device', 'enable', 'pump-1')).code, 0)
    assert.deepEqual(lastBody(), { status: 'enabled', statusReason: null })
    assert.equal((await run('device', 'set', 'pump-1', '--issued')).code, 0)
    assert.deepEqual(lastBody(), { authentication: { type: 'certificateAuthority' } })
    const removed = await run('device', 'delete', 'pump-1')
    assert.deepEqual([removed.code, removed.stdout], [0, 'deleted pump-1, closed 3 of 3 sessions in 41 ms (2 mqtts, 1 wss)\n'])
  })

  test('renew writes a new key and certificate over the old only with --force', async () => {
    assert.equal((await run('device', 'renew', 'pump-1', '--out', 'renewed')).code, 0)
    assert.equal((await run('device', 'renew', 'pump-1', '--out', 'renewed')).code, 5)
    assert.equal((await run('device', 'renew', 'pump-1', '--out', 'renewed', '--force')).code, 0)
  })

  test('explain --exit-code makes a denial exit 3, and without it an answer is an answer', async () => {
    const denied = await run('explain', 'pump-1', 'publish', 'plant/other/x')
    assert.equal(denied.code, 0)
    assert.match(denied.stdout, /denied {2}pump-1 may not publish plant\/other\/x[\s\S]*change: +allow publish on plant\/other\/#/)
    assert.equal((await run('explain', 'pump-1', 'publish', 'plant/other/x', '--exit-code')).code, 3)
    assert.equal((await run('explain', 'pump-1', 'publish', 'own', '--exit-code')).code, 0)
  })

  test('check and audit --verify end with 1 when something does not hold', async () => {
    assert.equal((await run('check')).code, 0)
    assert.equal((await run('audit', '--verify')).code, 0)
    failing = true
    assert.equal((await run('check')).code, 1)
    assert.equal((await run('check', 'tw-con-01')).code, 0, 'of the one asked for')
    assert.equal((await run('audit', '--verify')).code, 1)
    failing = false
    assert.equal((await run('check', 'TW-XXX-99')).code, 4)
    assert.match((await run('check', 'TW-CON-01', '--evidence')).stdout, /"probe":"tls1.1"/)
  })
})

describe('exit codes', () => {
  test('4 for what is not there, 5 for what is in the way', async () => {
    for (const words of [
      ['device', 'show', 'no'],
      ['revoke', 'no'],
      ['device', 'rm', 'no'],
      ['device', 'disable', 'no'],
    ])
      assert.equal((await run(...words)).code, 4)
    assert.equal((await run('device', 'add', 'taken')).code, 5)
    assert.equal((await run('device', 'disable', 'pump-1', '--if-match', 'old')).code, 5)
  })

  test('3 when the hub does not take the credential', async () => {
    const file = join(hub.directory, 'cli.credential')
    writeFileSync(file, 'another')
    const { code, stderr } = await run('device', 'ls')
    writeFileSync(file, hub.credential)
    assert.equal(code, 3)
    assert.match(stderr, /access\/not-signed-in/)
  })

  test('3, and nothing is sent, when others can read the credential', { skip: process.platform === 'win32' }, async () => {
    const file = join(hub.directory, 'cli.credential')
    const calls = hub.calls.length
    for (const mode of [0o640, 0o604, 0o660]) {
      chmodSync(file, mode)
      const { code, stderr } = await run('device', 'ls')
      assert.equal(code, 3)
      assert.match(stderr, /can be read by others[\s\S]*fix: run chmod 600/)
    }
    chmodSync(file, 0o600)
    assert.equal(hub.calls.length, calls)
  })

  test('6 without a data directory, without a hub, and with a hub that ended', async () => {
    const nowhere = await runCommand(['--data', join(folder, 'nowhere'), 'device', 'ls'])
    assert.equal(nowhere.code, 6)
    assert.match(nowhere.stderr, /does not exist[\s\S]*fix: start the hub/)
    await using gone = await FakeHub.open({})
    await gone.close()
    const file = join(gone.directory, 'hub.json')
    const { stderr, code } = await runCommand(['--data', gone.directory, 'device', 'ls'])
    assert.equal(code, 6)
    assert.match(stderr, /nothing listens there, though the hub's process lives/)
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"pid":\d+/, '"pid":999999999'))
    assert.match((await runCommand(['--data', gone.directory, 'device', 'ls'])).stderr, /the hub is not running/)
    await gone.listen()
  })

  test('6, and the credential is not sent, when another program holds the port', async () => {
    await using impostor = await FakeHub.open({ 'GET /api/v1/devices': () => ({ devices: [], next: null }) })
    const { code, stderr } = await run('--url', `https://localhost:${impostor.port}`, 'device', 'ls')
    assert.equal(code, 6)
    assert.match(stderr, /is not the hub of this data directory/)
    assert.deepEqual(impostor.calls, [])
  })

  test('no environment variable turns verification off', async () => {
    await using impostor = await FakeHub.open({})
    const environment = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    const { code } = await runCommand(['--data', hub.directory, '--url', `https://localhost:${impostor.port}`, 'device', 'ls'], {
      environment,
    })
    assert.equal(code, 6)
    assert.deepEqual(impostor.calls, [])
  })

  test('2 for an address that is not https: the credential does not leave in clear', async () => {
    assert.equal((await run('--url', 'http://localhost:1', 'device', 'ls')).code, 2)
  })

  test('1 with a clear word when the answer is of another shape', async () => {
    await using odd = await FakeHub.open({ 'GET /api/v1/connections': () => ({ connections: 'none' }) })
    const { code, stderr } = await runCommand(['--data', odd.directory, 'connections'])
    assert.equal(code, 1)
    assert.match(stderr, /the answer.connections is not a list[\s\S]*fix: run the command of the same release/)
  })

  test('a root that is not the one of the hub is refused by TLS', async () => {
    await using other = await FakeHub.open({})
    writeFileSync(join(other.directory, 'root.pem'), makeIdentity().rootPem)
    assert.equal((await runCommand(['--data', other.directory, 'device', 'ls'])).code, 6)
    assert.deepEqual(other.calls, [])
  })
})
