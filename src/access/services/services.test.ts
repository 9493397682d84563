import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { SignJWT, exportJWK } from 'jose'
import { auditMigrations, openAudit } from '#audit'
import { Secret, instant, refuse } from '#base'
import { FakeClock } from '../../../test/fake-clock.ts'
import { keyWrap } from '../../../test/key-wrap.ts'
import { openTestStore } from '../../../test/open-test-store.ts'
import { SeededRandom } from '../../../test/seeded-random.ts'
import { bearerToken, makeService, policyToken, registerService } from '../../../test/service-callers.ts'
import { KeySet, serviceAlgorithms } from '../authentication/key-set.ts'
import { authorize, systemGrant } from '../grant.ts'
import type { ServiceCaller } from './contract.ts'
import { type DirectoryPorts, type ServiceChanged } from './directory-ports.ts'
import { directoryLimits, openServiceDirectory } from './directory.ts'
import { serviceMigrations } from './records.ts'
import { type ServiceRefused, openServices } from './services.ts'

const write = systemGrant('service.write', 'hub')
const read = systemGrant('service.read', 'hub')
const day = 86_400_000
const start = Date.UTC(2026, 5, 1)
const outside = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const issuer = 'https://login.example/tenant/v2.0'

/** The directory on a real store and audit log, and the proof of back ends on it. */
async function scene({ policiesUntil }: { readonly policiesUntil: number | undefined } = { policiesUntil: start + 90 * day }) {
  const scope = new AsyncDisposableStack()
  const opened = scope.use(await openTestStore([...auditMigrations, ...serviceMigrations]))
  const clock = new FakeClock(start)
  const audit = await openAudit({ store: opened.store, clock }, new AbortController().signal)
  const { wrapKey, unwrapKey } = keyWrap('vault', new SeededRandom(5))
  const told: ServiceChanged[] = []
  const refused: ServiceRefused[] = []
  const ports: DirectoryPorts = {
    store: opened.store,
    clock,
    random: new SeededRandom(3),
    commit: audit.commit,
    seal: (purpose, plaintext) => Buffer.concat([Buffer.from(`${purpose}\n`), wrapKey(new Secret(Buffer.from(plaintext)))]),
    unseal(purpose, sealed) {
      const head = Buffer.from(`${purpose}\n`)
      return sealed.subarray(0, head.length).equals(head) ? unwrapKey(sealed.subarray(head.length)) : refuse('vault/damaged', 'no')
    },
    tell: (fact) => void told.push(fact),
  }
  const until = policiesUntil === undefined ? undefined : instant(policiesUntil)
  const directory = await openServiceDirectory(ports, until)
  const jwk = { ...(await exportJWK(outside.publicKey)), kid: 'k1', use: 'sig' }
  const asked = { keys: 0, text: JSON.stringify({ keys: [jwk] }) }
  const readKeys = async () => (asked.keys++, asked.text)
  const names = ['hub.example', '192.0.2.1']
  const services = openServices({
    clock,
    directory,
    issuers: [
      { issuer, keys: new KeySet(readKeys, clock, serviceAlgorithms), audience: undefined, rolesClaim: undefined },
      {
        issuer: 'https://other.example',
        keys: new KeySet(readKeys, clock, serviceAlgorithms),
        audience: 'thingwall',
        rolesClaim: 'realm_access.roles',
      },
    ],
    names,
    isOurHost: (host) => host.toLowerCase().replace(/:\d+$/, '') === 'hub.example',
    refused: (what) => void refused.push(what),
  })
  const ask = async (token: string, kind: 'http' | 'cbs' | 'event-hubs' = 'http', address = '198.51.100.7') => {
    const said = await services.authenticate(token, { address, kind })
    return said.ok ? rightsOf(said.value) : said.error.code === 'access/service-refused' ? `no: ${said.error.detail}` : said.error.code
  }
  const reopen = async (policiesFrom = until) => {
    const store = await opened.reopen()
    const { commit } = await openAudit({ store, clock }, new AbortController().signal)
    return await openServiceDirectory({ ...ports, store, commit }, policiesFrom)
  }
  return { clock, audit, directory, services, ask, told, refused, asked, opened, reopen, [Symbol.asyncDispose]: () => scope.disposeAsync() }
}

