import assert from 'node:assert/strict'
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import { test } from 'node:test'
import { Secret, systemClock, systemRandom } from '#base'
import type { EndpointPorts, RoutedEvent } from '#egress'
import { makeTls, openFolder } from '../../../test/endpoint-scene.ts'
import { webhookKind } from './webhook.io.ts'
import { parseWebhook } from './webhook.ts'

const event = (offset: number, body: string): RoutedEvent => ({
  offset,
  time: systemClock.now(),
  source: 'DeviceMessages',
  device: 'pump-1',
  module: undefined,
  system: {},
  properties: {},
  body: Buffer.from(body),
})

type Asked = { readonly headers: IncomingHttpHeaders; readonly body: string }
type Answer = { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: Buffer }

async function receiver(answer: (asked: Asked) => Answer | undefined) {
  const folder = openFolder()
  const tls = makeTls(folder.path)
  const asked: Asked[] = []
  const server = createServer(tls.server, (request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one = { headers: request.headers, body: Buffer.concat(chunks).toString() }
      asked.push(one)
      const said = answer(one)
      if (said !== undefined) response.writeHead(said.status, said.headers).end(said.body)
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `https://localhost:${port}/in`,
    ca: tls.ca,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      folder[Symbol.dispose]()
    },
  }
}

const key = Buffer.from('a signing key of a webhook')
const ports = (more: Partial<EndpointPorts> = {}): EndpointPorts => ({
  clock: systemClock,
  random: systemRandom,
  secret: (name) => (name === 'key' ? new Secret(Buffer.from(key)) : undefined),
  mayReach: (host) => host === 'localhost',
  directory: '/nowhere',
  ...more,
})

async function open(url: string, ca: string | undefined, more: object = {}, given = ports()) {
  const settings = parseWebhook({ url, signingSecret: 'key', ...(ca === undefined ? {} : { ca }), ...more })
  assert.ok(settings.ok, JSON.stringify(settings))
  return await webhookKind.open('hook', settings.value, given)
}

const signal = new AbortController().signal

test('events arrive as a JSON array with a signature that the receiver can verify', async () => {
  await using there = await receiver(() => ({ status: 204 }))
  await using sink = await open(there.url, there.ca, { keyId: 'k2' })
  assert.deepEqual(await sink.deliver([event(1, 'a'), event(2, 'b')], signal), { kind: 'ok' })
  const [asked] = there.asked
  assert.ok(asked)
  assert.deepEqual(
    JSON.parse(asked.body).map((one: { offset: number; body: string }) => [one.offset, one.body]),
    [
      [1, 'a'],
      [2, 'b'],
    ],
  )
  const said = String(asked.headers['thingwall-signature'])
  const mac = createHmac('sha256', key)
    .update(`${String(asked.headers['thingwall-timestamp'])}.${asked.body}`)
    .digest('hex')
  assert.ok(timingSafeEqual(Buffer.from(said), Buffer.from(`sha256=${mac}`)))
  assert.equal(asked.headers['thingwall-key-id'], 'k2')
})

test('the one event that the receiver cannot take is found, and those before it were taken', async () => {
  const taken: string[] = []
  await using there = await receiver(({ body }) => {
    const bodies: readonly string[] = JSON.parse(body).map((one: { body: string }) => one.body)
    if (bodies.includes('bad')) return { status: 422 }
    taken.push(...bodies)
    return { status: 200 }
  })
  await using sink = await open(there.url, there.ca)
  const batch = ['a', 'b', 'c', 'd', 'bad', 'e', 'f'].map((body, i) => event(i, body))
  assert.deepEqual(await sink.deliver(batch, signal), { kind: 'poison', index: 4, reason: 'answered 422' })
  assert.deepEqual([...new Set(taken)], ['a', 'b', 'c', 'd'])
})

for (const [name, answer, reason] of [
  ['503 with Retry-After', { status: 503, headers: { 'retry-after': '7' } }, { kind: 'retry', reason: 'answered 503', afterMs: 7_000 }],
  ['429', { status: 429 }, { kind: 'retry', reason: 'answered 429' }],
  ['401, which an operator has to mend', { status: 401 }, { kind: 'retry', reason: 'answered 401' }],
  [
    'a redirect, which is not followed',
    { status: 307, headers: { location: 'https://169.254.169.254/' } },
    { kind: 'retry', reason: 'answered 307: redirects are not followed' },
  ],
  ['a Retry-After that is no number', { status: 503, headers: { 'retry-after': 'never' } }, { kind: 'retry', reason: 'answered 503' }],
  ['200 with an answer without end', { status: 200, body: Buffer.alloc(4 * 1024 * 1024) }, { kind: 'ok' }],
] as const) {
  test(`an answer of ${name}`, async () => {
    await using there = await receiver(() => answer)
    await using sink = await open(there.url, there.ca)
    assert.deepEqual(await sink.deliver([event(1, 'a')], signal), reason)
    assert.equal(there.asked.length, 1)
  })
}

test('a receiver that does not answer, has no certificate of the authority, or is not there, is tried later', async () => {
  await using there = await receiver(() => undefined)
  {
    await using sink = await open(there.url, there.ca, { timeoutSeconds: 1 })
    assert.deepEqual(await sink.deliver([event(1, 'a')], signal), { kind: 'retry', reason: 'no answer in 1000 ms' })
  }
  await using untrusting = await open(there.url, undefined)
  const refused = await untrusting.deliver([event(1, 'a')], signal)
  assert.equal(refused.kind, 'retry')
  assert.match(refused.kind === 'retry' ? refused.reason : '', /certificate/)
  await using nowhere = await open('https://localhost:1/', undefined)
  assert.equal((await nowhere.deliver([event(1, 'a')], signal)).kind, 'retry')
})

test('addresses of this machine and of private networks are not reached unless the operator allows the host by name', async () => {
  await using there = await receiver(() => ({ status: 200 }))
  const closed = ports({ mayReach: () => false })
  for (const host of ['localhost', '127.0.0.1', '[::1]', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', '169.254.169.254', '10.0.0.1']) {
    await using sink = await open(there.url.replace('localhost', host), there.ca, {}, closed)
    const outcome = await sink.deliver([event(1, 'a')], signal)
    assert.match(outcome.kind === 'retry' ? outcome.reason : outcome.kind, /private or of this machine/, host)
  }
  assert.equal(there.asked.length, 0)
})

test('settings that could carry a secret, a header or another scheme are refused', () => {
  for (const bad of [
    { url: 'http://hook.example/', signingSecret: 'key' },
    { url: 'https://user:word@hook.example/', signingSecret: 'key' },
    { url: 'https://hook.example/?token=1', signingSecret: 'key' },
    { url: 'https://hook.example/', signingSecret: '../../hub.db' },
    { url: 'https://hook.example/', signingSecret: 'key', keyId: 'a\r\nx-evil: 1' },
    { url: 'https://hook.example/', signingSecret: 'key', headers: { host: 'x' } },
    { url: 'https://hook.example/' },
  ]) {
    const parsed = parseWebhook(bad)
    assert.equal(!parsed.ok && parsed.error.code, 'egress/endpoint-malformed', JSON.stringify(bad))
  }
})
