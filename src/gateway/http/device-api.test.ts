import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { type DeviceId, parseDeviceId } from '#base'
import { factToJson } from '#hub'
import { allowing, gateway, turns } from '../gateway-scene.test.ts'
import { DeviceApi } from './device-api.ts'
import type { HttpCall, HttpReply } from './http-call.ts'

const id = (text: string): DeviceId => {
  const parsed = parseDeviceId(text)
  assert.ok(parsed.ok)
  return parsed.value
}
const pump = id('pump-1')
const version = 'api-version=2021-04-12'

async function* bodyOf(...parts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const part of parts) yield Buffer.from(part)
}

/** The device API on a gateway without sockets. `denyMs`: what a denied peer has to wait. */
function scene(denyMs = 0, publishesPerSecond?: number) {
  const whole = gateway()
  const api = new DeviceApi(whole.desk, publishesPerSecond)
  const seen: string[] = []
  const call = (
    method: string,
    target: string,
    headers: IncomingHttpHeaders = {},
    body: AsyncIterable<Uint8Array> = bodyOf(),
  ): HttpCall => ({
    method,
    target: target.includes('?') ? target : `${target}?${version}`,
    headers: { host: 'hub.example', authorization: 'token of pump-1', ...headers },
    body,
    peer: {
      kind: 'https',
      address: '192.0.2.1',
      isProbe: false,
      certificates: () => [],
      proven: () => void seen.push('proven'),
      denied() {
        seen.push('denied')
        return denyMs
      },
    },
    cut: () => void seen.push('cut'),
  })
  const ask = async (...args: Parameters<typeof call>): Promise<HttpReply> => {
    const answer = api.answer(call(...args))
    assert.ok(answer !== undefined)
    let reply: HttpReply | undefined
    void answer.then((came) => (reply = came))
    for (let i = 0; i < 20 && reply === undefined; i++) {
      await turns(10)
      whole.journal.flush()
    }
    return reply ?? assert.fail('no answer')
  }
  const telemetry = () => whole.facts().flatMap((fact, offset) => (fact.kind === 'telemetry' ? [factToJson(offset, fact)] : []))
  return { ...whole, api, seen, call, ask, telemetry }
}

const nameOf = ({ headers }: HttpReply) => headers?.['iothub-errorcode']

test('telemetry by HTTPS is the record that it would be by MQTT, and is answered when it is durable [azure-wire 3.1]', async () => {
  const { api, call, journal, telemetry, seen, hub } = scene()
  const headers = { 'iothub-app-k/1': 'v w', 'iothub-messageid': 'i1', 'iothub-contenttype': 'application/json' }
  let status = 0
  void api.answer(call('POST', '/devices/pump-1/messages/events', headers, bodyOf('{"t"', ':1}')))?.then((reply) => (status = reply.status))
  await turns()
  assert.equal(status, 0, 'not before the disk has it')
  journal.flush()
  await turns()
  assert.equal(status, 204)
  const [message, ...others] = telemetry()
  assert.equal(others.length, 0)
  assert.deepEqual(
    [message?.['topic'], message?.['transport'], message?.['body'], message?.['qos']],
    ['devices/pump-1/messages/events/%24.mid=i1&%24.ct=application%2Fjson&k%2F1=v%20w', 'https', '{"t":1}', 1],
  )
  assert.deepEqual(seen, ['proven', 'proven'])
  assert.deepEqual(hub.log, ['pump-1 active'], 'it does not count as connected')
})

test('telemetry by HTTPS reaches who is subscribed, as by MQTT', async () => {
  const { ask, connect } = scene()
  const listener = connect('pump-1')
  listener.subscribe('devices/pump-1/#', 1)
  await listener.received()
  await ask('POST', '/devices/pump-1/messages/events', {}, bodyOf('hello'))
  const got = (await listener.received()).flatMap((packet) => (packet.type === 'publish' ? [packet.payload.toString()] : []))
  assert.deepEqual(got, ['hello'])
})

