import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Compile } from 'typebox/compile'
import { systemGrant } from '#access'
import { instant } from '#base'
import { type ControlScene, type Reply, deviceId, openControlScene } from '../../test/control-scene.ts'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'

const run = promisify(execFile)

/** Asks as the program on this machine, and checks the answer against the schema that the document shows. */
async function asked(scene: ControlScene, route: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const [method = 'GET'] = route.split(' ')
  const reply = await scene.local(path, { method, headers, ...(body === undefined ? {} : { body }) })
  const found = scene.control.routes.find((one) => `${one.method} ${one.path}` === route)
  assert.ok(found !== undefined, route)
  if (reply.status < 400 && 'is' in found.answer) {
    assert.equal(reply.status, found.answer.status)
    if (found.answer.type === undefined && reply.status !== 204)
      assert.deepEqual(Compile(found.answer.is).Errors(reply.json), [], `${route} ${reply.text}`)
  }
  return { ...reply, json: Object(reply.json) }
}

const codeOf = (reply: Reply) => Object(reply.json).code
const print = (digit: string) => digit.repeat(64)

function connection(device: string) {
  return {
    id: `c-${device}`,
    device: deviceId(device),
    clientId: device,
    transport: 'mqtts',
    mqttVersion: 5,
    address: '192.0.2.9',
    since: 0,
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', resumed: false },
    auth: { type: 'x509', scope: 'device', thumbprint: print('a') },
    inMessages: 1,
    outMessages: 2,
    inBytes: 3,
    outBytes: 4,
    subscriptions: ['devices/+/x'],
  }
}

test('a device is added with a key and a certificate that belong together, and only this answer has the key', async () => {
  await using scene = await openControlScene()
  const added = await asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'pump-1' })
  assert.equal(added.status, 201)
  const leaf = new X509Certificate(added.json.certificatePem)
  assert.equal(leaf.subject, 'CN=pump-1')
  assert.equal(leaf.checkPrivateKey(createPrivateKey(added.json.privateKeyPem)), true)
  assert.equal(added.json.connection.connectionString, 'HostName=hub.example;DeviceId=pump-1;x509=true')
  assert.equal(added.headers['cache-control'], 'no-store')
  const shown = await asked(scene, 'GET /api/v1/devices/{id}', '/api/v1/devices/pump-1')
  assert.equal(shown.text.includes('PRIVATE'), false)
  assert.deepEqual(
    shown.json.certificates.map((one: { status: string; fingerprintSha256: string }) => [one.status, one.fingerprintSha256]),
    [['valid', leaf.fingerprint256.replaceAll(':', '').toLowerCase()]],
  )
  const listed = await asked(scene, 'GET /api/v1/devices', '/api/v1/devices')
  assert.equal(listed.json.devices[0].certificate.notAfter, leaf.validToDate.toISOString())
  assert.equal(codeOf(await asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'pump-1' })), 'hub/device-exists')
})

test('a device with a key of its own hands in a signing request made by OpenSSL, and gets no key back', async () => {
  await using scene = await openControlScene()
  await using directory = await temporaryDirectory()
  const key = `${directory.path}/key.pem`
  await run('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key])
  const { stdout: csr } = await run('openssl', ['req', '-new', '-key', key, '-subj', '/CN=pump-1'])
  const added = await asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'pump-1', csr })
  assert.equal(added.status, 201)
  assert.equal(added.json.privateKeyPem, undefined)
  assert.equal(new X509Certificate(added.json.certificatePem).checkPrivateKey(createPrivateKey(await readFile(key))), true)
  const misnamed = await asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'pump-2', csr })
  assert.deepEqual([misnamed.status, misnamed.json.code], [400, 'pki/name-mismatch'])
  const { stdout: second } = await run('openssl', ['req', '-new', '-key', key, '-subj', '/CN=pump-2'])
  const stolen = await asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'pump-2', csr: second })
  assert.deepEqual([stolen.status, stolen.json.code], [409, 'pki/key-in-use'])
  const junk = await asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'pump-3', csr: 'junk' })
  assert.equal(junk.status, 400)
  assert.equal(scene.hub.devices.count, 1, 'a refused request leaves no half made device')
})

