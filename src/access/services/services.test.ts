import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { instant } from '#base'
import { bearerToken, makeService, policyToken, registerService } from '../../../test/service-callers.ts'
import { write, read, day, start, outside, issuer, scene, contributor } from './services-scene.test.ts'

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

test('a token for Event Hubs alone, which any event hub may have seen, reads telemetry and does nothing else, whatever its roles', async () => {
  await using at = await scene()
  const service = await registerService(at.directory, 'backend', ['IoT Hub Data Contributor'], start)
  const rightsFor = async (audience: string | readonly string[]) =>
    await at.ask(await bearerToken(service, { now: start, audience }), 'event-hubs')
  assert.equal(await rightsFor('https://eventhubs.azure.net/'), 'service backend bearer: telemetry.read')
  assert.equal(await rightsFor('https://eventhubs.azure.net'), 'service backend bearer: telemetry.read')
  assert.equal(await rightsFor('https://hub.example'), `service backend bearer: ${contributor}`)
  assert.equal(await rightsFor(['https://eventhubs.azure.net', 'https://iothubs.azure.net']), `service backend bearer: ${contributor}`)
  const twins = await registerService(at.directory, 'twins', ['IoT Hub Twin Contributor'], start)
  const token = await bearerToken(twins, { now: start, audience: 'https://eventhubs.azure.net' })
  assert.equal(await at.ask(token, 'event-hubs'), 'service twins bearer: ', 'a right that it does not have it does not get')
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