test('a batch becomes messages in order, or none of it is taken [azure-wire 3.1]', async () => {
  const { ask, telemetry } = scene()
  const headers = { 'content-type': 'application/vnd.microsoft.iothub.json' }
  const reply = await ask(
    'POST',
    '/devices/pump-1/messages/events',
    headers,
    bodyOf('[{"body":"YQ=="},{"body":"Yg==","properties":{"iothub-app-p":"q"}}]'),
  )
  assert.equal(reply.status, 204)
  assert.deepEqual(
    telemetry().map((message) => [message['body'], { ...Object(message['properties']) }]),
    [
      ['a', {}],
      ['b', { p: 'q' }],
    ],
  )
  const half = JSON.stringify([{ body: 'YQ==' }, { body: Buffer.alloc(270_000).toString('base64') }])
  const refused = await ask('POST', '/devices/pump-1/messages/events', headers, bodyOf(half))
  assert.deepEqual([refused.status, nameOf(refused)], [413, 'MessageTooLarge'])
  assert.equal(telemetry().length, 2)
})

test('what a sender may not say of itself is left out of what readers see', async () => {
  const { ask, telemetry } = scene()
  const headers = { 'iothub-app-iothub-connection-device-id': 'pump-9', 'iothub-app-ok': '1', 'iothub-enqueuedtime': 'long ago' }
  await ask('POST', '/devices/pump-1/messages/events', headers, bodyOf('x'))
  const [message] = telemetry()
  assert.deepEqual({ ...Object(message?.['properties']) }, { ok: '1' })
  assert.equal(Object(message?.['system'])['iothub-connection-device-id'], 'pump-1')
  assert.deepEqual(message?.['forged'], ['iothub-connection-device-id'])
})

test('nobody is known without a token of this very device; refusals look alike, are recorded, and take longer for who guesses', async () => {
  const { api, ask, call, clock, facts, seen } = scene(5_000)
  for (const [target, authorization] of [
    ['/devices/pump-2/messages/events', 'token of pump-1'],
    ['/devices/pump-1/messages/events', ''],
    ['/devices/pump-1/modules/m1/messages/events', 'token of pump-1'],
  ] as const) {
    const came: HttpReply[] = []
    void api.answer(call('POST', target, { authorization }))?.then((one) => came.push(one))
    await turns()
    assert.equal(came.length, 0, 'it waits')
    clock.advance(5_000)
    await turns()
    const [reply = assert.fail()] = came
    assert.deepEqual(
      [reply.status, nameOf(reply), reply.headers?.['www-authenticate']],
      [401, 'IotHubUnauthorized', 'SharedAccessSignature'],
    )
  }
  assert.deepEqual(seen, ['denied', 'denied', 'denied'])
  assert.ok(facts().some((fact) => fact.kind === 'refused' && fact.code === 'access/sas-signature' && fact.listener === 'https'))
  assert.equal((await ask('POST', '/devices/pump-1/messages/events')).status, 204, 'who is not denied does not wait')
})

test('the policy of now is asked with every request', async () => {
  const { ask, applyPolicy, telemetry, facts } = scene()
  applyPolicy(() => allowing([], []))
  const reply = await ask('POST', '/devices/pump-1/messages/events')
  assert.deepEqual([reply.status, nameOf(reply)], [401, 'IotHubUnauthorizedAccess'])
  assert.ok(facts().some((fact) => fact.kind === 'denied' && fact.action === 'publish'))
  applyPolicy(() => ({ ...allowing(['devices/pump-1/messages/events/'], []), connect: () => undefined }))
  assert.equal((await ask('POST', '/devices/pump-1/messages/events')).status, 401)
  assert.equal(telemetry().length, 0)
})

test('who loses its right while its body comes is refused when it is there', async () => {
  const { ask, telemetry, seen, proof } = scene()
  const slow = (async function* () {
    yield Buffer.from('half')
    proof.gone.add('pump-1')
    yield Buffer.from('whole')
  })()
  assert.equal((await ask('POST', '/devices/pump-1/messages/events', {}, slow)).status, 401)
  assert.deepEqual([telemetry().length, seen], [0, ['proven', 'denied']])
})

test('the bound on messages of an identity holds by HTTPS too, for each message of a batch', async () => {
  const { ask, clock, telemetry } = scene(0, 3)
  const batch = JSON.stringify([{ body: 'YQ==' }, { body: 'Yg==' }])
  const send = async () =>
    (await ask('POST', '/devices/pump-1/messages/events', { 'content-type': 'application/vnd.microsoft.iothub.json' }, bodyOf(batch)))
      .status
  assert.deepEqual([await send(), await send()], [204, 429])
  clock.advance(1_000)
  assert.equal(await send(), 204)
  assert.equal(telemetry().length, 4)
})

