import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Server, createServer } from 'node:http'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { type CryptoKey, FlattenedSign, type JWK, type JWSHeaderParameters, exportJWK, generateKeyPair } from 'jose'
import { systemGrant } from '#access'
import type { JsonFact } from '#journal'
import type { WebAnswer } from '#wire/web'
import { mayIssue, setUpPki, value } from '../../../test/throwaway-pki.ts'
import { openAcme } from './acme.ts'
import { networkLook } from './look.io.ts'
import { reachable } from './look.ts'
import { covers, readPatterns } from './names.ts'
import { type Proof, admit, operations } from './operation.ts'
import type { AcmePorts } from './ports.ts'
import { authorizationStates, authorizationTable, orderStates, orderTable } from './states.ts'

const run = promisify(execFile)
const mayAdminister = systemGrant('pki.administer', 'hub')

/** A web server that answers challenges with what `answers` holds, by token. */
async function webServer(answers: ReadonlyMap<string, string>): Promise<AsyncDisposable & { readonly port: number }> {
  const server: Server = createServer((request, response) => {
    response.end(answers.get(request.url?.split('/').at(-1) ?? '') ?? 'nothing')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) }
}

type Client = { readonly key: CryptoKey; readonly jwk: JWK; kid?: string }
type Json = Readonly<Record<string, unknown>>

async function setUp(networks: readonly string[] = ['127.0.0.0/8']) {
  const world = await setUpPki()
  const { pki, ground, at } = world
  const facts: JsonFact[] = []
  const answers = new Map<string, string>()
  const web = await webServer(answers)
  const ports: AcmePorts = {
    ...ground.ports,
    issue: (request) => pki.issueService(mayIssue, request),
    revoke: (serial, reason) => pki.revoke(mayIssue, { serial }, reason),
    certificate: (serial) => pki.recorded(mayIssue, serial),
    look: networkLook({ networks, resolvers: [], httpPort: web.port, tlsPort: 1 }),
    methods: ['http-01', 'tls-alpn-01'],
    hosts: ['hub.example'],
    tell: (fact) => void facts.push(fact),
  }
  const acme = await openAcme(ports)
  const base = 'https://hub.example/acme/'
  const ask = (method: string, path: string, body = '', type = 'application/jose+json', host = 'hub.example'): Promise<WebAnswer> =>
    acme.site.answer({
      method,
      path: path.replace('https://hub.example', ''),
      query: new URLSearchParams(),
      headers: { host, 'content-type': type },
      body: Buffer.from(body),
      peer: { address: '192.0.2.9', certificates: [] },
    })
  const nonce = async () => (await ask('HEAD', `${base}new-nonce`)).headers?.['replay-nonce'] ?? ''
  const client = async (): Promise<Client> => {
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    return { key: privateKey, jwk: await exportJWK(publicKey) }
  }
  const sign = async ({ key, jwk, kid }: Client, url: string, payload: unknown, more: JWSHeaderParameters = {}) => {
    const text = payload === '' ? '' : JSON.stringify(payload)
    const header = { alg: 'ES256', url, nonce: await nonce(), ...(kid === undefined ? { jwk } : { kid }), ...more }
    return JSON.stringify(await new FlattenedSign(Buffer.from(text)).setProtectedHeader(header).sign(key))
  }
  const post = async (who: Client, url: string, payload: unknown, more?: JWSHeaderParameters) =>
    ask('POST', url, await sign(who, url, payload, more))
  const bindingOf = async (who: Client, kid: string, mac: Uint8Array, url = `${base}new-account`) =>
    new FlattenedSign(Buffer.from(JSON.stringify(who.jwk))).setProtectedHeader({ alg: 'HS256', kid, url }).sign(mac)
  const register = async (name: string, names: readonly string[]) => {
    const made = value(await acme.accounts.add(mayAdminister, { name, names }))
    const mac = made.macKey.use((bytes) => Buffer.from(bytes))
    const who = await client()
    const answer = await post(who, `${base}new-account`, { externalAccountBinding: await bindingOf(who, made.record.id, mac) })
    assert.equal(answer.status, 201, String(answer.body))
    const bound: Client = { ...who, kid: answer.headers?.['location'] ?? '' }
    return { who: bound, id: made.record.id, mac }
  }
  const csr = async (names: string, ...more: readonly string[]) => {
    const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('k')]
    await run('openssl', [
      'req',
      '-new',
      ...fresh,
      '-subj',
      '/',
      '-addext',
      `subjectAltName=${names}`,
      ...more,
      '-outform',
      'DER',
      '-out',
      at('csr'),
    ])
    return { csr: (await readFile(at('csr'))).toString('base64url') }
  }
  /** Orders, proves by http-01, and gives the order's URL and what it is then. */
  const proven = async (who: Client, identifiers: readonly Json[], prove = true) => {
    const ordered = await post(who, `${base}new-order`, { identifiers })
    assert.equal(ordered.status, 201, String(ordered.body))
    const order = bodyOf(ordered)
    for (const url of listOf(order['authorizations'])) {
      const [challenge] = listOfJson(bodyOf(await post(who, url, ''))['challenges'])
      const token = String(challenge?.['token'])
      const thumbprint = (await acme.accounts.byId(who.kid?.split('/').at(-1) ?? ''))?.record.thumbprint
      if (prove) answers.set(token, `${token}.${thumbprint}\n`)
      await post(who, String(challenge?.['url']), {})
    }
    await acme.settled()
    return ordered.headers?.['location'] ?? ''
  }
  return {
    acme,
    pki,
    facts,
    base,
    ask,
    post,
    sign,
    client,
    register,
    bindingOf,
    csr,
    proven,
    async [Symbol.asyncDispose]() {
      await acme[Symbol.asyncDispose]()
      await web[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
    },
  }
}

