import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { Fault, ok, refuse } from '#base'
import { callerWith, openAzureServiceScene } from '../../../test/azure-service-scene.ts'
import { FakeClock } from '../../../test/fake-clock.ts'
import { json, noContent } from './reply.ts'
import { azureRoute } from './route.ts'
import { azureServiceLimits } from './service.ts'
import { defaultAzureThrottles } from './throttles.ts'

const plain = { needs: ['device.read'], throttle: 'registry' } as const
let held: { readonly promise: Promise<void>; resolve(): void } = Promise.withResolvers<void>()

/** Routes that do nothing, to see what stands before them. */
const routes = [
  azureRoute({
    ...plain,
    method: 'GET',
    path: '/things/{id}',
    run: async (call) => ok(json({ id: call.id('id'), path: call.path }, 'e1')),
  }),
  azureRoute({ ...plain, method: 'PUT', path: '/things/{id}', bodyBytes: 1_000, run: async (call) => ok(json({ got: call.body })) }),
  azureRoute({ ...plain, method: 'DELETE', path: '/things/{id}', run: async () => ok(noContent) }),
  azureRoute({
    ...plain,
    method: 'POST',
    path: '/things',
    bodyBytes: 1_000,
    cost: (body) => (Array.isArray(body) ? body.length : 1),
    run: async () => ok(noContent),
  }),
  azureRoute({ ...plain, method: 'GET', path: '/refused', run: async () => refuse('hub/device-not-found', 'Not there.', 'secret detail') }),
  azureRoute({
    ...plain,
    method: 'GET',
    path: '/broken',
    run: () => Promise.reject(new Error('bug: secret words')),
  }),
  azureRoute({ ...plain, method: 'GET', path: '/full', run: () => Promise.reject(new Fault('store/disk-full', 'secret words')) }),
  azureRoute({ ...plain, method: 'GET', path: '/large', run: async () => ok(json('x'.repeat(32 * 1024 * 1024))) }),
  azureRoute({
    ...plain,
    method: 'GET',
    path: '/held',
    async run() {
      await held.promise
      return ok(noContent)
    },
  }),
]

async function openDoor() {
  const clock = new FakeClock()
  const callers = new Map([
    ['reader', callerWith('reader', ['device.read'])],
    ['writer', callerWith('writer', ['device.write'])],
    ['narrow', callerWith('narrow', ['device.read'], 'hub.example/things/a')],
  ])
  const throttles = { ...defaultAzureThrottles, registry: { perSecond: 1, burst: 1_000 } }
  const scene = await openAzureServiceScene({ clock, callers, routes, throttles, hub: Object({}) })
  return Object.assign(scene, { clock })
}

const nameOf = (reply: { readonly status: number; readonly headers: Record<string, unknown> }) => [
  reply.status,
  reply.headers['iothub-errorcode'],
]

test('a caller with the right is served, under every spelling of the path (azure-wire 5)', async () => {
  await using door = await openDoor()
  const reply = await door.ask('GET', '/Things/a%20b/', { as: 'reader' })
  assert.deepEqual([reply.status, reply.json], [200, { id: 'a b', path: '/things/a b' }])
  assert.equal(reply.headers['etag'], '"e1"')
  assert.match(String(reply.headers['x-ms-request-id']), /^[0-9a-f-]{36}$/)
  const gone = await door.ask('DELETE', '/things/a', { as: 'reader' })
  assert.deepEqual([gone.status, gone.text], [204, ''])
})

test('nobody gets in without a token, with a wrong one, without the right, or with a token for elsewhere; and no body is read', async () => {
  await using door = await openDoor()
  const raw = '{"this is": not JSON'
  for (const [as, name] of [
    [undefined, 'IotHubUnauthorized'],
    ['', 'IotHubUnauthorized'],
    ['stranger', 'IotHubUnauthorized'],
    ['writer', 'IotHubUnauthorizedAccess'],
    ['narrow', 'IotHubUnauthorizedAccess'],
  ] as const) {
    const reply = await door.ask('PUT', '/things/b', { as, raw })
    assert.deepEqual(nameOf(reply), [401, name], String(as))
    assert.equal(reply.headers['www-authenticate'], 'SharedAccessSignature')
  }
  assert.equal((await door.ask('GET', '/things/a', { as: 'narrow' })).status, 200)
})