const rights = [
  'device.read',
  'device.write',
  'twin.read',
  'twin.write',
  'telemetry.read',
  'method.invoke',
  'device.act',
  'hub.administer',
] as const
function rightsOf({ caller }: ServiceCaller): string {
  const held = rights.filter((action) => authorize(caller, action, 'x').ok)
  return `${caller.actor.kind} ${caller.actor.id} ${caller.actor.via}: ${held.join(' ')}`
}
const contributor = 'device.read device.write twin.read twin.write telemetry.read method.invoke'

test('a registered service signs its own tokens and has the rights of its roles and no others (azure-wire 1.10)', async () => {
  await using at = await scene()
  const all = await registerService(at.directory, 'backend', ['IoT Hub Data Contributor'], start)
  const reader = await registerService(at.directory, 'reader', ['IoT Hub Data Reader'], start)
  const two = await registerService(at.directory, 'two', ['IoT Hub Registry Contributor', 'IoT Hub Twin Contributor'], start)
  assert.equal(await at.ask(`Bearer ${await bearerToken(all, { now: start })}`), `service backend bearer: ${contributor}`)
  assert.equal(
    await at.ask(await bearerToken(reader, { now: start }), 'cbs'),
    'service reader bearer: device.read twin.read telemetry.read',
  )
  assert.equal(
    await at.ask(`bearer ${await bearerToken(two, { now: start })}`),
    'service two bearer: device.read device.write twin.read twin.write',
  )
})

test('audiences: the scope of IoT Hub with and without a slash, or a name of this hub; that of Event Hubs opens telemetry alone', async () => {
  await using at = await scene()
  const service = await registerService(at.directory, 'backend', ['IoT Hub Data Reader'], start)
  const said = async (audience: string | readonly string[], kind?: 'http' | 'cbs' | 'event-hubs') =>
    (await at.ask(await bearerToken(service, { now: start, audience }), kind)).startsWith('service')
  for (const good of ['https://iothubs.azure.net', 'https://iothubs.azure.net/', 'https://hub.example', 'https://hub.example/'])
    assert.equal(await said(good), true, good)
  assert.equal(await said(['https://elsewhere.example', 'https://hub.example']), true)
  for (const bad of [
    'https://iothubs.azure.net/.default',
    'https://evil.example',
    'https://hub.example.evil.example',
    'http://hub.example',
    'https://eventhubs.azure.net/',
    '',
  ])
    assert.equal(await said(bad), false, bad)
  assert.equal(await said('https://eventhubs.azure.net/', 'event-hubs'), true)
  assert.equal(await said('https://eventhubs.azure.net', 'event-hubs'), true)
  assert.equal(await said('https://eventhubs.azure.net', 'cbs'), false)
})

test('a service that has ended opens nothing, nor does a token outlive it', async () => {
  await using at = await scene()
  const service = makeService('short')
  const spec = { name: 'short', roles: ['IoT Hub Data Reader'], publicJwk: service.publicJwk, expiresAt: instant(start + 60_000) } as const
  assert.ok((await at.directory.add(write, spec)).ok)
  const token = await bearerToken(service, { now: start })
  const said = await at.services.authenticate(token, { address: 'a', kind: 'http' })
  assert.equal(said.ok && said.value.expiresAt, start + 60_000)
  at.clock.advance(60_000)
  assert.match(await at.ask(token), /no service short is registered, or not any more/)
  assert.match(await at.ask(await bearerToken(service, { now: at.clock.now() })), /no service short/)
})

test('a token remembered for one way is not one for another', async () => {
  await using at = await scene()
  const service = await registerService(at.directory, 'backend', ['IoT Hub Data Reader'], start)
  const token = await bearerToken(service, { now: start, audience: 'https://eventhubs.azure.net' })
  assert.match(await at.ask(token, 'event-hubs'), /^service/)
  assert.match(await at.ask(token, 'http'), /^no/)
})

