import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { test } from 'node:test'
import { Secret, instant } from '#base'
import { encodePem, oids } from '#wire/x509'
import { FakeClock } from '../../../test/fake-clock.ts'
import { type Party, make } from '../../../test/throwaway-ca.ts'
import type { Credentials } from '../authenticate.ts'
import { Breaker } from './breaker.ts'
import { customMethod } from './custom-method.ts'
import { openHttpsClient } from './https-client.io.ts'

const now = Date.now()
const valid = { notBefore: instant(now - 60_000), notAfter: instant(now + 3_600_000) }
const authority = make({ name: 'webhook CA', ca: { pathLength: 0 }, ...valid })
const server = make({ name: 'localhost', by: authority, extendedKeyUsage: [oids.serverAuth], ...valid })
const other = make({ name: 'localhost', extendedKeyUsage: [oids.serverAuth], ...valid })
const ourselves = make({ name: 'thingwall hub', by: authority, ...valid })
const certificate = ({ der }: Party) => encodePem('CERTIFICATE', der)
const key = (party: Party) => party.key.export({ type: 'pkcs8', format: 'pem' })

const credentials: Credentials = {
  clientId: 'c1',
  userName: 'alice',
  password: new Secret(Buffer.from('secret')),
  authenticationMethod: undefined,
  authenticationData: undefined,
  mqttVersion: 5,
  peerAddress: '192.0.2.1',
  certificates: [],
}

/** A webhook on a real socket, and the method that asks it. */
async function scene(
  answer: RequestListener,
  options: { readonly party?: Party; readonly wantsClient?: boolean; readonly host?: string; readonly timeoutMs?: number } = {},
) {
  const { party = server, wantsClient = false, host = 'localhost', timeoutMs = 5_000 } = options
  const listening = createServer(
    { key: key(party), cert: certificate(party), ca: certificate(authority), requestCert: wantsClient, rejectUnauthorized: wantsClient },
    answer,
  )
  await new Promise<void>((resolve) => listening.listen(0, 'localhost', resolve))
  const address = listening.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const client = openHttpsClient({
    caPem: certificate(authority),
    client: { certificatePem: certificate(ourselves), keyPem: new Secret(Buffer.from(key(ourselves))) },
    timeoutMs,
    answerBytes: 64 * 1024,
    sockets: 4,
  })
  const clock = new FakeClock(now)
  const method = customMethod(
    {
      method: 'Custom',
      endpoint: new URL(`https://${host}:${port}/mqtt`),
      caCertConfigMap: 'x',
      clientSecret: undefined,
      headers: new Map([['x-plant', '7']]),
    },
    { ask: client.ask, breaker: new Breaker(clock), clock },
  )
  return {
    method,
    verify: async (given: Partial<Credentials> = {}) => method.verify({ ...credentials, ...given }, clock.now()),
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]()
      listening.closeAllConnections()
      await new Promise((resolve) => listening.close(resolve))
    },
  }
}

const reply =
  (status: number, body: string, type = 'application/json'): RequestListener =>
  (request, response) => {
    request.resume()
    response.writeHead(status, { 'content-type': type }).end(body)
  }

test('a webhook accepts: its request is as the contract wants it, its answer becomes the principal (edge.md 1.7)', async () => {
  const seen: unknown[] = []
  await using hook = await scene((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      seen.push(request.method, request.url, request.headers['content-type'], request.headers['x-plant'], JSON.parse(body).password)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"expiry":"2099-01-01T00:00:00Z","attributes":{"group":"g1"}}')
    })
  })
  const outcome = await hook.verify()
  assert.ok(outcome.kind === 'valid')
  assert.deepEqual(seen, ['POST', '/mqtt/?api-version=0.5.0', 'application/json', '7', 'c2VjcmV0'])
  assert.equal(outcome.principal.device, 'custom:alice')
  assert.equal(outcome.principal.subject.attributes['group'], 'g1')
  assert.equal(outcome.principal.expiresAt, Date.UTC(2099, 0, 1))
})

