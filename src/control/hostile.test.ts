import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { type ControlScene, openControlScene } from '../../test/control-scene.ts'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'

/** Sends bytes as they are over TLS and gives back everything that came until the peer closed. */
function send(scene: ControlScene, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: scene.port, ca: scene.pki.rootPem, checkServerIdentity: () => undefined })
    let got = ''
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => (got += text))
    socket.on('close', () => resolve(got))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(got) : reject(error),
    )
    socket.write(bytes)
  })
}

const get = (scene: ControlScene, target: string, headers = '') =>
  send(scene, `GET ${target} HTTP/1.1\r\nHost: ${scene.host}\r\nConnection: close\r\n${headers}\r\n`)

const bodies: readonly (readonly [string, string, number, string])[] = [
  ['JSON that is cut', '{"id":"a"', 400, 'json/malformed'],
  ['JSON that is no object', '[]', 400, 'control/malformed'],
  ['JSON nested 17 deep', `{"id":${'['.repeat(17)}${']'.repeat(17)}}`, 400, 'json/too-deep'],
  ['JSON nested 100,000 deep', '['.repeat(100_000), 400, 'json/too-deep'],
  ['__proto__', '{"id":"a","__proto__":{"rights":["hub.administer"]}}', 400, 'json/forbidden-key'],
  ['__proto__ spelt with escapes', '{"id":"a","\\u005f_proto__":{}}', 400, 'json/forbidden-key'],
  ['constructor deep down', '{"id":"a","authentication":{"constructor":{"prototype":{}}}}', 400, 'json/forbidden-key'],
  ['a member that is not known', '{"id":"a","admin":true}', 400, 'control/malformed'],
  ['a member of another type', '{"id":7}', 400, 'control/malformed'],
  ['text where a truth value belongs', '{"id":"a","issue":"true"}', 400, 'control/malformed'],
  ['an id with a slash', '{"id":"a/b"}', 400, 'base/device-id-malformed'],
  ['an id with a wildcard', '{"id":"a+"}', 400, 'base/device-id-malformed'],
  ['an id with NUL', '{"id":"a\\u0000"}', 400, 'base/device-id-malformed'],
  ['an id of 129 characters', `{"id":"${'a'.repeat(129)}"}`, 400, 'base/device-id-too-long'],
  ['a body over its limit', `{"id":"${'a'.repeat(1_100_000)}"}`, 413, 'control/body-too-large'],
]

test('bodies that are not as they must be are refused by name, and nothing is added', async (t) => {
  await using scene = await openControlScene()
  for (const [what, raw, status, code] of bodies)
    await t.test(what, async () => {
      const reply = await scene.local('/api/v1/devices', { method: 'POST', raw })
      assert.deepEqual([reply.status, Object(reply.json).code], [status, code])
    })
  assert.equal(scene.hub.devices.count, 0)
  assert.equal(Object({})['rights'], undefined)
})

test('bodies of other types are refused, so that a form of another site cannot even be sent', async () => {
  await using scene = await openControlScene()
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp', '']) {
    const reply = await scene.local('/api/v1/devices', { method: 'POST', raw: '{"id":"a"}', headers: { 'content-type': type } })
    assert.equal(reply.status, 415, type)
  }
  const typed = { 'content-type': 'application/json; charset=utf-8' }
  assert.equal((await scene.local('/api/v1/devices', { method: 'POST', raw: '{"id":"a","issue":false}', headers: typed })).status, 201)
})

