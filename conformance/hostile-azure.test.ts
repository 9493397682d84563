import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:https'
import { after, afterEach, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type TLSSocket, connect as connectTls } from 'node:tls'
import { SignJWT } from 'jose'
import rhea from 'rhea'
import { HubProcess, type TestDevice } from './hub.ts'
import { RawClient, connackOf, connectPacket } from './raw-client.ts'
import { TwinDevice } from './twin-device.ts'
import { until, within } from './until.ts'

/*
 * What a hostile device or back end may do to the doors for Azure's protocols (azure-wire 1 to 5): each is refused with the code that IoT Hub's clients know,
 * the same process serves on, and its memory stays bounded.
 */

/** Repeats a run by its seed. */
const seed = Number(process.env['THINGWALL_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const mib = 1024 * 1024
/** What the process may have gained after all of this: what is read at once, garbage, and the heap's room to grow. */
const mostGrownBytes = 160 * mib

let hub: HubProcess
let owner: string
let victim: TestDevice
let keyA: string
let pid = 0
let rssBefore = 0
const grown = new Map<string, number>()

before(async () => {
  const until_ = new Date(Date.now() + 86_400_000).toISOString()
  const settings = `broker: {deniedDelaySeconds: 0}
authentication: {sas: {allowedUntil: "${until_}"}}
services: {sharedAccessPolicies: {allowedUntil: "${until_}"}}
`
  hub = await HubProcess.open({ settings })
  pid = hub.pid
  victim = await hub.addDevice('victim')
  const policy = await hub.api('POST', '/api/v1/shared-access-policies', {
    name: 'owner',
    rights: ['RegistryWrite', 'ServiceConnect'],
    until: until_,
  })
  assert.equal(policy.status, 201, policy.text)
  owner = String(policy.json['primaryKey'])
  keyA = await addKeyed('keyed-a')
  await addKeyed('keyed-b')
  await pause(500)
  rssBefore = hub.rssBytes()
})
afterEach(async (t) => {
  assert.equal(hub.pid, pid)
  assert.equal((await hub.api('GET', '/healthz')).status, 200)
  grown.set(t.name.slice(0, 24), Math.round((hub.rssBytes() - rssBefore) / mib))
})
after(async () => {
  console.log(`  resident MB more than before, after each: ${JSON.stringify(Object.fromEntries(grown))}`)
  await hub[Symbol.asyncDispose]()
})

async function addKeyed(id: string): Promise<string> {
  const made = await hub.api('POST', '/api/v1/devices', { id, authentication: { type: 'sas' } })
  assert.equal(made.status, 201, made.text)
  const [, key = ''] = /SharedAccessKey=(.*)$/.exec(String(Object(made.json['connection']).connectionString)) ?? []
  return key
}

/** A shared access signature (azure-wire 1.2). `seconds` from now it ends. */
function signature(resource: string, key: string, policy?: string, seconds = 600): string {
  const sr = encodeURIComponent(resource)
  const se = Math.floor(Date.now() / 1000) + seconds
  const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(`${sr}\n${se}`).digest('base64')
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${se}${policy === undefined ? '' : `&skn=${policy}`}`
}

type Answer = { readonly status: number; readonly code: string; readonly text: string }

/** A request at the HTTPS listener, as its service SDKs make them. Status 0: the connection ended without an answer. */
function ask(method: string, path: string, body?: string, authorization = signature('localhost', owner, 'owner')): Promise<Answer> {
  return new Promise((resolve) => {
    const outgoing = request({
      host: '127.0.0.1',
      port: hub.ports.https,
      servername: 'localhost',
      ca: hub.rootPem,
      method,
      path: `${path}?api-version=2021-04-12`,
      agent: false,
      headers: { authorization, 'content-type': 'application/json; charset=utf-8' },
    })
    outgoing.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => (text += part))
      response.on('close', () => resolve({ status: response.statusCode ?? 0, code: String(response.headers['iothub-errorcode']), text }))
    })
    outgoing.on('error', () => resolve({ status: 0, code: '', text: '' }))
    outgoing.end(body)
  })
}

const query = (text: string) => ask('POST', '/devices/query', JSON.stringify({ query: text }))

const injections: readonly string[] = [
  "SELECT * FROM devices WHERE deviceId = ''; DROP TABLE devices; --",
  "SELECT * FROM devices WHERE deviceId = 'x' OR 1=1 --",
  "SELECT * FROM devices WHERE deviceId = 'x' UNION SELECT * FROM shared_keys",
  'SELECT * FROM sqlite_master',
  "SELECT * FROM devices WHERE deviceId = 'x' /* */ OR (SELECT 1)",
  "SELECT load_extension('x') FROM devices",
  "SELECT * FROM devices WHERE tags.['a'') OR 1=1 --'] = 1",
  "SELECT * FROM devices WHERE tags.[[\"'); DELETE FROM twins; --]] = 1; ATTACH DATABASE '/tmp/x' AS x",
  "SELECT * FROM devices WHERE REGEX_MATCH(deviceId, '(a+)+$')",
  "SELECT * FROM devices WHERE deviceId LIKE '%'",
  'SELECT * FROM devices WHERE \0 = 1',
  'SELECT * FROM devices; SELECT * FROM devices',
  'PRAGMA key',
  `SELECT * FROM devices WHERE ${'('.repeat(5_000)}1=1${')'.repeat(5_000)}`,
  `SELECT * FROM devices WHERE ${'NOT '.repeat(4_000)} 1=1`,
  `SELECT * FROM devices WHERE deviceId IN [${"'a',".repeat(2_000)}'a']`,
  `SELECT * FROM devices WHERE tags.${'a.'.repeat(2_000)}a = 1`,
  "SELECT * FROM devices WHERE deviceId = '\u0000\uFFFF' GARBAGE",
]

test('SQL in queries stays text: each of the corpus is refused as 400 or finds nothing, over REST and in jobs', async () => {
  const before_ = (await query('SELECT COUNT() AS n FROM devices')).text
  for (const text of injections) {
    const { status, code, text: said } = await query(text)
    assert.deepEqual([status, code], [400, 'ArgumentInvalid'], `${text.slice(0, 80)}: ${said.slice(0, 200)}`)
    assert.doesNotMatch(said, /sqlite|libsql|SQLITE|\bat .*\.ts/, text.slice(0, 80))
  }
  // What only looks like an attack is a text to compare with, or the name of a property.
  for (const name of ["x' OR '1'='1", '"; DROP TABLE twins; --', '__proto__', 'constructor', '%27']) {
    const { status, text } = await query(`SELECT * FROM devices WHERE deviceId = '${name.replaceAll("'", "''")}'`)
    assert.ok((status === 200 && text === '[]') || status === 400, `${name}: ${status} ${text}`)
    const named = await query(`SELECT tags.[[${name}]] AS a FROM devices WHERE tags.[[${name}]] = 1`)
    assert.ok((named.status === 200 && named.text === '[]') || named.status === 400, `${name}: ${named.status} ${named.text}`)
  }
  const job = {
    jobId: 'evil',
    type: 'scheduleUpdateTwin',
    queryCondition: "deviceId = ''; DROP TABLE devices",
    updateTwin: { tags: { a: 1 } },
  }
  assert.equal((await ask('PUT', '/jobs/v2/evil', JSON.stringify(job))).status, 400)
  assert.equal((await query('SELECT COUNT() AS n FROM devices')).text, before_)
})

