import assert from 'node:assert/strict'
import { type KeyObject, createHmac, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { type JWTPayload, SignJWT } from 'jose'
import { type Instant, Secret, instant } from '#base'
import { FakeClock } from '../../../test/fake-clock.ts'
import type { Credentials } from '../authenticate.ts'
import { Breaker } from './breaker.ts'
import { KeySet, keySetLimits, parseKeySet } from './key-set.ts'
import { tokenMethod } from './token-method.ts'
import { reviewToken } from './token-review.ts'
import { verifyToken } from './token.ts'

const start = Date.UTC(2026, 0, 1)
const seconds = start / 1000
const issuer = 'https://kubernetes.default.svc'
const sub = 'system:serviceaccount:plant:mqtt-client'
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const jwk = (key: KeyObject, kid: string, more: Record<string, unknown> = {}) => ({ ...key.export({ format: 'jwk' }), kid, ...more })
const keySet = JSON.stringify({ keys: [jwk(ec.publicKey, 'ec'), jwk(rsa.publicKey, 'rsa', { alg: 'RS256', use: 'sig' })] })
const claims = { iss: issuer, sub, aud: ['aio-internal'], iat: seconds, nbf: seconds, exp: seconds + 3600, jti: 'j1' }

function token(
  payload: JWTPayload = {},
  options: { readonly header?: Record<string, unknown>; readonly key?: KeyObject; readonly drop?: string } = {},
) {
  const all: Record<string, unknown> = { ...claims, ...payload }
  if (options.drop !== undefined) delete all[options.drop]
  return new SignJWT(all).setProtectedHeader({ alg: 'ES256', kid: 'ec', ...options.header }).sign(options.key ?? ec.privateKey)
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
/** A token that no honest library would make. */
function forged(header: Record<string, unknown>, signature: (signed: string) => string): string {
  const signed = `${base64(header)}.${base64(claims)}`
  return `${signed}.${signature(signed)}`
}

const credentials: Credentials = {
  clientId: 'c1',
  userName: undefined,
  password: undefined,
  authenticationMethod: 'K8S-SAT',
  authenticationData: undefined,
  mqttVersion: 5,
  peerAddress: '192.0.2.1',
  certificates: [],
}

function scene(read: () => Promise<string | undefined> = async () => keySet, clock = new FakeClock(start)) {
  const keys = new KeySet(read, clock)
  const rules = { issuer, audiences: ['aio-internal', 'plant-mqtt'] }
  const accounts = new Map([[sub, new Map([['group', 'authz-sat']])]])
  const method = tokenMethod((text, now) => verifyToken(text, rules, keys, now), accounts)
  const verify = async (text: string, now: Instant = clock.now()) => {
    const outcome = await method.verify({ ...credentials, authenticationData: new Secret(Buffer.from(text)) }, now)
    return outcome.kind === 'valid' ? outcome.principal.subject.username : outcome.refused.code
  }
  return { clock, keys, method, verify }
}

test('a token of the issuer makes its subject the name, annotations its attributes, and exp its end (edge.md 1.8)', async () => {
  const { method } = scene()
  const outcome = await method.verify({ ...credentials, authenticationData: new Secret(Buffer.from(await token())) }, instant(start))
  assert.ok(outcome.kind === 'valid')
  const { principal } = outcome
  assert.equal(principal.device, `sat:${sub}`)
  assert.equal(principal.subject.attributes['group'], 'authz-sat')
  assert.equal(principal.expiresAt, (seconds + 3600) * 1000)
  assert.equal(principal.authentication.type, 'sat')
})

const good: readonly (readonly [string, () => Promise<string>])[] = [
  ['ES256', () => token()],
  ['RS256', () => token({}, { header: { alg: 'RS256', kid: 'rsa' }, key: rsa.privateKey })],
  ['one audience of ours among others', () => token({ aud: ['x', 'plant-mqtt'] })],
  ['an audience that is no list', () => token({ aud: 'aio-internal' })],
  ['typ JWT', () => token({}, { header: { typ: 'JWT' } })],
  ['a clock 50 seconds ahead', () => token({ nbf: seconds + 50, iat: seconds + 50 })],
  ['expired 50 seconds ago', () => token({ exp: seconds - 50 })],
]
for (const [name, make] of good) test(`a token is taken: ${name}`, async () => assert.equal(await scene().verify(await make()), sub))

const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' })
const bad: readonly (readonly [string, () => Promise<string> | string, string])[] = [
  ['alg none', () => forged({ alg: 'none', kid: 'ec' }, () => ''), 'access/token-malformed'],
  ['alg none with something behind the dot', () => forged({ alg: 'none', kid: 'ec' }, () => 'AAAA'), 'access/token-algorithm'],
  ['alg nOnE', () => forged({ alg: 'nOnE', kid: 'ec' }, () => 'AAAA'), 'access/token-algorithm'],
  [
    'HS256 with the public key as its secret',
    () => forged({ alg: 'HS256', kid: 'rsa' }, (signed) => createHmac('sha256', publicPem).update(signed).digest('base64url')),
    'access/token-algorithm',
  ],
  ['RS256 in the header and an EC key', () => forged({ alg: 'RS256', kid: 'ec' }, () => 'AAAA'), 'access/token-algorithm'],
  [
    'a signature of zeros (CVE-2022-21449)',
    () => forged({ alg: 'ES256', kid: 'ec' }, () => Buffer.alloc(64).toString('base64url')),
    'access/token-refused',
  ],
  ['the key of a stranger', () => token({}, { key: stranger.privateKey }), 'access/token-refused'],
  ['a kid that nobody has', () => token({}, { header: { kid: 'nobody' } }), 'access/token-key-unknown'],
  ['a kid that is a path', () => token({}, { header: { kid: '../../etc/passwd' } }), 'access/token-key-unknown'],
  ['a kid that is __proto__', () => token({}, { header: { kid: '__proto__' } }), 'access/token-key-unknown'],
  ['no kid', () => token({}, { header: { kid: undefined } }), 'access/token-key-unknown'],
  [
    'a key of its own in the header',
    () => token({}, { header: { kid: 'mine', jwk: jwk(stranger.publicKey, 'mine') }, key: stranger.privateKey }),
    'access/token-key-unknown',
  ],
  [
    'a URL of keys in the header',
    () => token({}, { header: { jku: 'https://evil.example/keys' }, key: stranger.privateKey }),
    'access/token-refused',
  ],
  ['a critical header', () => forged({ alg: 'ES256', kid: 'ec', crit: ['b64'], b64: false }, () => 'AAAA'), 'access/token-malformed'],
  ['typ of another purpose', () => token({}, { header: { typ: 'at+jwt' } }), 'access/token-malformed'],
  ['another audience', () => token({ aud: ['api'] }), 'access/token-refused'],
  ['no audience', () => token({}, { drop: 'aud' }), 'access/token-refused'],
  ['another issuer', () => token({ iss: `${issuer}/` }), 'access/token-refused'],
  ['no issuer', () => token({}, { drop: 'iss' }), 'access/token-refused'],
  ['no subject', () => token({}, { drop: 'sub' }), 'access/token-refused'],
  ['an empty subject', () => token({ sub: '' }), 'access/token-refused'],
  ['a subject with a line feed', () => token({ sub: 'a\nb' }), 'access/username-unusable'],
  ['no end', () => token({}, { drop: 'exp' }), 'access/token-refused'],
  ['expired 61 seconds ago', () => token({ exp: seconds - 61 }), 'access/token-expired'],
  ['valid in two minutes', () => token({ nbf: seconds + 120 }), 'access/token-refused'],
  ['issued in the future', () => token({ iat: seconds + 120 }), 'access/token-refused'],
  ['a changed claim', async () => (await token()).replace(/\.[^.]+\./, `.${base64({ ...claims, sub: 'admin' })}.`), 'access/token-refused'],
  ['too long', () => `${'a'.repeat(9_000)}.b.c`, 'access/token-malformed'],
  ['five parts, as encrypted ones have', () => 'aa.bb.cc.dd.ee', 'access/token-malformed'],
  ['no text', () => '\u0000\ufffd', 'access/token-malformed'],
]
for (const [name, make, code] of bad)
  test(`a token is refused: ${name} -> ${code}`, async () => assert.equal(await scene().verify(await make()), code))

test('a token without data, or in MQTT 3.1.1, is none', async () => {
  const { method } = scene()
  const outcome = await method.verify(credentials, instant(start))
  assert.ok(outcome.kind === 'invalid' && outcome.refused.code === 'access/token-missing')
  assert.ok(!method.isRelevant({ ...credentials, mqttVersion: 4 }))
  assert.ok(!method.isRelevant({ ...credentials, authenticationMethod: 'k8s-sat' }))
})

test('an unknown kid has the keys read again, once, and not more often than every 30 seconds', async () => {
  let reads = 0
  let text = keySet
  const { clock, verify } = scene(async () => {
    reads++
    return text
  })
  await verify(await token())
  assert.equal(reads, 1)
  clock.advance(keySetLimits.rereadMs)
  const unknown = await token({}, { header: { kid: 'new' }, key: stranger.privateKey })
  await Promise.all(Array.from({ length: 100 }, () => verify(unknown)))
  assert.equal(reads, 2)
  text = JSON.stringify({ keys: [jwk(stranger.publicKey, 'new')] })
  assert.equal(await verify(unknown), 'access/token-key-unknown')
  clock.advance(keySetLimits.rereadMs)
  assert.equal(await verify(unknown), sub)
  assert.equal(reads, 3)
})

test('keys that cannot be read deny; those that were read serve on for a day, and no longer', async () => {
  let works = false
  const { clock, verify } = scene(async () => (works ? keySet : undefined))
  const lasting = await token({ exp: seconds + 10 * 86_400 })
  assert.equal(await verify(lasting), 'access/token-keys-unavailable')
  works = true
  clock.advance(1_000)
  assert.equal(await verify(lasting), sub)
  works = false
  clock.advance(keySetLimits.stalestMs)
  assert.equal(await verify(lasting), sub)
  clock.advance(1_000)
  assert.equal(await verify(lasting), 'access/token-keys-unavailable')
})

test('who authenticates again while the keys cannot be read may try later; a bad token may not', async () => {
  const { method, clock } = scene()
  const outcome = await method.verify({ ...credentials, authenticationData: new Secret(Buffer.from(await token())) }, instant(start))
  assert.ok(outcome.kind === 'valid')
  const longer = await token({ exp: seconds + 7_200 })
  const again = await method.reauthenticate?.(outcome.principal, 'K8S-SAT', Buffer.from(longer), clock.now())
  assert.ok(again?.kind === 'valid')
  assert.equal(again.principal.expiresAt, (seconds + 7_200) * 1000)
  const dead = scene(async () => undefined)
  const later = await dead.method.reauthenticate?.(outcome.principal, 'K8S-SAT', Buffer.from(longer), clock.now())
  assert.equal(later?.kind, 'unavailable')
  const expired = await method.reauthenticate?.(outcome.principal, 'K8S-SAT', Buffer.from(await token({ exp: seconds - 999 })), clock.now())
  assert.equal(expired?.kind, 'invalid')
})

const sets: readonly (readonly [string, string])[] = [
  ['no JSON', 'keys'],
  ['no list', '{"keys":{}}'],
  ['no keys', '{"keys":[]}'],
  ['a private key', JSON.stringify({ keys: [jwk(ec.privateKey, 'a'), jwk(ec.publicKey, 'b')] })],
  ['a secret key', JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA', kid: 'a' }, jwk(ec.publicKey, 'b')] })],
  ['a kid twice', JSON.stringify({ keys: [jwk(ec.publicKey, 'a'), jwk(rsa.publicKey, 'a')] })],
  ['a weak key alone', JSON.stringify({ keys: [jwk(weak.publicKey, 'a')] })],
  ['a curve that is not ours', JSON.stringify({ keys: [jwk(p384.publicKey, 'a')] })],
  ['a key for encryption', JSON.stringify({ keys: [jwk(ec.publicKey, 'a', { use: 'enc' })] })],
  ['a key for another algorithm', JSON.stringify({ keys: [jwk(rsa.publicKey, 'a', { alg: 'PS256' })] })],
  ['a point off the curve', JSON.stringify({ keys: [{ kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA', kid: 'a' }] })],
  ['too many', JSON.stringify({ keys: Array.from({ length: 101 }, (_, at) => jwk(ec.publicKey, `k${at}`)) })],
]
for (const [what, text] of sets)
  test(`a key set is refused: ${what}`, () => {
    const parsed = parseKeySet(text)
    assert.equal(parsed.ok ? '' : parsed.error.code.split('/')[1], text === 'keys' ? 'malformed' : 'key-set-malformed')
  })

/** What a Kubernetes API answers to a TokenReview. */
function review(status: number, body: unknown) {
  const asked: unknown[] = []
  const ask = async (question: { readonly headers: ReadonlyMap<string, string>; readonly body?: string }) => {
    asked.push(question.headers.get('authorization'), JSON.parse(question.body ?? ''))
    return { status, contentType: 'application/json', body: Buffer.from(JSON.stringify(body)) }
  }
  const ports = { ask, breaker: new Breaker(new FakeClock()), url: new URL('https://k8s.example/x'), bearer: async () => 'ours' }
  const verdict = async (text: string) => {
    const said = await reviewToken(text, ['aio-internal'], ports)
    return said.ok ? said.value.subject : said.error.code
  }
  return { asked, verdict }
}

test('a token is reviewed by the Kubernetes API, with its contract (edge.md 1.8)', async () => {
  const text = await token()
  const { asked, verdict } = review(201, { status: { authenticated: true, user: { username: sub }, audiences: ['aio-internal'] } })
  assert.equal(await verdict(text), sub)
  assert.deepEqual(asked, [
    'Bearer ours',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: text, audiences: ['aio-internal'] } },
  ])
})

const reviews: readonly (readonly [string, number, unknown, string])[] = [
  ['not authenticated', 201, { status: { authenticated: false } }, 'access/token-refused'],
  [
    'authenticated as text',
    201,
    { status: { authenticated: 'true', user: { username: sub }, audiences: ['aio-internal'] } },
    'access/token-refused',
  ],
  ['no audiences', 201, { status: { authenticated: true, user: { username: sub }, audiences: [] } }, 'access/token-refused'],
  ['audiences left out', 201, { status: { authenticated: true, user: { username: sub } } }, 'access/token-refused'],
  ['other audiences', 201, { status: { authenticated: true, user: { username: sub }, audiences: ['api'] } }, 'access/token-refused'],
  [
    'a user that is no service account',
    201,
    { status: { authenticated: true, user: { username: 'admin' }, audiences: ['aio-internal'] } },
    'access/token-refused',
  ],
  ['no status', 201, {}, 'access/token-review-unavailable'],
  ['an error', 500, {}, 'access/token-review-unavailable'],
  ['not allowed to review', 403, {}, 'access/token-review-unavailable'],
]
for (const [what, status, body, code] of reviews)
  test(`a review denies: ${what} -> ${code}`, async () => assert.equal(await review(status, body).verdict(await token()), code))