const bodyOf = ({ body }: WebAnswer): Json => JSON.parse(String(body))
const listOf = (found: unknown): readonly string[] => (Array.isArray(found) ? found.map(String) : [])
const listOfJson = (found: unknown): readonly Json[] => (Array.isArray(found) ? found : [])
const said = (answer: WebAnswer): string => {
  const { type, detail } = bodyOf(answer)
  return type === undefined
    ? `${answer.status}`
    : `${answer.status} ${JSON.stringify(type).slice(1, -1).split(':').at(-1)} ${/\((pki\/[a-z0-9-]+)\)/.exec(String(detail))?.[1]}`
}
const local = { type: 'dns', value: 'localhost' }

test('every operation meets every proof, and what is not listed is denied (CVE-2026-30836)', () => {
  const proofs: readonly Proof[] = [
    { kind: 'none' },
    { kind: 'bad', error: { code: 'pki/acme-signature', message: 'No.' } },
    { kind: 'key' },
    { kind: 'account' },
    { kind: 'ended' },
  ]
  const row = (operation: (typeof operations)[number]) =>
    proofs.map((proof) => {
      const admitted = admit(operation, proof)
      return admitted.ok ? 'yes' : admitted.error.code.slice(9)
    })
  const account = ['not-signed', 'signature', 'key-form', 'yes', 'account-ended']
  const open = ['yes', 'yes', 'yes', 'yes', 'yes']
  const expected = new Map([
    ['directory', open],
    ['new-nonce', open],
    ['new-account', ['not-signed', 'signature', 'yes', 'key-form', 'account-ended']],
    ['revoke-cert', ['not-signed', 'signature', 'yes', 'yes', 'account-ended']],
  ])
  for (const operation of operations) assert.deepEqual(row(operation), expected.get(operation) ?? account, operation)
  const made: unknown = Object('new-authz')
  assert.throws(() => admit(made as 'order', { kind: 'account' }), /bug: unexpected/)
})