test('messages are for who may subscribe to them by MQTT, and so is what becomes of them; a refusal is recorded', async () => {
  const { ask, applyPolicy, facts, hub, telemetry } = scene()
  hub.enqueue(pump, { body: 'one' })
  const lock = (await ask('GET', '/devices/pump-1/messages/devicebound')).headers?.['etag']?.slice(1, -1) ?? ''
  hub.enqueue(pump, { body: 'two' })
  applyPolicy(() => ({ ...allowing(['devices/pump-1/messages/events/'], ['devices/pump-1/messages/other/#']), connect: () => 'rule' }))
  for (const [method, target] of [
    ['GET', '/devices/pump-1/messages/devicebound'],
    ['DELETE', `/devices/pump-1/messages/devicebound/${encodeURIComponent(lock)}`],
    ['DELETE', `/devices/pump-1/messages/devicebound/${encodeURIComponent(lock)}?reject&${version}`],
    ['POST', `/devices/pump-1/messages/devicebound/${encodeURIComponent(lock)}/abandon`],
  ] as const) {
    const reply = await ask(method, target)
    assert.deepEqual([reply.status, nameOf(reply)], [401, 'IotHubUnauthorizedAccess'], `${method} ${target}`)
  }
  assert.deepEqual(
    hub.log.filter((line) => /complete|reject|abandon/.test(line)),
    [],
  )
  const denied = facts().find((fact) => fact.kind === 'denied')
  assert.deepEqual(denied?.kind === 'denied' && [denied.action, denied.topic], ['subscribe', 'devices/pump-1/messages/devicebound/#'])
  assert.equal((await ask('POST', '/devices/pump-1/messages/events')).status, 204)
  assert.equal(telemetry().length, 1)
})

for (const [what, method, target, headers, status, name] of [
  ['no api-version', 'POST', '/devices/pump-1/messages/events?x=1', {}, 400, 'InvalidProtocolVersion'],
  ['an api-version that is none', 'POST', '/devices/pump-1/messages/events?api-version=latest', {}, 400, 'InvalidProtocolVersion'],
  ['another method', 'PUT', '/devices/pump-1/messages/events', {}, 405, 'GenericMethodNotAllowed'],
  ['an id that is none', 'POST', '/devices/%20/messages/events', {}, 400, 'ArgumentInvalid'],
  [
    'a length beyond the limit',
    'POST',
    '/devices/pump-1/messages/events',
    { 'content-length': '300000' },
    413,
    'GenericRequestEntityTooLarge',
  ],
  [
    'a lock time that is no number',
    'GET',
    '/devices/pump-1/messages/devicebound',
    { 'iothub-messagelocktimeout': '-1' },
    400,
    'ArgumentInvalid',
  ],
  ['an unknown lock', 'DELETE', '/devices/pump-1/messages/devicebound/nothing', {}, 412, 'DeviceMessageLockLost'],
] as const) {
  test(`${what} is refused in the old form [azure-wire 5.12]`, async () => {
    const { ask } = scene()
    const reply = await ask(method, target, headers)
    assert.deepEqual([reply.status, nameOf(reply)], [status, name])
    const { Message: message } = JSON.parse(String(reply.body))
    assert.match(message, new RegExp(`^ErrorCode:${name};[^;<>]+$`))
  })
}

test('a body that lies about its length, or never says it, is cut at the limit; one that ends early is refused', async () => {
  const { ask } = scene()
  const big = 'x'.repeat(100_000)
  const reply = await ask('POST', '/devices/pump-1/messages/events', {}, bodyOf(big, big, big))
  assert.equal(reply.status, 413)
  const cut = (async function* () {
    yield Buffer.from('half')
    throw new Error('aborted')
  })()
  assert.equal((await ask('POST', '/devices/pump-1/messages/events', {}, cut)).status, 400)
})

test('1,000 uploaders that send slowly hold no more than the budget; the others are told to come again', async () => {
  const { api, call } = scene()
  let go = (): void => {}
  const gate = new Promise<void>((resolve) => (go = resolve))
  const slow = async function* () {
    yield Buffer.alloc(200_000)
    await gate
  }
  const replies: Promise<HttpReply>[] = []
  for (let i = 0; i < 1_000; i++) {
    const answer = api.answer(call('POST', '/devices/pump-1/messages/events', {}, slow()))
    if (answer !== undefined) replies.push(answer)
  }
  let busy = 0
  for (const reply of replies) void reply.then(({ status }) => (busy += status === 503 ? 1 : 0))
  await turns(200)
  // 64 MiB hold 335 bodies of 200,000 bytes.
  assert.equal(busy, 1_000 - 335)
  go()
})