test('deep JSON, __proto__ and oversized twins are refused by their codes, and what stood in the twin stays', async () => {
  using device = Object.assign(new TwinDevice(victim), { [Symbol.dispose]: () => device.cut() })
  await device.connect(hub)
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
  const big = JSON.stringify(Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`p${at}`, 'x'.repeat(1_000)])))
  const hostile: readonly (readonly [name: string, patch: string, status: number])[] = [
    ['ten thousand levels', deep(10_000), 400],
    ['eleven levels below the first', deep(12), 400],
    ['__proto__', '{"__proto__":{"admin":true}}', 400],
    ['__proto__ within', '{"a":{"__proto__":{"admin":true}}}', 400],
    ['no object', '[1,2]', 400],
    ['no JSON', '{"a":', 400],
    ['a text that is too long', JSON.stringify({ a: 'x'.repeat(5_000) }), 400],
    ['more than 32 KB', big, 413],
    ['a dollar', '{"$other":7}', 400],
    ['a control character in a name', '{"a\\u0001":1}', 400],
    ['a number that is none', '{"a":1e999}', 400],
  ]
  assert.equal((await device.reported('{"good":1}')).status, 204)
  const first = (await device.get()).body
  for (const [name, patch, status] of hostile) {
    const { status: said, body } = await device.reported(patch)
    assert.equal(said, status, `reported, ${name}: ${body}`)
    const { errorCode } = JSON.parse(body)
    assert.equal(Math.floor(errorCode / 1_000), status, `reported, ${name}: ${body}`)
    const desired = await ask('PATCH', '/twins/victim', `{"properties":{"desired":${patch}}}`)
    assert.ok(desired.status === status || desired.status === 400, `desired, ${name}: ${desired.status} ${desired.text}`)
    const tags = await ask('PATCH', '/twins/victim', `{"tags":${patch}}`)
    assert.ok(tags.status === status || tags.status === 400, `tags, ${name}: ${tags.status} ${tags.text}`)
  }
  assert.equal((await device.get()).body, first)
  assert.equal(Object(JSON.parse((await device.get()).body)).admin, undefined)
})