test('every message meets every state of orders and authorizations [RFC 8555 7.1.6]', () => {
  const rows = (table: Readonly<Record<string, Readonly<Record<string, string | undefined>>>>, states: readonly string[]) =>
    Object.entries(table).map(([message, by]) => [message, ...states.map((state) => by[state] ?? 'no')].join(' '))
  assert.deepEqual(rows(orderTable, orderStates), ['show go go go go go', 'finalize no go no no no', 'download no no no go no'])
  assert.deepEqual(rows(authorizationTable, authorizationStates), [
    'show go go go go go',
    'respond go as-is as-is no no',
    'deactivate go go no as-is no',
  ])
})

test('a policy of names covers hosts, what is below a domain, addresses and networks, and nothing beside', () => {
  const patterns = value(readPatterns(['*.plant.example', 'db.example', '10.1.0.0/16', '2001:db8::7']))
  const is = (type: 'dns' | 'ip', text: string) => covers(patterns, { type, value: text })
  for (const name of ['a.plant.example', 'a.b.plant.example', 'db.example']) assert.ok(is('dns', name), name)
  for (const name of ['plant.example', 'xplant.example', 'a.db.example', 'example', '.plant.example']) assert.ok(!is('dns', name), name)
  assert.ok(is('ip', '10.1.2.3') && is('ip', '2001:db8::7') && !is('ip', '10.2.0.1') && !is('ip', '2001:db8::8'))
  for (const wrong of [[], ['*'], ['*.'], ['a b'], ['*.*.example'], ['10.1.0.1/16'], ['']]) assert.ok(!readPatterns(wrong).ok, wrong.join())
})

test('looks connect neither to this machine nor to links, in no disguise, unless networks are named', () => {
  const standard = reachable([])
  for (const address of [
    '127.0.0.1',
    '::1',
    '::',
    '169.254.169.254',
    '0.0.0.0',
    '::ffff:127.0.0.1',
    'fe80::1',
    '224.0.0.1',
    '64:ff9b::7f00:1',
    'x',
  ])
    assert.ok(!standard(address), address)
  for (const address of ['10.1.2.3', '192.168.1.1', '198.51.100.7', '2001:db8::1', 'fd00::1']) assert.ok(standard(address), address)
  const plant = reachable(['10.1.0.0/16'])
  assert.ok(plant('10.1.2.3') && !plant('10.2.0.1') && !plant('198.51.100.7'))
})

test('a client registers, proves its name, gets the certificate of its order, and revokes it [RFC 8555 7]', async () => {
  await using world = await setUp()
  const { register, proven, post, base, csr, pki, facts } = world
  const { who } = await register('plant', ['localhost'])
  const order = await proven(who, [local])
  assert.equal(bodyOf(await post(who, order, ''))['status'], 'ready')
  const wanted = await csr('DNS:localhost')
  const done = bodyOf(await post(who, `${order}/finalize`, wanted))
  assert.equal(done['status'], 'valid')
  const pem = String((await post(who, String(done['certificate']), '')).body)
  const leaf = new X509Certificate(pem)
  assert.equal(leaf.subjectAltName, 'DNS:localhost')
  assert.ok(!leaf.ca)
  assert.equal(said(await post(who, `${order}/finalize`, wanted)), '403 orderNotReady pki/acme-not-ready')
  const stranger = await register('other', ['other.example'])
  const certificate = leaf.raw.toString('base64url')
  assert.equal(said(await post(stranger.who, `${base}revoke-cert`, { certificate })), '403 unauthorized pki/acme-not-yours')
  assert.equal(said(await post(who, `${base}revoke-cert`, { certificate, reason: 6 })), '400 badRevocationReason pki/acme-reason')
  assert.equal((await post(who, `${base}revoke-cert`, { certificate, reason: 1 })).status, 200)
  assert.ok(pki.isRevoked(leaf.serialNumber.toLowerCase()))
  assert.equal(said(await post(who, `${base}revoke-cert`, { certificate })), '400 alreadyRevoked pki/acme-already-revoked')
  const server = new X509Certificate(pki.serverCertificate().certificatePem).raw.toString('base64url')
  assert.equal(said(await post(who, `${base}revoke-cert`, { certificate: server })), '404 malformed pki/acme-not-found')
  assert.deepEqual(
    facts.filter(({ kind }) => kind.startsWith('acme-')).map(({ kind }) => kind),
    ['acme-account-changed', 'acme-account-changed', 'acme-name-proven', 'acme-issued', 'acme-account-changed', 'acme-account-changed'],
  )
})