test('bad tokens of a service are refused, with one sentence for the peer and the reason in the record', async () => {
  await using at = await scene()
  const service = await registerService(at.directory, 'backend', ['IoT Hub Data Reader'], start)
  const good = await bearerToken(service, { now: start })
  const stranger = { ...makeService('backend') }
  const [header = '', payload = '', signature = ''] = good.split('.')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  const hmac = Buffer.from('{"alg":"HS256"}').toString('base64url')
  const rs = Buffer.from('{"alg":"RS256"}').toString('base64url')
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['another key', await bearerToken(stranger, { now: start }), /backend: ERR_JWS_SIGNATURE/],
    ['nobody', await bearerToken(makeService('nobody'), { now: start }), /no service nobody/],
    ['expired', await bearerToken(service, { now: start - 2 * 3_600_000 }), /expired/],
    ['from the future', await bearerToken(service, { now: start + 3_600_000 }), /future/],
    ['in the name of another', await bearerToken(service, { now: start, subject: 'urn:thingwall:service:other' }), /sub is not/],
    ['for more than an hour', await bearerToken(service, { now: start, seconds: 3_601 }), /more than an hour/],
    ['without a signature', `${none}.${payload}.`, /compact form/],
    ['alg none', `${none}.${payload}.${signature}`, /only ES256/],
    ['a key confused for a secret', `${hmac}.${payload}.${signature}`, /only ES256/],
    ['another algorithm than the key is for', `${rs}.${payload}.${signature}`, /another algorithm/],
    ['a changed payload', `${header}.${payload.slice(0, -2)}AA.${signature}`, /./],
    ['an unknown issuer', await bearerToken(service, { now: start, issuer: 'https://evil.example' }), /issuer that this hub does not know/],
    ['a name out of a prototype', await bearerToken({ ...service, name: '__proto__' }, { now: start }), /no service __proto__/],
    ['nothing', '', /compact form/],
    ['too much', `Bearer ${'a'.repeat(100_000)}`, /compact form/],
    ['a basic credential', 'Basic dXNlcjpwYXNz', /compact form/],
  ]
  const sentences = new Set<string>()
  for (const [name, token, reason] of cases) {
    const said = await at.services.authenticate(token, { address: '203.0.113.1', kind: 'http' })
    assert.ok(!said.ok, name)
    assert.match(said.error.detail ?? '', reason, name)
    sentences.add(`${said.error.code} ${said.error.message}`)
    at.clock.advance(1_000)
    at.clock.jump(start)
  }
  assert.deepEqual([...sentences], ['access/service-refused The token does not open this hub.'])
  assert.equal(at.refused.length, cases.length)
  assert.equal(at.refused[0]?.address, '203.0.113.1')
})

test('tokens of an issuer in the settings: keys, audience, and roles by roles, scp, groups or a claim of its own', async () => {
  await using at = await scene()
  const token = (claims: Readonly<Record<string, unknown>>, header: Readonly<Record<string, string>> = {}) =>
    new SignJWT({ iss: issuer, sub: 'app-1', aud: 'https://iothubs.azure.net', exp: start / 1000 + 600, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header })
      .sign(outside.privateKey)
  const roles = ['IoT Hub Twin Contributor']
  const yes = `service app-1@${issuer} bearer: twin.read twin.write`
  assert.equal(await at.ask(await token({ roles })), yes)
  assert.equal(await at.ask(await token({ scp: 'openid twin-contributor' })), yes)
  assert.equal(await at.ask(await token({ groups: ['x', 'IoTHubTwinContributor'] })), yes)
  assert.equal(await at.ask(await token({ roles: 'IoT Hub Twin Contributor' }, { typ: 'at+jwt' })), yes)
  assert.match(await at.ask(await token({ roles: ['Owner', 'iot hub data contributor', '*'] })), /no role/)
  assert.match(await at.ask(await token({})), /no role/)
  assert.match(await at.ask(await token({ roles, aud: 'https://graph.example' })), /ERR_JWT_CLAIM/)
  assert.match(await at.ask(await token({ roles, exp: start / 1000 - 61 })), /expired/)
  assert.match(await at.ask(await token({ roles, nbf: start / 1000 + 61 })), /ERR_JWT_CLAIM/)
  assert.match(await at.ask(await token({ roles, sub: 'a\u202eb' })), /not as it should be/)
  assert.match(await at.ask(await token({ roles }, { kid: 'k2' })), /key that the issuer does not have/)
  const other = { iss: 'https://other.example', aud: 'thingwall' }
  assert.match(await at.ask(await token({ ...other, roles })), /no role/)
  assert.match(await at.ask(await token({ ...other, realm_access: { roles } })), /^service app-1@https:\/\/other.example bearer/)
  assert.match(await at.ask(await token({ ...other, 'realm_access.roles': roles })), /^service/)
  assert.match(await at.ask(await token({ ...other, aud: 'https://iothubs.azure.net', realm_access: { roles } })), /ERR_JWT_CLAIM/)
  // Nobody outside can say that he is one of ours.
  assert.match(await at.ask(await token({ roles, iss: 'urn:thingwall:service:backend' })), /no service backend/)
})