test('what is not in the table is not served: paths 404, methods 405, and browsers are told nothing', async () => {
  await using door = await openDoor()
  for (const path of ['/', '/thing', '/things/a/b', '//things', '/healthz', '/api/v1/devices', '/things/%ff/x'])
    assert.deepEqual(nameOf(await door.ask('GET', path, { as: 'reader' })), [404, 'GenericNotFound'], path)
  for (const method of ['OPTIONS', 'TRACE', 'PATCH'])
    assert.deepEqual(nameOf(await door.ask(method, '/things/a', { as: 'reader' })), [405, 'GenericMethodNotAllowed'], method)
  const headers = { origin: 'https://evil.example', 'access-control-request-method': 'PUT' }
  const reply = await door.ask('OPTIONS', '/things/a', { headers })
  assert.deepEqual(
    Object.keys(reply.headers).filter((name) => name.startsWith('access-control')),
    [],
  )
})

test('an api-version is needed, and any that is well formed will do (azure-wire 5)', async () => {
  await using door = await openDoor()
  for (const [query, status] of [
    ['', 400],
    ['?api-version=', 400],
    ['?api-version=latest', 400],
    ['?api-version=2021-04-12x', 400],
    ['?api-version=2016-02-03', 200],
    ['?x=1&api-version=2025-08-01-preview', 200],
  ] as const) {
    const reply = await door.ask('GET', `/things/a${query}`, { as: 'reader', version: false })
    assert.equal(reply.status, status, query)
    if (status === 400) assert.equal(reply.headers['iothub-errorcode'], 'InvalidProtocolVersion')
  }
})

test('bodies are bounded, typed, strict JSON', async () => {
  await using door = await openDoor()
  const put = (raw: string | Buffer, headers = {}) => door.ask('PUT', '/things/a', { as: 'reader', raw, headers })
  for (const [what, raw, status, name] of [
    ['cut JSON', '{"a":', 400, 'DeserializationError'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400, 'DeserializationError'],
    ['100 levels', `${'['.repeat(100)}${']'.repeat(100)}`, 400, 'IotHubFormatError'],
    ['__proto__', '{"a":{"__proto__":1}}', 400, 'IotHubFormatError'],
    ['too much', 'x'.repeat(1_001), 413, 'GenericRequestEntityTooLarge'],
  ] as const)
    assert.deepEqual(nameOf(await put(raw)), [status, name], what)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])
    assert.equal((await put('{}', { 'content-type': type })).status, 415, type)
  assert.deepEqual((await put('{"a":[1]}', { 'content-type': 'application/merge-patch+json' })).json, { got: { a: [1] } })
  assert.deepEqual((await put('')).json, { got: null })
  assert.equal((await door.ask('GET', '/things/a', { as: 'reader', raw: '{}' })).status, 413, 'a body where none belongs')
})

/** Sends bytes as they are and gives back what came until the peer closed. */
function send(port: number, bytes: string, until?: (got: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let got = ''
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      got += text
      if (until?.(got) === true) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(got))
    socket.write(bytes)
  })
}

const head = (method: string, path: string, more: string) =>
  `${method} ${path}?api-version=2021-04-12 HTTP/1.1\r\nHost: hub.example\r\nAuthorization: reader\r\nContent-Type: application/json\r\n${more}\r\n`

test('a body without end is cut off at its limit, chunked or announced, and the connection with it', async () => {
  await using door = await openDoor()
  const chunk = `3e8\r\n${'x'.repeat(1_000)}\r\n`
  assert.match(await send(door.port, head('PUT', '/things/a', 'Transfer-Encoding: chunked\r\n') + chunk.repeat(50)), /^HTTP\/1.1 413 /)
  const announced = head('PUT', '/things/a', 'Content-Length: 1000000000\r\n')
  const got = await send(door.port, announced)
  assert.match(got, /^HTTP\/1.1 413 /)
  assert.match(got, /\r\nconnection: close\r\n/i)
})