test('a webhook denies with the code that it names', async () => {
  await using hook = await scene(reply(403, '{"reason":134,"message":"wrong password"}'))
  const outcome = await hook.verify()
  assert.ok(outcome.kind === 'invalid')
  assert.equal(outcome.refused.reasonCode, 134)
  assert.ok(!outcome.refused.message.includes('wrong password'), 'what it says is for the log alone')
})

const troubles: readonly (readonly [string, RequestListener])[] = [
  ['answers too late', () => {}],
  [
    'sends a byte now and then',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const timer = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(timer))
    },
  ],
  ['sends more than anybody reads', reply(200, `{"attributes":{"a":"${'x'.repeat(70_000)}"}}`)],
  [
    'claims more than it sends',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
      response.write('{}')
      setTimeout(() => response.destroy(), 20)
    },
  ],
  ['hangs up', (request) => request.destroy()],
  [
    'points elsewhere',
    (_request, response) =>
      void response.writeHead(302, { location: 'https://localhost:1/', 'content-type': 'application/json' }).end('{}'),
  ],
  [
    'compresses',
    (_request, response) =>
      void response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end('not gzip'),
  ],
  ['is of another type', reply(200, '{}', 'text/plain')],
  ['asks for our version again and again', reply(422, '{"supportedVersions":["0.5.0"]}')],
]
for (const [what, listener] of troubles)
  test(`a webhook that ${what} never accepts: the next method is asked`, async () => {
    await using hook = await scene(listener, { timeoutMs: 300 })
    assert.equal((await hook.verify()).kind, 'unavailable')
  })

test('a webhook with the certificate of a stranger gets no password', async () => {
  let asked = false
  await using hook = await scene(() => (asked = true), { party: other })
  assert.equal((await hook.verify()).kind, 'unavailable')
  assert.equal(asked, false)
})

test('a webhook with a good certificate for another name gets no password', async () => {
  let asked = false
  await using hook = await scene(() => (asked = true), { host: '127.0.0.1' })
  assert.equal((await hook.verify()).kind, 'unavailable')
  assert.equal(asked, false)
})

test('we show our client certificate where there is one', async () => {
  await using hook = await scene(reply(200, '{}'), { wantsClient: true })
  assert.equal((await hook.verify()).kind, 'valid')
})

test('without a user name the certificate that TLS has proven is the name, and without both nobody is asked', async () => {
  let asked = 0
  await using hook = await scene((request, response) => {
    asked++
    reply(200, '{}')(request, response)
  })
  const named = await hook.verify({ userName: undefined, certificates: [ourselves.der] })
  assert.ok(named.kind === 'valid')
  assert.match(named.principal.subject.username, /^certificate:[0-9a-f]{64}$/)
  assert.equal((await hook.verify({ userName: undefined })).kind, 'invalid')
  assert.equal(asked, 1)
})

test('authenticating again: the name stays whatever the client says, attributes and expiry are replaced (edge.md 1.9)', async () => {
  const bodies: unknown[] = []
  await using hook = await scene((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      bodies.push(JSON.parse(body))
      response.writeHead(200, { 'content-type': 'application/json' }).end(`{"attributes":{"turn":"${bodies.length}"}}`)
    })
  })
  const first = await hook.verify({ authenticationMethod: 'otp' })
  assert.ok(first.kind === 'valid')
  const again = await hook.method.reauthenticate?.(first.principal, 'otp', Buffer.from('123456'), instant(now))
  assert.ok(again?.kind === 'valid')
  assert.equal(again.principal.device, 'custom:alice')
  assert.equal(again.principal.subject.attributes['turn'], '2')
  assert.deepEqual(bodies[1], {
    type: 'auth',
    authenticationMethod: 'otp',
    authenticationData: 'MTIzNDU2',
    clientId: 'c1',
    username: 'alice',
  })
})