test('an identity that asks too often is slowed down; its neighbour is not', async () => {
  const { ask, api, call } = scene()
  const statuses = new Map<number, number>()
  for (let i = 0; i < 1_100; i++) {
    const reply = await api.answer(call('GET', '/devices/pump-1/messages/devicebound'))
    statuses.set(reply?.status ?? 0, (statuses.get(reply?.status ?? 0) ?? 0) + 1)
  }
  assert.deepEqual([statuses.get(204), statuses.get(429)], [1_000, 100])
  const other = await ask('GET', '/devices/pump-2/messages/devicebound', { authorization: 'token of pump-2' })
  assert.equal(other.status, 204)
})

test('a journal that takes nothing more is 503, and nothing was taken', async () => {
  const { ask, journal, telemetry } = scene()
  journal.paused = true
  const reply = await ask('POST', '/devices/pump-1/messages/events', {}, bodyOf('x'))
  assert.deepEqual([reply.status, reply.headers?.['retry-after']], [503, '10'])
  assert.equal(telemetry().length, 0)
})

test('messages: received, completed, rejected, abandoned, as Node asks for it [azure-wire 3.2]', async () => {
  const { ask, hub } = scene()
  const path = '/devices/pump-1/messages/devicebound'
  assert.equal((await ask('GET', path)).status, 204)
  for (const body of ['a', 'b', 'c']) hub.enqueue(pump, { body, properties: { p: body } })
  const locks: string[] = []
  for (const body of ['a', 'b', 'c']) {
    const reply = await ask('GET', path)
    assert.deepEqual([reply.status, String(reply.body), reply.headers?.['iothub-app-p']], [200, body, body])
    locks.push(encodeURIComponent((reply.headers?.['etag'] ?? '').slice(1, -1)))
  }
  const [a = '', b = '', c = ''] = locks
  assert.equal((await ask('DELETE', `${path}/${a}?${version}`, { 'if-match': decodeURIComponent(a) })).status, 204)
  assert.equal((await ask('DELETE', `${path}/${b}?${version}&reject`, { 'if-match': `"${decodeURIComponent(b)}"` })).status, 204)
  assert.equal((await ask('POST', `${path}/${c}/abandon?${version}`, { 'if-match': 'another' })).status, 412)
  assert.equal((await ask('POST', `${path}/${c}/abandon?${version}`)).status, 204)
  assert.deepEqual(
    hub.log.filter((line) => !line.endsWith('active')),
    ['pump-1 complete 1', 'pump-1 reject 2', 'pump-1 abandon 3'],
  )
})

test('an upload begins and ends; the id may stand in the path or in the body [azure-wire 3.3]', async () => {
  const { ask, hub } = scene()
  const ended: unknown[] = []
  const ticket = {
    correlationId: 'cid==/1',
    hostName: 'hub.example',
    containerName: 'uploads',
    blobName: 'pump-1/a b.txt',
    sasToken: '?sig=x',
  }
  hub.files = {
    ...hub.files,
    begin: async (device, blobName) => ({ ok: true, value: { ...ticket, blobName: `${device}/${blobName}` } }),
    async complete(device, correlationId, outcome) {
      ended.push([device, correlationId, outcome])
      return { ok: true, value: undefined }
    },
  }
  const begun = await ask('POST', '/devices/pump-1/files/', {}, bodyOf('{"blobName":"a b.txt"}'))
  assert.deepEqual([begun.status, JSON.parse(String(begun.body))], [200, ticket])
  const outcome = { isSuccess: true, statusCode: 201, statusDescription: '' }
  await ask('POST', '/devices/pump-1/files/notifications/cid%3D%3D%2F1', {}, bodyOf(JSON.stringify(outcome)))
  await ask('POST', '/devices/pump-1/files/notifications', {}, bodyOf(JSON.stringify({ ...outcome, correlationId: 'c2' })))
  assert.deepEqual(ended, [
    ['pump-1', 'cid==/1', outcome],
    ['pump-1', 'c2', outcome],
  ])
  for (const body of ['', '[]', '{"blobName":7}', '{"__proto__":{"blobName":"x"}}'])
    assert.equal((await ask('POST', '/devices/pump-1/files', {}, bodyOf(body))).status, 400, body)
})