test('a megabyte of headers and a long address are refused', async () => {
  await using door = await openDoor()
  assert.match(await send(door.port, head('GET', '/things/a', `X: ${'y'.repeat(1024 * 1024)}\r\n`)), /^HTTP\/1.1 431 |^$/)
  assert.equal((await door.ask('GET', `/things/${'a'.repeat(9_000)}`, { as: 'reader' })).status, 404)
})

test('who asks too often is told when to come again, and what counts more costs more (azure-wire 10)', async () => {
  await using door = await openDoor()
  assert.equal((await door.ask('POST', '/things', { as: 'reader', body: Array.from({ length: 400 }, () => 1) })).status, 204)
  assert.equal((await door.ask('POST', '/things', { as: 'reader', body: Array.from({ length: 490 }, () => 1) })).status, 204)
  const late = await door.ask('POST', '/things', { as: 'reader', body: Array.from({ length: 400 }, () => 1) })
  assert.deepEqual(nameOf(late), [429, 'ThrottlingException'])
  assert.equal(late.headers['retry-after'], '290')
  door.clock.advance(290_000)
  assert.equal((await door.ask('POST', '/things', { as: 'reader', body: Array.from({ length: 390 }, () => 1) })).status, 204)
})

test('what we throw is our own business: a code, and our log has the rest under the same id', async () => {
  await using door = await openDoor()
  const broken = await door.ask('GET', '/broken', { as: 'reader' })
  assert.deepEqual(nameOf(broken), [500, 'ServerError'])
  const full = await door.ask('GET', '/full', { as: 'reader' })
  assert.deepEqual(nameOf(full), [503, 'ServiceUnavailable'])
  const refused = await door.ask('GET', '/refused', { as: 'reader' })
  assert.deepEqual(nameOf(refused), [404, 'DeviceNotFound'])
  for (const { text } of [broken, full, refused]) assert.doesNotMatch(text, /secret/)
  assert.equal(door.troubles.length, 2)
})

test('one caller cannot have too many requests in process, and others are not hindered', async () => {
  await using door = await openDoor()
  held = Promise.withResolvers<void>()
  const most = azureServiceLimits.requestsPerCaller
  const waiting = Array.from({ length: most }, () => door.ask('GET', '/held', { as: 'reader' }))
  let reply = await door.ask('GET', '/things/a', { as: 'reader' })
  for (let tries = 0; reply.status === 200 && tries < 200; tries++) reply = await door.ask('GET', '/things/a', { as: 'reader' })
  assert.deepEqual(nameOf(reply), [503, 'ServerBusy'])
  assert.equal((await door.ask('GET', '/things/a', { as: 'narrow' })).status, 200)
  held.resolve()
  for (const { status } of await Promise.all(waiting)) assert.equal(status, 204)
  assert.equal((await door.ask('GET', '/things/a', { as: 'reader' })).status, 200)
})

test('a reader that does not read is cut off, and what waits for slow readers is bounded', async () => {
  await using door = await openDoor()
  const sockets = Array.from({ length: 5 }, () => {
    const socket = connect(door.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.pause()
    socket.write(head('GET', '/large', ''))
    return socket
  })
  let reply = await door.ask('GET', '/things/a', { as: 'reader' })
  for (let tries = 0; reply.status === 200 && tries < 500; tries++) reply = await door.ask('GET', '/things/a', { as: 'reader' })
  assert.deepEqual(nameOf(reply), [503, 'ServerBusy'])
  door.clock.advance(azureServiceLimits.replyMs)
  for (let tries = 0; reply.status !== 200 && tries < 500; tries++) reply = await door.ask('GET', '/things/a', { as: 'reader' })
  assert.equal(reply.status, 200)
  for (const socket of sockets) socket.destroy()
})