/** A TLS connection to one of the hub's doors. */
async function dial(port: number, change: { readonly cert?: string; readonly key?: string } = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ca: hub.rootPem, ...change })
  socket.on('error', () => undefined)
  await within('TLS handshake', 10_000, once(socket, 'secureConnect'))
  return socket
}

/** What a peer says after these bytes, until it ends or two seconds are over. */
async function saidAfter(port: number, bytes: readonly (Buffer | string)[]): Promise<string> {
  using socket = Object.assign(await dial(port), { [Symbol.dispose]: () => void socket.destroy() })
  let said = ''
  socket.setEncoding('latin1').on('data', (text: string) => (said += text))
  const closed = once(socket, 'close').catch(() => undefined)
  for (const one of bytes) socket.write(one)
  await Promise.race([closed, pause(2_000, undefined, { ref: false })])
  return said
}

test('headers of a megabyte, thousands of headers and bodies beyond all limits are cut off (CVE-2018-12121)', async () => {
  for (const port of [hub.ports.https, hub.ports.console]) {
    const long = await saidAfter(port, [`GET /devices/victim HTTP/1.1\r\nhost: localhost\r\nauthorization: ${'x'.repeat(mib)}\r\n\r\n`])
    assert.match(long, port === hub.ports.https ? /^(HTTP\/1\.1 431 |$)/ : /^(HTTP\/1\.1 4\d\d |$)/)
    const many = Array.from({ length: 20_000 }, (_, at) => `x${at}: y\r\n`).join('')
    assert.match(await saidAfter(port, [`GET /devices/victim HTTP/1.1\r\nhost: localhost\r\n${many}\r\n`]), /^(HTTP\/1\.1 4\d\d |$)/)
    assert.match(await saidAfter(port, [`GET /${'a'.repeat(mib)} HTTP/1.1\r\nhost: localhost\r\n\r\n`]), /^(HTTP\/1\.1 4\d\d |$)/)
  }
  const huge = await ask('POST', '/devices/query', `{"query":"${'x'.repeat(24 * mib)}"}`)
  assert.ok([0, 400, 413].includes(huge.status), `${huge.status} ${huge.text.slice(0, 200)}`)
})

