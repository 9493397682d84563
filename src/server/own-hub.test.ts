import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { type Result, ok } from '#base'
import { openForeignTrust } from '#pki'
import { type LinkedHub, type Provisioning, type ProvisioningPorts, openProvisioning, provisioningMigrations } from '#provisioning'
import { idOf, openDomainScene, openSeal, registryGrants } from '../../test/domain-scene.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import { type Party, make } from '../../test/throwaway-ca.ts'
import { ownHub } from './own-hub.ts'

/* Registering against real hubs: their registry, their twins, on real stores. */

const write = systemGrant('enrollment.write', 'test')
const twins = systemGrant('twin.write', 'test')
const anew = { ifMatch: undefined }
const change = { ifMatch: '*' }
const leafOf = () => make({ name: 'pump-1' })
const device = idOf('pump-1')

type Domain = Awaited<ReturnType<typeof openDomainScene>>

async function openScene(names: readonly string[] = ['one.example'], trusts = false) {
  await using scope = new AsyncDisposableStack()
  const domains: Domain[] = []
  for (const _ of names) domains.push(scope.use(await openDomainScene({ migrations: provisioningMigrations })))
  const [first] = domains
  assert.ok(first)
  const link = (name: string, domain: Domain): LinkedHub =>
    ownHub({
      hub: {
        get devices() {
          return domain.hub.devices
        },
        get twins() {
          return domain.hub.twins
        },
      },
      hostName: () => name,
      region: undefined,
      trusts: () => trusts,
    })
  const hubs = domains.map((domain, n) => link(names[n] ?? '', domain))
  const issued: [string, Buffer][] = []
  const open = (): Promise<Provisioning> => {
    const ports: ProvisioningPorts = {
      ...openSeal,
      store: first.store,
      clock: first.clock,
      random: new SeededRandom(3),
      commit: first.audit.commit,
      tell: () => undefined,
      system: systemGrant('registration.write', 'test'),
      openTrust(anchors) {
        const trust = openForeignTrust(anchors, [])
        if (!trust.ok) return trust
        return ok((presented, now) => {
          const chain = trust.value.verify(presented, now)
          return chain.ok ? ok({ anchorSha256: chain.value.anchorSha256, notAfter: chain.value.chainNotAfter }) : chain
        })
      },
      hubs: () => hubs,
      async issue(id, csr) {
        issued.push([id, csr])
        return ok([Buffer.from('leaf'), Buffer.from('issuer')])
      },
      verifyEndorsement: () => assert.fail('nobody attests here'),
      mayBeCertified: () => false,
      trouble: (what, error) => assert.fail(`${what}: ${String(error)}`),
    }
    return openProvisioning({ symmetricKeysUntil: undefined, webhookHosts: [] }, ports, new AbortController().signal)
  }
  let room = await open()
  const authenticate = (chain: readonly Party[]) =>
    room.device.authenticate({
      idScope: room.idScope,
      address: '192.0.2.1',
      token: undefined,
      registrationId: 'pump-1',
      certificates: chain.map(({ der }) => der),
    })
  const held = scope.move()
  return {
    domain: (n: number): Domain => domains[n] ?? assert.fail('no such hub'),
    issued,
    authenticate,
    get room() {
      return room
    },
    async restart() {
      await room[Symbol.asyncDispose]()
      await first.reopen()
      room = await open()
    },
    /** Registers, and gives the state that the device reads. */
    async register(chain: readonly Party[], more: { readonly csr?: Buffer; readonly force?: boolean } = {}) {
      const registrant = good(await authenticate(chain))
      const { operationId } = good(await room.device.register(registrant, { apiVersion: '2019-03-31', ...more }))
      await room[Symbol.asyncDispose]()
      const done = good(await room.device.operation(registrant, operationId))
      return Object(done.registrationState)
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

function good<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? '' : `${result.error.code}: ${result.error.message} ${result.error.detail ?? ''}`)
  return result.value
}

const enrolled = (leaf: Party, more: Readonly<Record<string, string | boolean | object>> = {}) =>
  JSON.parse(
    JSON.stringify({
      registrationId: 'pump-1',
      attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: leaf.der.toString('base64') } } } },
      ...more,
    }),
  )

const initialTwin = { tags: { site: 'north' }, properties: { desired: { rate: 5 } } }
const partsOf = async (domain: Domain) => {
  const twin = await domain.hub.twins.get(device)
  return twin === undefined ? undefined : [twin.tags, twin.desired.properties, twin.reported.properties]
}

test('a registered device is in the registry by its thumbprint, with its first twin, and is there after a restart [azure-wire 7.5]', async () => {
  await using scene = await openScene()
  const leaf = leafOf()
  good(await scene.room.enrollments.put(write, 'individual', enrolled(leaf, { initialTwin, capabilities: { iotEdge: true } }), anew))
  const state = await scene.register([leaf])
  assert.deepEqual([state.status, state.assignedHub, state.deviceId], ['assigned', 'one.example', 'pump-1'])
  const made = scene.domain(0).hub.devices.find(device)
  assert.deepEqual([made?.authentication.type, made?.capabilities.iotEdge], ['selfSigned', true])
  assert.deepEqual(await partsOf(scene.domain(0)), [{ site: 'north' }, { rate: 5 }, {}])
  const { idScope } = scene.room
  await scene.restart()
  assert.equal(scene.room.idScope, idScope)
  const registrant = good(await scene.authenticate([leaf]))
  assert.equal(Object(good(await scene.room.device.lookup(registrant))).assignedHub, 'one.example')
  assert.equal(scene.domain(0).hub.devices.find(device)?.id, 'pump-1')
})