test('a policy signs while it is allowed, has the rights of its permissions, and its keys are shown once', async () => {
  await using at = await scene()
  const made = await at.directory.addPolicy(write, {
    name: 'old-backend',
    permissions: ['ServiceConnect'],
    expiresAt: instant(start + day),
  })
  assert.ok(made.ok)
  const key = made.value.secondaryKey.use((bytes) => bytes.toString())
  assert.match(key, /^[A-Za-z0-9+/]{43}=$/)
  const token = (seconds = 3_600) => policyToken('old-backend', key, 'hub.example', { now: at.clock.now(), seconds })
  assert.equal(await at.ask(token()), 'service old-backend shared-access-policy: twin.read twin.write telemetry.read method.invoke')
  const owner = await at.directory.addPolicy(write, {
    name: 'owner',
    permissions: ['RegistryWrite', 'DeviceConnect'],
    expiresAt: instant(start + day),
  })
  assert.ok(owner.ok)
  const ownerKey = owner.value.primaryKey.use((bytes) => bytes.toString())
  assert.equal(
    await at.ask(policyToken('owner', ownerKey, 'hub.example/devices', { now: start })),
    'service owner shared-access-policy: device.read device.write device.act',
  )
  assert.match(await at.ask(policyToken('owner', key, 'hub.example', { now: start })), /neither key/)
  const listed = JSON.stringify([at.directory.policies(read), at.told, await at.opened.store.query('SELECT detail FROM audit_log')])
  assert.ok(!listed.includes(key) && !listed.includes(ownerKey), 'no key is shown, told or audited')
  at.clock.advance(day)
  assert.match(await at.ask(token()), /no shared access policy old-backend is in force/)
})

test('where the settings allow no policies, none can be made, and those that there are open nothing', async () => {
  await using at = await scene({ policiesUntil: start + 10 * day })
  const spec = { name: 'p', permissions: ['RegistryRead'], expiresAt: instant(start + 5 * day) } as const
  const made = await at.directory.addPolicy(write, spec)
  assert.ok(made.ok)
  const key = made.value.primaryKey.use((bytes) => bytes.toString())
  const late = await at.directory.addPolicy(write, { ...spec, name: 'late', expiresAt: instant(start + 11 * day) })
  assert.equal(!late.ok && late.error.code, 'access/service-until')
  at.clock.advance(10 * day)
  const over = await at.directory.addPolicy(write, { ...spec, name: 'q', expiresAt: instant(start + 11 * day) })
  assert.equal(!over.ok && over.error.code, 'access/shared-access-off')
  assert.match(await at.ask(policyToken('p', key, 'hub.example', { now: at.clock.now() })), /no shared access policy/)
  await using off = await scene({ policiesUntil: undefined })
  const never = await off.directory.addPolicy(write, spec)
  assert.equal(!never.ok && never.error.code, 'access/shared-access-off')
})