test('two requests for one name at the same moment: one device, one usable certificate', async () => {
  await using scene = await openControlScene()
  const add = () => asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'pump-1' })
  const replies = await Promise.all([add(), add(), add()])
  assert.deepEqual(
    replies.map((reply) => reply.status).toSorted((a, b) => a - b),
    [201, 409, 409],
  )
  const { json } = await asked(scene, 'GET /api/v1/devices/{id}/certificates', '/api/v1/devices/pump-1/certificates')
  assert.equal(json.certificates.filter((one: { status: string }) => one.status === 'valid').length, 1)
})

test('thumbprints are read as people paste them; SHA-1 is refused with its reason', async () => {
  await using scene = await openControlScene()
  const add = (id: string, primaryThumbprint: string, more = {}) =>
    asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id, authentication: { type: 'selfSigned', primaryThumbprint }, ...more })
  const good = await add('a', 'AB:'.repeat(31) + 'AB')
  assert.deepEqual(good.json.device.authentication, { type: 'selfSigned', primaryThumbprint: 'ab'.repeat(32), secondaryThumbprint: null })
  assert.equal(good.json.certificatePem, undefined)
  const sha1 = await add('b', 'a'.repeat(40))
  assert.deepEqual([sha1.status, sha1.json.code], [400, 'hub/sha1-thumbprint'])
  assert.equal(codeOf(await add('c', print('a'), { issue: true })), 'control/issue-self-signed')
  assert.equal(
    codeOf(await asked(scene, 'POST /api/v1/devices/{id}/certificates', '/api/v1/devices/a/certificates', {})),
    'control/issue-self-signed',
  )
  const revoked = await asked(scene, 'POST /api/v1/devices/{id}/revoke', '/api/v1/devices/a/revoke', { reason: 'lost' })
  assert.equal(revoked.status, 200)
  assert.deepEqual([scene.hub.devices.find('a')?.status, scene.hub.devices.find('a')?.statusReason], ['disabled', 'revoked lost'])
})

test('disabling and deleting end sessions and give the receipt; If-Match guards both', async () => {
  await using scene = await openControlScene()
  const added = await asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'pump-1' })
  scene.knobs.connections = [connection('pump-1'), connection('pump-1'), connection('pump-2')]
  const path = '/api/v1/devices/pump-1'
  const stale = await asked(scene, 'PATCH /api/v1/devices/{id}', path, { status: 'disabled' }, { 'if-match': '"old"' })
  assert.deepEqual([stale.status, stale.json.code], [412, 'hub/etag-differs'])
  const etag = added.json.device.etag
  const disabled = await asked(
    scene,
    'PATCH /api/v1/devices/{id}',
    path,
    { status: 'disabled', statusReason: 'stolen' },
    { 'if-match': etag },
  )
  assert.deepEqual([disabled.json.receipt.closed, disabled.json.receipt.of, disabled.json.device.statusReason], [2, 2, 'stolen'])
  assert.equal(disabled.headers['etag'], `"${disabled.json.device.etag}"`)
  const noted = await asked(scene, 'PATCH /api/v1/devices/{id}', path, { statusReason: null })
  assert.equal(noted.json.receipt, undefined)
  const removed = await asked(scene, 'DELETE /api/v1/devices/{id}', path, undefined, { 'if-match': `"${noted.json.device.etag}"` })
  assert.deepEqual(removed.json.receipt, { closed: 0, of: 0, elapsedMs: 0, transports: {} })
  assert.equal(codeOf(await asked(scene, 'GET /api/v1/devices/{id}', path)), 'hub/device-not-found')
  assert.equal(scene.knobs.connections.length, 1)
})

test('revoking takes every certificate, ends the sessions, and says how many of how many', async () => {
  await using scene = await openControlScene()
  await asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'pump-1' })
  const renewed = await asked(scene, 'POST /api/v1/devices/{id}/certificates', '/api/v1/devices/pump-1/certificates', {})
  assert.equal(renewed.status, 201)
  scene.knobs.connections = [connection('pump-1')]
  const revoked = await asked(scene, 'POST /api/v1/devices/{id}/revoke', '/api/v1/devices/pump-1/revoke', { reason: 'lost in the field' })
  assert.deepEqual([revoked.json.certificates, revoked.json.receipt.closed, revoked.json.receipt.of], [2, 1, 1])
  const { json } = await asked(scene, 'GET /api/v1/devices/{id}/certificates', '/api/v1/devices/pump-1/certificates')
  assert.deepEqual(
    json.certificates.map((one: { status: string }) => one.status),
    ['revoked', 'revoked'],
  )
  await scene.journal.flushed()
  const timeline = await asked(scene, 'GET /api/v1/devices/{id}/timeline', '/api/v1/devices/pump-1/timeline')
  assert.deepEqual(
    timeline.json.facts.map((one: { kind: string }) => one.kind),
    ['session-closed', 'revoked', 'certificate-issued', 'certificate-issued', 'device-created'],
  )
  assert.equal(timeline.json.facts[1].reason, 'lost in the field')
  assert.equal(codeOf(await asked(scene, 'POST /api/v1/devices/{id}/revoke', '/api/v1/devices/nobody/revoke', {})), 'hub/device-not-found')
})

