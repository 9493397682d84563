import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret, instant } from '#base'
import { type WebhookAnswer, askTwiceAtMost, connectRequest, judgeAnswer, webhookUrl } from './webhook.ts'

const now = instant(Date.UTC(2026, 0, 1))
const json = (status: number, body: unknown, contentType = 'application/json'): WebhookAnswer => ({
  status,
  contentType,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
})
const said = (answer: WebhookAnswer) => {
  const verdict = judgeAnswer(answer, now)
  return verdict.kind === 'deny' ? `deny ${verdict.reasonCode.toString(16)}` : verdict.kind
}

const cases: readonly (readonly [string, WebhookAnswer, string])[] = [
  ['200 with everything', json(200, { expiry: '2030-05-08T20:04:16+00:00', attributes: { group: 'group1' } }), 'accept'],
  ['200 with nothing', json(200, {}), 'accept'],
  ['200 with nulls, as some serializers write absence', json(200, { expiry: null, attributes: null }), 'accept'],
  ['200 with a charset', json(200, {}, 'Application/JSON; charset=utf-8'), 'accept'],
  ['200 without a body', json(200, ''), 'unavailable'],
  ['200 of another type', json(200, {}, 'text/html'), 'unavailable'],
  ['200 with a list', json(200, []), 'unavailable'],
  ['200 that is not UTF-8', { status: 200, contentType: 'application/json', body: Buffer.from([0x22, 0xff, 0x22]) }, 'unavailable'],
  ['200 with __proto__', json(200, '{"__proto__":{"attributes":{}}}'), 'unavailable'],
  ['200 nested without end', json(200, '['.repeat(30_000)), 'unavailable'],
  ['200 with an expiry that is none', json(200, { expiry: 'tomorrow' }), 'unavailable'],
  ['200 with an expiry without zone', json(200, { expiry: '2030-05-08T20:04:16' }), 'unavailable'],
  ['200 with the 31st of February', json(200, { expiry: '2030-02-31T00:00:00Z' }), 'unavailable'],
  ['200 with a number for expiry', json(200, { expiry: 1_900_000_000 }), 'unavailable'],
  ['200 with an expiry in the past', json(200, { expiry: '2025-12-31T23:59:59Z' }), 'deny 87'],
  ['200 with attributes that are no text', json(200, { attributes: { level: 3 } }), 'deny 87'],
  ['200 with attributes in a list', json(200, { attributes: ['a'] }), 'deny 87'],
  [
    '200 with too many attributes',
    json(200, { attributes: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`a${at}`, ''])) }),
    'deny 87',
  ],
  ['403 with a reason', json(403, { reason: 134, message: 'wrong password' }), 'deny 86'],
  ['403 with a reason that no CONNACK has', json(403, { reason: 0x93 }), 'deny 87'],
  ['403 with success as reason', json(403, { reason: 0 }), 'deny 87'],
  ['403 with Protocol Error as reason', json(403, { reason: 0x82 }), 'deny 87'],
  ['403 without a reason', json(403, { message: 'no' }), 'unavailable'],
  ['403 with a reason that is no byte', json(403, { reason: 1e9 }), 'unavailable'],
  ['403 as text', json(403, 'no', 'text/plain'), 'unavailable'],
  ['400', json(400, 'what?', 'text/plain'), 'unavailable'],
  ['405', json(405, 'POST it', 'text/plain'), 'unavailable'],
  ['500', json(500, {}), 'unavailable'],
  ['201, which looks like success', json(201, {}), 'unavailable'],
  ['204', json(204, ''), 'unavailable'],
  ['302 to where anybody accepts', json(302, {}), 'unavailable'],
  ['422 with our version', json(422, { supportedVersions: ['0.5.0'] }), 'other-version'],
  ['422 with other versions', json(422, { supportedVersions: ['1.0.0'] }), 'unavailable'],
  ['422 with nonsense', json(422, { supportedVersions: '0.5.0' }), 'unavailable'],
]
for (const [name, answer, expected] of cases)
  test(`webhook: ${name} -> ${expected} (edge.md 1.7)`, () => assert.equal(said(answer), expected))

test('what the webhook says is one line and bounded before it can reach a log', () => {
  const verdict = judgeAnswer(json(403, { reason: 135, message: `a\r\nb\u001b[2J${'x'.repeat(1_000)}` }), now)
  assert.ok(verdict.kind === 'deny' && verdict.why.length < 300)
  for (const one of ['\r', '\n', '\u001b']) assert.ok(!verdict.why.includes(one))
})

test('the request carries what the contract names, the password in base64, and nothing that was not sent', () => {
  const bare = {
    authenticationMethod: undefined,
    authenticationData: undefined,
    mqttVersion: 4,
    peerAddress: '192.0.2.1',
    clientId: 'c',
  } as const
  const full = connectRequest({
    ...bare,
    userName: 'user1',
    password: new Secret(Buffer.from('password')),
    certificates: [Buffer.from('der')],
  })
  assert.deepEqual(JSON.parse(full), {
    type: 'connect',
    username: 'user1',
    password: 'cGFzc3dvcmQ=',
    certs: '-----BEGIN CERTIFICATE-----\nZGVy\n-----END CERTIFICATE-----\n',
    clientId: 'c',
    peerAddress: '192.0.2.1',
  })
  const empty = connectRequest({ ...bare, userName: undefined, password: undefined, certificates: [] })
  assert.deepEqual(Object.keys(JSON.parse(empty)), ['type', 'clientId', 'peerAddress'])
})

test('the version stands behind the path, once', () => {
  assert.equal(webhookUrl(new URL('https://a.example')).href, 'https://a.example/?api-version=0.5.0')
  assert.equal(webhookUrl(new URL('https://a.example/mqtt')).href, 'https://a.example/mqtt/?api-version=0.5.0')
  assert.equal(webhookUrl(new URL('https://a.example/mqtt/')).href, 'https://a.example/mqtt/?api-version=0.5.0')
})

test('a webhook that always asks for another version is asked twice and no more', async () => {
  let asked = 0
  const verdict = await askTwiceAtMost(async () => {
    asked++
    return { kind: 'other-version' }
  })
  assert.equal(verdict.kind, 'unavailable')
  assert.equal(asked, 2)
})