test('queries are read strictly: no coercion, nothing twice, nothing unknown', async () => {
  await using scene = await openControlScene()
  assert.equal((await scene.local('/api/v1/devices?limit=5')).status, 200)
  for (const query of [
    'limit=0',
    'limit=501',
    'limit=-1',
    'limit=5.0',
    'limit=05',
    'limit=1e2',
    'limit=0x5',
    'limit=',
    'limit=%205',
    'limit=Infinity',

    'limit=5&limit=6',
    'status=',
    'status=Enabled',
    'unknown=1',
    '__proto__=1',
    'constructor=1',
    'limit[]=5',
    `search=${'a'.repeat(129)}`,
  ]) {
    const reply = await scene.local(`/api/v1/devices?${query}`)
    assert.deepEqual([reply.status, Object(reply.json).code], [400, 'control/malformed'], query)
  }
})

test('no file outside the console is served, by whatever spelling', async () => {
  await using directory = await temporaryDirectory()
  const console = join(directory.path, 'console')
  await mkdir(join(console, 'assets'), { recursive: true })
  await writeFile(join(directory.path, 'secret.txt'), 'the secret')
  await writeFile(join(console, '.env'), 'the secret')
  await writeFile(join(console, 'index.html'), '<!doctype html><title>console</title>')
  await writeFile(join(console, 'assets', 'app-1234.js'), 'export {}')
  await symlink(join(directory.path, 'secret.txt'), join(directory.path, 'link'))
  await using scene = await openControlScene(console)
  for (const target of [
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e%2fsecret.txt',
    '/..%5csecret.txt',
    '/....//secret.txt',
    '//secret.txt',
    '/assets/%2e%2e/%2e%2e/secret.txt',
    '/%252e%252e/secret.txt',
    '/secret.txt%00.js',
    '/.env',

    '/assets/..;/..;/secret.txt',
    `/${directory.path}/secret.txt`,
    `//${directory.path}/secret.txt`,
    '/\\..\\secret.txt',
    '/%c0%ae%c0%ae/secret.txt',
    `https://${scene.host}/../secret.txt`,
    'file:///etc/passwd',
    '/assets/',
    '/assets',
    '*',
    '/%',
    '/%E0%A4%A',
  ]) {
    const got = await get(scene, target, 'Accept: */*\r\n')
    assert.equal(got.includes('the secret'), false, target)
    assert.equal(got.includes('root:'), false, target)
    assert.match(got, /^HTTP\/1\.1 (?:400|403|404) /, target)
    assert.equal(got.includes(directory.path), false, `${target} tells where we live`)
  }
  const asset = await get(scene, '/assets/app-1234.js')
  assert.match(asset, /cache-control: public, max-age=31536000, immutable/)
  assert.match(asset, /content-security-policy: default-src 'none'/)
})

test('addresses of the console get its page and are asked for anew; addresses of the interface never do', async () => {
  await using directory = await temporaryDirectory()
  await writeFile(join(directory.path, 'index.html'), '<!doctype html><title>console</title>')
  await using scene = await openControlScene(directory.path)
  const html = { accept: 'text/html,application/xhtml+xml' }
  for (const path of ['/', '/devices', '/devices/pump-1', '/sign-in?x=1']) {
    const reply = await scene.ask(path, { headers: html })
    assert.deepEqual([reply.status, reply.headers['cache-control']], [200, 'no-cache'], path)
    assert.match(reply.text, /console/)
  }
  for (const path of ['/api/v1/nothing', '/api/']) assert.equal((await scene.ask(path, { headers: html })).status, 404, path)
  assert.equal((await scene.ask('/app.js')).status, 404, 'a missing script is not a page')
  assert.equal((await scene.ask('/devices', { method: 'POST', headers: html })).status, 404)
})

test('a console that was never built is a plain 404 and no endless search', async () => {
  await using directory = await temporaryDirectory()
  await using scene = await openControlScene(directory.path)
  const reply = await scene.ask('/', { headers: { accept: 'text/html' } })
  assert.equal(reply.status, 404)
})