async function bulk(scene: ControlScene, body: unknown) {
  const reply = await scene.local('/api/v1/devices/bulk', { method: 'POST', body })
  const lines: { kind: string; id?: string; line?: number; code?: string; added?: number; failed?: number; device?: { id: string } }[] =
    reply.text
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text))
  const route = scene.control.routes.find((one) => one.path === '/api/v1/devices/bulk')
  assert.ok(route !== undefined && 'line' in route.answer)
  const check = Compile(route.answer.line)
  for (const line of lines) assert.deepEqual(check.Errors(line), [], JSON.stringify(line))
  return { reply, lines, of: (kind: string) => lines.filter((line) => line.kind === kind) }
}

test('many devices by prefix and count: each with its key, progress between, and a count at the end', async () => {
  await using scene = await openControlScene()
  await asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'pump-007', issue: false })
  const { reply, lines, of } = await bulk(scene, { prefix: 'pump-', count: 250 })
  assert.equal(reply.headers['content-type'], 'application/x-ndjson')
  assert.deepEqual(lines.at(-1), { kind: 'done', added: 249, failed: 1 })
  assert.deepEqual(
    of('error').map(({ id, code }) => [id, code]),
    [['pump-007', 'hub/device-exists']],
  )
  assert.equal(of('device').length, 249)
  assert.equal(of('device')[0]?.device?.id, 'pump-001')
  assert.equal(of('progress').length, 3)
  assert.equal(scene.hub.devices.count, 250)
})

test('a CSV with any fault adds nothing and names every line; a good one mixes both ways to prove oneself', async () => {
  await using scene = await openControlScene()
  const bad = await bulk(scene, { csv: `id,primaryThumbprint\na,\nb,${'a'.repeat(40)}\nc/d,\n` })
  assert.deepEqual(
    bad.of('error').map(({ line, code }) => [line, code]),
    [
      [3, 'hub/sha1-thumbprint'],
      [4, 'base/device-id-malformed'],
    ],
  )
  assert.deepEqual(bad.lines.at(-1), { kind: 'done', added: 0, failed: 2 })
  assert.equal(scene.hub.devices.count, 0)
  const good = await bulk(scene, { csv: `id,primaryThumbprint\na,\nb,${print('b')}\n` })
  assert.deepEqual(good.lines.at(-1), { kind: 'done', added: 2, failed: 0 })
  assert.deepEqual(
    good.of('device').map((line) => [line.device?.id, 'privateKeyPem' in line]),
    [
      ['a', true],
      ['b', false],
    ],
  )
})

test('the hub, its connections, its checks and its metrics are as the document says', async () => {
  await using scene = await openControlScene()
  scene.knobs.connections = [connection('pump-1')]
  scene.counters.messagesIn = 40
  scene.counters.refused.set('pki/expired "x"\n', 2)
  scene.clock.advance(1_000)
  const hub = await asked(scene, 'GET /api/v1/hub', '/api/v1/hub')
  assert.deepEqual([hub.json.rates, hub.json.connections, hub.json.journal.state], [{ messagesIn: 40, messagesOut: 0 }, 1, 'open'])
  assert.equal((await asked(scene, 'GET /api/v1/connections', '/api/v1/connections')).json.connections[0].device, 'pump-1')
  assert.deepEqual((await asked(scene, 'GET /api/v1/checks', '/api/v1/checks')).json, { ranAt: null, durationMs: 0, controls: [] })
  scene.knobs.report = {
    ranAt: instant(0),
    durationMs: 12,
    controls: [
      {
        control: 'TW-CON-01',
        title: 't',
        severity: 'high',
        serves: ['E7'],
        recommendation: 'r',
        fix: 'f',
        expected: 'e',
        verdict: 'fail',
        capped: false,
        reason: 'weak',
        findings: [],
        evidence: [],
      },
    ],
  }
  assert.equal((await asked(scene, 'POST /api/v1/checks/run', '/api/v1/checks/run', {})).json.controls[0].verdict, 'fail')
  assert.equal((await asked(scene, 'GET /api/v1/hub', '/api/v1/hub')).json.findings, 1)
  const { text, headers } = await asked(scene, 'GET /metrics', '/metrics')
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(text, /^thingwall_messages_in_total 40$/m)
  assert.match(text, /^thingwall_refused_total\{code="pki\/expired \\"x\\"\\n"\} 2$/m)
  assert.match(text, /^thingwall_checks\{verdict="fail"\} 1$/m)
  for (const line of text.trimEnd().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="([^"\\]|\\.)*"(,[a-z]+="([^"\\]|\\.)*")*\})? -?[0-9.e+-]+)$/)
})