test('registering again changes no twin under "migrate" and "never", and begins anew under "reset" [azure-wire 7.5]', async () => {
  await using scene = await openScene()
  const { hub } = scene.domain(0)
  const leaf = leafOf()
  const policies = [
    [{ updateHubAssignment: true, migrateDeviceData: true }, { rate: 9 }, { running: true }],
    [{ updateHubAssignment: false, migrateDeviceData: false }, { rate: 9 }, { running: true }],
    [{ updateHubAssignment: true, migrateDeviceData: false }, { rate: 5 }, {}],
  ] as const
  good(await scene.room.enrollments.put(write, 'individual', enrolled(leaf, { initialTwin }), anew))
  await scene.register([leaf])
  good(await hub.twins.replace(twins, device, { tags: {}, desired: { rate: 9 } }))
  good(await hub.twins.patchReported(device, { running: true }))
  for (const [reprovisionPolicy, desired, reported] of policies) {
    good(await scene.room.enrollments.put(write, 'individual', enrolled(leaf, { initialTwin, reprovisionPolicy }), change))
    const state = await scene.register([leaf])
    assert.equal(state.status, 'assigned')
    assert.deepEqual((await partsOf(scene.domain(0)))?.slice(1), [desired, reported])
  }
})

test('a device that an operator made is never taken over: not its credential, not its twin', async () => {
  await using scene = await openScene()
  const { hub } = scene.domain(0)
  good(await hub.devices.add(registryGrants.write, [{ id: device, authentication: { type: 'certificateAuthority' } }]))
  const leaf = leafOf()
  const reprovisionPolicy = { updateHubAssignment: true, migrateDeviceData: false }
  good(await scene.room.enrollments.put(write, 'individual', enrolled(leaf, { initialTwin, reprovisionPolicy }), anew))
  for (let again = 0; again < 2; again++) {
    const state = await scene.register([leaf])
    assert.deepEqual([state.status, state.errorCode], ['failed', 409_201])
  }
  assert.equal(hub.devices.find(device)?.authentication.type, 'certificateAuthority')
  assert.deepEqual(await partsOf(scene.domain(0)), [{}, {}, {}])
})

test('a new certificate in the enrollment is the new one of the device, as soon as it registers by it', async () => {
  await using scene = await openScene()
  const [old, fresh] = [leafOf(), leafOf()]
  good(await scene.room.enrollments.put(write, 'individual', enrolled(old), anew))
  await scene.register([old])
  const before = scene.domain(0).hub.devices.find(device)?.authentication
  good(await scene.room.enrollments.put(write, 'individual', enrolled(fresh), change))
  assert.equal((await scene.authenticate([old])).ok, false)
  assert.equal((await scene.register([fresh])).status, 'assigned')
  const after = scene.domain(0).hub.devices.find(device)?.authentication
  assert.ok(before?.type === 'selfSigned' && after?.type === 'selfSigned')
  assert.notEqual(before.primaryThumbprint, after.primaryThumbprint)
})

test('a disabled enrollment refuses, and the device that it made stays', async () => {
  await using scene = await openScene()
  const leaf = leafOf()
  good(await scene.room.enrollments.put(write, 'individual', enrolled(leaf), anew))
  await scene.register([leaf])
  good(await scene.room.enrollments.put(write, 'individual', enrolled(leaf, { provisioningStatus: 'disabled' }), change))
  const refused = await scene.authenticate([leaf])
  assert.equal(refused.ok ? 'ok' : refused.error.code, 'provisioning/unauthorized')
  assert.equal(scene.domain(0).hub.devices.find(device)?.status, 'enabled')
})

test('from one real hub to another: the twin goes along under "migrate", and the device is gone from the old one [azure-wire 7.5]', async () => {
  await using scene = await openScene(['one.example', 'two.example'])
  const leaf = leafOf()
  const at = (iotHubHostName: string, migrateDeviceData: boolean) =>
    enrolled(leaf, {
      initialTwin,
      allocationPolicy: 'static',
      iotHubHostName,
      reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData },
    })
  good(await scene.room.enrollments.put(write, 'individual', at('one.example', true), anew))
  await scene.register([leaf])
  good(await scene.domain(0).hub.twins.patchReported(device, { running: true }))
  good(await scene.room.enrollments.put(write, 'individual', at('two.example', true), change))
  const moved = await scene.register([leaf])
  assert.deepEqual([moved.assignedHub, moved.substatus], ['two.example', 'deviceDataMigrated'])
  assert.deepEqual(await partsOf(scene.domain(1)), [{ site: 'north' }, { rate: 5 }, { running: true }])
  assert.equal(scene.domain(0).hub.devices.find(device), undefined)
  good(await scene.room.enrollments.put(write, 'individual', at('one.example', false), change))
  const reset = await scene.register([leaf])
  assert.deepEqual([reset.assignedHub, reset.substatus], ['one.example', 'deviceDataReset'])
  assert.deepEqual(await partsOf(scene.domain(0)), [{ site: 'north' }, { rate: 5 }, {}])
  assert.equal(scene.domain(1).hub.devices.find(device), undefined)
})

test('a device of a group whose authority the hub trusts is known by its chain, and by its thumbprint where it does not [azure-wire 7.5]', async () => {
  for (const [trusts, type] of [
    [true, 'certificateAuthority'],
    [false, 'selfSigned'],
  ] as const) {
    await using scene = await openScene(['one.example'], trusts)
    const authority = make({ name: 'batch', ca: { pathLength: 0 } })
    const leaf = make({ name: 'pump-1', by: authority })
    const group = {
      enrollmentGroupId: 'batch',
      attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: authority.der.toString('base64') } } } },
    }
    good(await scene.room.enrollments.put(write, 'group', group, anew))
    assert.equal((await scene.register([leaf])).status, 'assigned')
    assert.equal(scene.domain(0).hub.devices.find(device)?.authentication.type, type)
  }
})