test('names of others, unproven names, and requests that are not the order get nothing', async () => {
  await using world = await setUp()
  const { register, proven, post, base, csr } = world
  const { who } = await register('plant', ['localhost', '*.plant.example'])
  const ordered = async (...identifiers: readonly Json[]) => said(await post(who, `${base}new-order`, { identifiers }))
  assert.equal(await ordered({ type: 'dns', value: 'hub.example' }), '403 rejectedIdentifier pki/acme-identifier')
  assert.equal(await ordered({ type: 'dns', value: '*.plant.example' }), '403 rejectedIdentifier pki/acme-identifier')
  assert.equal(await ordered({ type: 'ip', value: '127.0.0.1' }), '403 rejectedIdentifier pki/acme-identifier')
  assert.equal(await ordered({ type: 'email', value: 'x' }), '400 unsupportedIdentifier pki/acme-identifier-type')
  assert.equal(await ordered(), '400 malformed pki/acme-order-malformed')
  const unproven = await proven(who, [local], false)
  assert.equal(bodyOf(await post(who, unproven, ''))['status'], 'invalid')
  assert.equal(said(await post(who, `${unproven}/finalize`, await csr('DNS:localhost'))), '403 orderNotReady pki/acme-not-ready')
  const order = await proven(who, [local])
  const finalize = async (wanted: Json) => said(await post(who, `${order}/finalize`, wanted))
  assert.equal(await finalize(await csr('DNS:localhost,DNS:a.plant.example')), '400 badCSR pki/acme-csr')
  assert.equal(await finalize(await csr('DNS:localhost', '-addext', 'basicConstraints=critical,CA:TRUE')), '400 badCSR pki/acme-csr')
  assert.equal(await finalize({ csr: 'AAAA' }), '400 badCSR pki/acme-csr')
  const stranger = await register('other', ['localhost'])
  for (const url of [order, `${order}/finalize`]) assert.equal(said(await post(stranger.who, url, '')), '404 malformed pki/acme-not-found')
  assert.equal(await finalize(await csr('DNS:localhost')), '200')
})

test('a message is good once, for its URL, in its algorithm, and by a key that is public and strong [RFC 8555 6]', async () => {
  await using world = await setUp()
  const { register, post, sign, ask, base, client } = world
  const { who } = await register('plant', ['localhost'])
  const url = `${base}new-order`
  const message = await sign(who, url, { identifiers: [local] })
  assert.equal((await ask('POST', url, message)).status, 201)
  assert.equal(said(await ask('POST', url, message)), '400 badNonce pki/acme-bad-nonce')
  assert.equal(said(await ask('POST', `${base}key-change`, await sign(who, url, {}))), '403 unauthorized pki/acme-url')
  assert.equal(said(await ask('POST', url, message, 'application/json')), '415 malformed pki/acme-media-type')
  assert.equal(said(await ask('GET', url)), '405 malformed pki/acme-method')
  assert.equal(said(await ask('POST', url, message, undefined, 'evil.example')), '400 malformed pki/acme-host')
  const altered = { ...JSON.parse(message), header: { kid: 'x' } }
  assert.equal(said(await ask('POST', url, JSON.stringify(altered))), '400 malformed pki/acme-malformed')
  const none = Buffer.from(JSON.stringify({ alg: 'none', url, kid: who.kid, nonce: 'x' })).toString('base64url')
  assert.equal(
    said(await ask('POST', url, JSON.stringify({ protected: none, payload: '', signature: '' }))),
    '400 badSignatureAlgorithm pki/acme-algorithm',
  )
  const thief: Client = { ...(await client()), kid: who.kid ?? '' }
  assert.equal(said(await post(thief, url, {})), '403 unauthorized pki/acme-signature')
  const weak = await client()
  assert.equal(
    said(await post({ ...weak, jwk: { kty: 'oct', k: 'AAAA' } }, `${base}new-account`, {})),
    '400 badPublicKey pki/acme-weak-key',
  )
})