test('explain names the rule and the smallest change; the audit log shows who did what and holds', async () => {
  await using scene = await openControlScene()
  await asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'pump-1', issue: false })
  const why = (query: string) => asked(scene, 'GET /api/v1/explain', `/api/v1/explain?device=pump-1&${query}`)
  const own = await why('action=publish&topic=devices/pump-1/x')
  assert.deepEqual([own.json.allowed, own.json.rule], [true, 'hub-devices/own-topics'])
  const other = await why('action=publish&topic=plant/other/x')
  assert.deepEqual([other.json.allowed, other.json.rule, typeof other.json.change], [false, null, 'string'])
  assert.equal((await why('action=connect')).json.topic, null)
  assert.equal(codeOf(await why('action=publish')), 'control/topic-missing')
  assert.equal(codeOf(await why('action=erase&topic=x')), 'control/malformed')
  const audit = await asked(scene, 'GET /api/v1/audit', '/api/v1/audit?limit=500')
  assert.equal(audit.json.verified, true)
  const last = audit.json.records.at(-1)
  assert.deepEqual(
    [last.actor, last.via, last.action, last.resource],
    ['operator:owner', 'local-credential', 'device.add', 'device:pump-1'],
  )
  const newest = await asked(scene, 'GET /api/v1/audit', '/api/v1/audit?before=0&limit=1')
  assert.deepEqual([newest.json.records[0].sequence, newest.json.next], [audit.json.end, audit.json.end])
  await scene.store.commit([{ sql: "UPDATE audit_log SET actor_id = 'nobody' WHERE sequence = 2", args: [] }])
  scene.clock.advance(10_000)
  const broken = await asked(scene, 'GET /api/v1/audit', '/api/v1/audit')
  assert.deepEqual([broken.json.verified, broken.json.broken], [false, { sequence: 2, reason: 'changed' }])
})

test('health is 200, or 503 with reasons; the root and the document are there for anyone', async () => {
  await using scene = await openControlScene()
  assert.deepEqual((await scene.ask('/healthz')).json, { status: 'ok', reasons: [] })
  scene.knobs.unwell = ['journal full']
  const unwell = await scene.ask('/healthz')
  assert.deepEqual([unwell.status, unwell.json], [503, { status: 'unwell', reasons: ['journal full'] }])
  assert.equal((await scene.ask('/root.pem')).text, scene.pki.rootPem)
  assert.deepEqual((await scene.ask('/openapi.json')).json, JSON.parse(JSON.stringify(scene.control.openapi())))
})

test('docs/openapi.json is what is served; write it anew with: node scripts/openapi.ts', async () => {
  await using scene = await openControlScene()
  const written = await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8')
  assert.equal(written, `${JSON.stringify(scene.control.openapi(), null, 2)}\n`)
})

test('a deleted device takes its certificates with it: the next of its name does not inherit them', async () => {
  await using scene = await openControlScene()
  await asked(scene, 'POST /api/v1/devices', '/api/v1/devices', { id: 'gone' })
  const before = await scene.pki.certificatesOf(systemGrant('device.read', 'x'), deviceId('gone'))
  await asked(scene, 'DELETE /api/v1/devices/{id}', '/api/v1/devices/gone')
  assert.deepEqual(
    before.map(({ serial }) => scene.pki.isRevoked(serial)),
    [true],
  )
})