test('every answer, good or bad, carries the security headers', async () => {
  await using scene = await openControlScene()
  const replies = [
    await scene.ask('/healthz'),
    await scene.local('/api/v1/hub'),
    await scene.ask('/api/v1/hub'),
    await scene.ask('/nothing'),
    await scene.ask('/healthz', { headers: { host: 'evil.example' } }),
    await scene.local('/api/v1/devices', { method: 'POST', raw: '{' }),
    await scene.local('/api/v1/devices', { method: 'POST', raw: 'x'.repeat(1_100_000) }),
    await scene.ask('/%E0%A4%A'),
    await scene.local('/api/v1/events?until=end'),
  ]
  for (const { status, headers } of replies) {
    assert.match(
      String(headers['content-security-policy']),
      /^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'; require-trusted-types-for 'script'$/,
      `${status}`,
    )
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin')
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
    assert.equal(headers['strict-transport-security'], 'max-age=31536000')
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['x-powered-by'] ?? headers['server'], undefined)
  }
  const local = await scene.ask('/healthz', { headers: { host: 'localhost:1' } })
  assert.equal(local.headers['strict-transport-security'], undefined, 'other programs on localhost must stay reachable')
})

test('what goes wrong inside stays inside: no message, no stack, no path', async () => {
  await using scene = await openControlScene()
  Object.assign(scene.policies, {
    explain() {
      throw new Error('the secret is under /var/lib/thingwall')
    },
  })
  const bug = await scene.local('/api/v1/explain?device=a&action=connect')
  assert.deepEqual([bug.status, Object(bug.json).code], [500, 'control/internal'])
  await scene.store[Symbol.asyncDispose]()
  const fault = await scene.local('/api/v1/audit')
  assert.deepEqual([fault.status, Object(fault.json).code], [503, 'control/unavailable'])
  for (const { text } of [bug, fault]) assert.doesNotMatch(text, /secret|thingwall\/|node_modules|at .*:\d+|\.ts/)
  assert.equal(scene.troubles.length, 2)
})

test('requests that are no HTTP, have no or two hosts, or name another, are turned away and the door still stands', async () => {
  await using scene = await openControlScene()
  const { host } = scene
  for (const [what, bytes, expected] of [
    ['no host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 400/],
    ['no host in HTTP/1.0', 'GET /healthz HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 421/],
    ['an empty host', 'GET /healthz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 4(00|21)/],
    ['two hosts', `GET /healthz HTTP/1.1\r\nHost: evil.example\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, /^HTTP\/1\.1 4(00|21)/],
    [
      'another host in the target',
      `GET https://evil.example/api/v1/me HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      /^HTTP\/1\.1 4/,
    ],
    [
      'two lengths',
      `POST /api/v1/sign-in HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      /^HTTP\/1\.1 400/,
    ],
    ['a header of 20,000 bytes', `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431/],
    [
      '2,001 headers (CVE-2024-37890)',
      `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${'a: b\r\n'.repeat(2_001)}\r\n`,
      /^HTTP\/1\.1 (200|431)/,
    ],
    [
      'a header named __proto__',
      `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n__proto__: x\r\nconstructor: y\r\nConnection: close\r\n\r\n`,
      /^HTTP\/1\.1 200/,
    ],
    ['a line that ends oddly', `GET /healthz HTTP/1.1\nHost: ${host}\n\n`, /^HTTP\/1\.1 (400|200)|^$/],
    ['an upgrade', `GET /api/v1/me HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, /^(HTTP\/1\.1 4|$)/],
    ['MQTT', '\u0010\u0010\u0000\u0004MQTT\u0004\u0002\u0000\u003c\u0000\u0004abcd', /^HTTP\/1\.1 400/],
  ] as const) {
    const socket =
      what === 'a line that ends oddly' || what === 'an upgrade' ? Promise.race([send(scene, bytes), later()]) : send(scene, bytes)
    assert.match(await socket, expected, what)
  }
  assert.equal((await scene.ask('/healthz')).status, 200)
})

function later(): Promise<string> {
  return new Promise((resolve) => void setTimeout(() => resolve(''), 200))
}