test('what is removed opens nothing from then on, and who was opened by it is told', async () => {
  await using at = await scene()
  const gone = await registerService(at.directory, 'gone', ['IoT Hub Data Reader'], start)
  const stays = await registerService(at.directory, 'stays', ['IoT Hub Data Reader'], start)
  const made = await at.directory.addPolicy(write, { name: 'gone', permissions: ['RegistryRead'], expiresAt: instant(start + day) })
  assert.ok(made.ok)
  const tokens = [
    await bearerToken(gone, { now: start }),
    await bearerToken(stays, { now: start }),
    policyToken(
      'gone',
      made.value.primaryKey.use((bytes) => bytes.toString()),
      'hub.example',
      { now: start },
    ),
  ]
  const open = async () => {
    const callers = await Promise.all(tokens.map((token) => at.services.authenticate(token, { address: 'a', kind: 'http' })))
    return callers.map((said) => (said.ok ? said.value : undefined))
  }
  const callers = await open()
  const heard: boolean[][] = []
  const stop = at.services.onRevoked((isGood) => void heard.push(callers.map((caller) => caller !== undefined && isGood(caller))))
  assert.ok((await at.directory.remove(write, 'gone')).ok)
  assert.deepEqual(heard, [[false, true, true]])
  assert.deepEqual(
    (await open()).map((caller) => caller !== undefined),
    [false, true, true],
  )
  assert.ok((await at.directory.removePolicy(write, 'gone')).ok)
  assert.deepEqual(heard.at(-1), [true, true, false])
  assert.deepEqual(
    (await open()).map((caller) => caller !== undefined),
    [false, true, false],
  )
  stop()
  assert.ok((await at.directory.remove(write, 'stays')).ok)
  assert.equal(heard.length, 2)
  const again = await at.directory.remove(write, 'gone')
  assert.equal(!again.ok && again.error.code, 'access/service-not-found')
})

test('a directory reads back what it wrote, and a damaged row opens nothing while its name stays taken', async () => {
  await using at = await scene()
  await registerService(at.directory, 'a', ['IoT Hub Data Reader', 'IoT Hub Twin Contributor'], start)
  await registerService(at.directory, 'b', ['IoT Hub Data Reader'], start)
  const made = await at.directory.addPolicy(write, { name: 'p', permissions: ['RegistryRead'], expiresAt: instant(start + day) })
  assert.ok(made.ok)
  await at.opened.store.commit([{ sql: `UPDATE services SET roles = '["Owner"]' WHERE name = 'b'`, args: [] }])
  const again = await at.reopen()
  assert.deepEqual(
    again.services(read).map(({ name, roles }) => [name, roles]),
    [['a', ['IoT Hub Data Reader', 'IoT Hub Twin Contributor']]],
  )
  assert.deepEqual(again.policies(read), at.directory.policies(read))
  assert.ok(again.signing('p'))
  assert.equal(again.held('b'), undefined)
  const service = makeService('b')
  const spec = { name: 'b', roles: ['IoT Hub Data Reader'], publicJwk: service.publicJwk, expiresAt: instant(start + day) } as const
  const taken = await again.add(write, spec)
  assert.equal(!taken.ok && taken.error.code, 'access/service-exists')
  assert.ok((await again.remove(write, 'b')).ok)
  assert.ok((await again.add(write, spec)).ok)
})

test('policies that were made end earlier when the settings say so', async () => {
  await using at = await scene()
  assert.ok((await at.directory.addPolicy(write, { name: 'p', permissions: ['RegistryRead'], expiresAt: instant(start + day) })).ok)
  assert.equal(at.directory.signing('p')?.expiresAt, start + day)
  assert.equal((await at.reopen(instant(start + 60_000))).signing('p')?.expiresAt, start + 60_000)
  assert.equal((await at.reopen(instant(start))).signing('p'), undefined)
})

test('sealed keys that were put under another name open nothing', async () => {
  await using at = await scene()
  for (const name of ['weak', 'strong'])
    assert.ok((await at.directory.addPolicy(write, { name, permissions: ['RegistryRead'], expiresAt: instant(start + day) })).ok)
  await at.opened.store.commit([
    {
      sql: `UPDATE shared_access_policies SET sealed_keys = (SELECT sealed_keys FROM shared_access_policies WHERE name = 'weak') WHERE name = 'strong'`,
      args: [],
    },
  ])
  assert.equal((await at.reopen()).signing('strong'), undefined)
})