test(`garbage at the AMQP listener ends that connection alone [seed ${seed}]`, async () => {
  let state = seed >>> 0 || 1
  const random = (below: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
  const bytes = (count: number) => Buffer.from(Array.from({ length: count }, () => random(256)))
  const headers = [Buffer.from('AMQP\0\x01\0\0', 'latin1'), Buffer.from('AMQP\x03\x01\0\0', 'latin1'), Buffer.alloc(0)]
  const sockets: TLSSocket[] = []
  for (let round = 0; round < 60; round++) {
    const socket = await dial(hub.ports.amqp)
    sockets.push(socket)
    socket.resume()
    socket.write(headers[round % headers.length] ?? '')
    const body = bytes(random(400))
    const frame = Buffer.concat([Buffer.alloc(4), Buffer.from([2, random(2), 0, 0]), body])
    frame.writeUInt32BE(round % 5 === 0 ? 0xff_ff_ff_ff : frame.length)
    socket.write(round % 2 === 0 ? frame : Buffer.concat([frame, bytes(2_000)]))
  }
  await until('most are cut off', 10_000, () => sockets.filter((socket) => socket.destroyed || socket.readableEnded).length > 30)
  for (const socket of sockets) socket.destroy()
})

test('a peer that asks and never reads is held back or cut off, over HTTPS and MQTT; one of AMQP that gives credit and reads nothing harms nobody', async () => {
  const rss = hub.rssBytes()
  // HTTPS: requests in a pipeline, answers that nobody takes.
  const pipeline = await dial(hub.ports.https)
  pipeline.pause()
  const get = `GET /twins/victim?api-version=2021-04-12 HTTP/1.1\r\nhost: localhost\r\nauthorization: ${signature('localhost', owner, 'owner')}\r\n\r\n`
  for (let at = 0; at < 40; at++) pipeline.write(get.repeat(250))
  // MQTT: the twin, again and again.
  using client = await RawClient.open(hub, 'mqtts', { cert: victim.cert, key: victim.key })
  client.send(connectPacket('victim'))
  assert.equal((await client.next())?.cmd, 'connack')
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$iothub/twin/res/#', qos: 0 }] })
  assert.equal((await client.next())?.cmd, 'suback')
  client.stopReading()
  for (let at = 0; at < 20_000; at++)
    client.send({ cmd: 'publish', topic: `$iothub/twin/GET/?$rid=${at}`, payload: '', qos: 0, dup: false, retain: false })
  // AMQP: credit for far more than it reads. Its queue is empty: floods by AMQP are tried in the gateway's own tests.
  const reader = rhea.create_container().connect({
    host: '127.0.0.1',
    port: hub.ports.amqp,
    transport: 'tls',
    servername: 'localhost',
    ca: hub.rootPem,
    username: 'owner@sas.root.localhost',
    password: signature('localhost', owner, 'owner'),
    reconnect: false,
  })
  reader.on('error', () => undefined)
  reader.on('disconnected', () => undefined)
  await within('AMQP opens', 10_000, once(reader, 'connection_open'))
  reader.open_receiver({ source: '/messages/serviceBound/feedback', credit_window: 0 }).add_credit(2_000)
  Object(reader).socket?.pause()
  await pause(2_000)
  assert.equal((await query('SELECT COUNT() AS n FROM devices')).status, 200, 'others are served meanwhile')
  assert.ok(hub.rssBytes() - rss < 96 * mib, `${Math.round((hub.rssBytes() - rss) / mib)} MB more for three peers that do not read`)
  pipeline.destroy()
  Object(reader).socket?.resume()
  const closed = once(reader, 'connection_close')
  reader.close()
  await Promise.race([closed, pause(2_000)])
  Object(reader).socket?.destroy()
  // It would keep its connection alive for ever.
  clearTimeout(Object(reader).heartbeat_out)
})

test('tokens that are expired, for somebody or something else, or signed by nobody are refused as 401002 or 401003', async () => {
  const resource = (device: string) => `localhost/devices/${device}`
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwt = (issuer: string, audience: string) =>
    new SignJWT()
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(issuer)
      .setSubject(issuer)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey)
  const bad: readonly (readonly [string, string])[] = [
    ['an expired signature of the policy', signature('localhost', owner, 'owner', -60)],
    ['a wrong audience', signature('other.example', owner, 'owner')],
    ['a longer name that begins as ours', signature('localhost.evil.example', owner, 'owner')],
    ['a wrong key', signature('localhost', Buffer.alloc(32, 7).toString('base64'), 'owner')],
    ['an unknown policy', signature('localhost', owner, 'nobody')],
    ['a token of a device', signature(resource('keyed-a'), keyA)],
    ['a token of a device that claims the policy', signature('localhost', keyA, 'owner')],
    ['a service that signs for itself and is not known', `Bearer ${await jwt('urn:thingwall:service:nobody', 'localhost')}`],
    ['no token', ''],
    ['a token that ends in the year 10000', signature('localhost', owner, 'owner').replace(/se=\d+/, 'se=253402300800')],
    ['a monstrous token', `SharedAccessSignature sr=${'a'.repeat(8_000)}&sig=x&se=1`],
  ]
  for (const [name, token] of bad) {
    const { status, code, text } = await ask('GET', '/devices/victim', undefined, token)
    assert.equal(status, 401, `${name}: ${status} ${text}`)
    assert.match(code, /^IotHubUnauthorized(Access)?$/, name)
    assert.doesNotMatch(text, new RegExp('[A-Za-z0-9+/]{40,}='), `${name}: no key in the answer`)
  }
  const events = (device: string, token: string) => ask('POST', `/devices/${device}/messages/events`, 'x', token)
  assert.equal((await events('keyed-a', signature(resource('keyed-a'), keyA))).status, 204)
  const replays: readonly (readonly [name: string, device: string, token: string])[] = [
    ['replayed on another device', 'keyed-b', signature(resource('keyed-a'), keyA)],
    ['signed for another device with its own key', 'keyed-b', signature(resource('keyed-b'), keyA)],
    ['expired', 'keyed-a', signature(resource('keyed-a'), keyA, undefined, -60)],
    ['for another hub', 'keyed-a', signature('other.example/devices/keyed-a', keyA)],
    ['for a prefix of its name', 'keyed-a', signature(resource('keyed-'), keyA)],
    ['for a module of it', 'keyed-a', signature(`${resource('keyed-a')}/modules/m`, keyA)],
    ['of a back end that may not act as devices', 'keyed-a', signature('localhost', owner, 'owner')],
  ]
  for (const [name, device, token] of replays) {
    const { status, code, text } = await events(device, token)
    assert.equal(status, 401, `${name}: ${status} ${text}`)
    assert.match(code, /^IotHubUnauthorized(Access)?$/, name)
    const username = `localhost/${device}/?api-version=2021-04-12`
    const packet = connectPacket(device, { username, password: Buffer.from(token) })
    assert.equal(await connackOf(hub, 'mqtts', {}, packet), 5, name)
  }
})

test('after all of this the process holds little more than before', async () => {
  await pause(1_000)
  const more = hub.rssBytes() - rssBefore
  assert.ok(more < mostGrownBytes, `${Math.round(more / mib)} MB more`)
  assert.equal(hub.output.match(/Error: |unhandled/gi), null)
})