test('a binding is needed, fits one client, and is used once; keys change and accounts end [RFC 8555 7.3]', async () => {
  await using world = await setUp()
  const { register, post, base, client, bindingOf, sign } = world
  const url = `${base}new-account`
  const nobody = await client()
  assert.equal(said(await post(nobody, url, {})), '403 externalAccountRequired pki/acme-binding-needed')
  assert.equal(said(await post(nobody, url, { onlyReturnExisting: true })), '400 accountDoesNotExist pki/acme-no-account')
  const { who, id, mac } = await register('plant', ['localhost'])
  const bind = async (kid: string, key: Uint8Array, whose: Client) =>
    said(await post(nobody, url, { externalAccountBinding: await bindingOf(whose, kid, key) }))
  assert.equal(await bind(id, mac, nobody), '403 unauthorized pki/acme-binding')
  assert.equal(await bind(id, Buffer.alloc(32), nobody), '403 unauthorized pki/acme-binding')
  assert.equal(await bind('AAAAAAAAAAAAAAAAAAAA', mac, nobody), '403 unauthorized pki/acme-binding')
  const waiting = value(await world.acme.accounts.add(mayAdminister, { name: 'waiting', names: ['localhost'] }))
  const fresh = waiting.macKey.use((bytes) => Buffer.from(bytes))
  assert.equal(await bind(waiting.record.id, fresh, await client()), '403 unauthorized pki/acme-binding', 'the binding of another key')
  const { kid: _kid, ...unnamed } = who
  assert.equal((await post(unnamed, url, { onlyReturnExisting: true })).headers?.['location'], who.kid)
  const next = await client()
  const change = `${base}key-change`
  const inner = async (account: string | undefined) => {
    const payload = Buffer.from(JSON.stringify({ account, oldKey: who.jwk }))
    return new FlattenedSign(payload).setProtectedHeader({ alg: 'ES256', jwk: next.jwk, url: change }).sign(next.key)
  }
  assert.equal(said(await post(who, change, await inner(`${base}account/other`))), '400 malformed pki/acme-malformed')
  assert.equal((await post(who, change, await inner(who.kid))).status, 200)
  assert.equal(said(await post(who, who.kid ?? '', '')), '403 unauthorized pki/acme-signature')
  const moved: Client = { ...next, kid: who.kid ?? '' }
  assert.equal(bodyOf(await post(moved, who.kid ?? '', { status: 'deactivated' }))['status'], 'deactivated')
  assert.equal(said(await post(moved, `${base}new-order`, { identifiers: [local] })), '403 unauthorized pki/acme-account-ended')
  assert.equal(typeof (await sign(moved, url, {})), 'string')
})

test('a name at an address that looks may not connect to is not proven', async () => {
  await using world = await setUp([])
  const { register, proven, post, facts } = world
  const { who } = await register('plant', ['localhost'])
  const order = await proven(who, [local])
  assert.equal(bodyOf(await post(who, order, ''))['status'], 'invalid')
  const found = facts.find(({ kind }) => kind === 'acme-name-proven')
  assert.equal(found !== undefined && 'code' in found ? found.code : '', 'pki/acme-address')
})