test('names, keys, ends and roles that cannot be are refused, and nothing is written', async () => {
  await using at = await scene()
  const { publicJwk, privateKey } = makeService('x')
  const good = { name: 'x', roles: ['IoT Hub Data Reader'], publicJwk, expiresAt: instant(start + day) } as const
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })
  for (const [change, code] of [
    [{ name: '' }, 'access/service-name'],
    [{ name: '-x' }, 'access/service-name'],
    [{ name: 'x y' }, 'access/service-name'],
    [{ name: 'x;SharedAccessKey=' }, 'access/service-name'],
    [{ name: 'x'.repeat(65) }, 'access/service-name'],
    [{ expiresAt: instant(start) }, 'access/service-until'],
    [{ expiresAt: instant(start + directoryLimits.lifetimeMs + 1) }, 'access/service-until'],
    [{ roles: [] }, 'access/service-key'],
    [{ publicJwk: '{}' }, 'access/service-key'],
    [{ publicJwk: 'not JSON' }, 'access/service-key'],
    [{ publicJwk: JSON.stringify(privateKey.export({ format: 'jwk' })) }, 'access/service-key'],
    [{ publicJwk: '{"kty":"oct","k":"AAAA"}' }, 'access/service-key'],
    [{ publicJwk: JSON.stringify(rsa) }, 'access/service-key'],
    [{ publicJwk: JSON.stringify(p384) }, 'access/service-key'],
  ] as const) {
    const said = await at.directory.add(write, { ...good, ...change })
    assert.equal(!said.ok && said.error.code, code, JSON.stringify(change))
  }
  assert.deepEqual(await at.opened.store.query('SELECT name FROM services'), [])
  const both = await Promise.all([at.directory.add(write, good), at.directory.add(write, good)])
  assert.equal(both.filter(({ ok }) => ok).length, 1, 'two at once: one')
  const ed = generateKeyPairSync('ed25519')
  assert.ok((await at.directory.add(write, { ...good, name: 'ed', publicJwk: JSON.stringify(ed.publicKey.export({ format: 'jwk' })) })).ok)
  for (const alg of ['EdDSA', 'Ed25519']) {
    const claims = {
      iss: 'urn:thingwall:service:ed',
      sub: 'urn:thingwall:service:ed',
      aud: 'https://hub.example',
      iat: start / 1000,
      exp: start / 1000 + 60,
    }
    const token = await new SignJWT(claims).setProtectedHeader({ alg }).sign(ed.privateKey)
    assert.match(await at.ask(token), /^service ed bearer/)
  }
  assert.deepEqual(
    at.told.map(({ kind, name }) => `${kind} ${name}`),
    ['service-added x', 'service-added ed'],
  )
})

test('of a flood of bad tokens a few a second are recorded, the rest counted, and an address that goes on is not looked at', async () => {
  await using at = await scene()
  const service = await registerService(at.directory, 'backend', ['IoT Hub Data Reader'], start)
  const held = await bearerToken(service, { now: start })
  assert.match(await at.ask(held), /^service/)
  for (let i = 0; i < 100; i++) assert.match(await at.ask('Bearer a.b.c'), /^no/)
  assert.equal(at.refused.length, 10)
  assert.equal(await at.ask('Bearer a.b.c'), 'access/too-many-attempts')
  assert.equal(await at.ask('SharedAccessSignature x'), 'access/too-many-attempts')
  assert.equal(await at.ask(await bearerToken(service, { now: start, seconds: 60 })), 'access/too-many-attempts')
  assert.match(await at.ask(held), /^service/, 'one that was verified before is still good')
  const made = await at.directory.addPolicy(write, { name: 'p', permissions: ['RegistryRead'], expiresAt: instant(start + day) })
  assert.ok(made.ok)
  const signed = policyToken(
    'p',
    made.value.primaryKey.use((bytes) => bytes.toString()),
    'hub.example',
    { now: start },
  )
  assert.match(await at.ask(signed), /^service p/, 'and so is a good signature: nobody is kept out by a neighbour')
  assert.match(await at.ask(await bearerToken(service, { now: start, seconds: 61 }), 'http', '198.51.100.8'), /^service/)
  at.clock.advance(60_000)
  assert.match(await at.ask('Bearer a.b.c'), /^no/)
  assert.equal(at.refused.at(-1)?.count, 91)
})
