import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { auditMigrations, openAudit } from '#audit'
import { type Instant, type Result, instant, ok, plus } from '#base'
import { openForeignTrust } from '#pki'
import { FakeClock } from '../../test/fake-clock.ts'
import { openSeal } from '../../test/domain-scene.ts'
import { openTestStore } from '../../test/open-test-store.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import { type Party, make } from '../../test/throwaway-ca.ts'
import type { Operation, RegisterRequest } from './device.ts'
import type { JsonObject } from './enrollment.ts'
import type { Placement, ProvisioningPorts } from './ports.ts'
import { openProvisioning, provisioningMigrations } from './provisioning.ts'

const write = systemGrant('enrollment.write', 'test')
const apiVersion = '2019-03-31'
const start = Date.UTC(2026, 0, 1)

async function openScene(options: { readonly keysUntil?: Instant } = {}) {
  const held = await openTestStore([...auditMigrations, ...provisioningMigrations])
  const clock = new FakeClock(start)
  const { signal } = new AbortController()
  const audit = await openAudit({ store: held.store, clock }, signal)
  const placed: Placement[] = []
  const written: [string, unknown][] = []
  const told: Parameters<ProvisioningPorts['tell']>[0][] = []
  const hub = (hostName: string) => ({
    hostName,
    region: undefined,
    trusts: () => false,
    async place(placement: Placement) {
      const isNew = !placed.some(({ deviceId }) => deviceId === placement.deviceId)
      placed.push(placement)
      return ok(isNew ? ('created' as const) : ('kept' as const))
    },
    readTwin: async () => ok({ tags: { from: hostName }, desired: {}, reported: {} }),
    async writeTwin(device: string, twin: unknown) {
      written.push([device, twin])
      return ok(undefined)
    },
    remove: async () => ok(undefined),
  })
  const hubs = [hub('one.example')]
  const ports: ProvisioningPorts = {
    ...openSeal,
    store: held.store,
    clock,
    random: new SeededRandom(7),
    commit: audit.commit,
    tell: (fact) => void told.push(fact),
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
    trouble: (what, error) => assert.fail(`${what}: ${String(error)}`),
  }
  const config = { idScope: '0ne00000001', symmetricKeysUntil: options.keysUntil, webhookHosts: [] }
  const room = await openProvisioning(config, ports, signal)
  const claim = { idScope: '0ne00000001', address: '192.0.2.1', token: undefined, certificates: [] }
  const chain = (id: string, parties: readonly Party[]) =>
    room.device.authenticate({ ...claim, registrationId: id, certificates: parties.map(({ der }) => der) })
  const token = (id: string, key: Buffer, seconds = 3_600) => {
    const resource = `0ne00000001/registrations/${id}`
    const expiry = String(Math.floor(clock.now() / 1_000) + seconds)
    const signature = createHmac('sha256', key).update(`${resource}\n${expiry}`).digest('base64')
    const text = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&skn=registration&se=${expiry}`
    return room.device.authenticate({ ...claim, registrationId: id, token: text })
  }
  const register = async (proven: Awaited<ReturnType<typeof chain>>, more: Partial<RegisterRequest> = {}): Promise<Operation> => {
    const registrant = good(proven)
    const begun = good(await room.device.register(registrant, { apiVersion, ...more }))
    assert.equal(begun.status, 'assigning')
    await room[Symbol.asyncDispose]()
    return good(await room.device.operation(registrant, begun.operationId))
  }
  return { clock, room, chain, token, register, placed, written, told, hubs, [Symbol.asyncDispose]: () => held[Symbol.asyncDispose]() }
}

function good<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? '' : `${result.error.code}: ${result.error.message} ${result.error.detail ?? ''}`)
  return result.value
}

function no(result: Result<unknown>, code = 'provisioning/unauthorized'): void {
  assert.equal(result.ok ? 'ok' : result.error.code, code)
}

const individual = (id: string, leaf: Party, more: JsonObject = {}) => ({
  registrationId: id,
  attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: leaf.der.toString('base64') } } } },
  ...more,
})
const group = (id: string, authority: Party, more: JsonObject = {}) => ({
  enrollmentGroupId: id,
  attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: authority.der.toString('base64') } } } },
  ...more,
})
const anew = { ifMatch: undefined }

test('a device with the certificate of its enrollment is assigned under its thumbprint, with its first twin [azure-wire 6.1, 7.5]', async () => {
  await using scene = await openScene()
  const leaf = make({ name: 'pump-1' })
  const twin = { tags: { site: 'north' }, properties: { desired: { rate: 5 } } }
  good(await scene.room.enrollments.put(write, 'individual', individual('Pump-1', leaf, { initialTwin: twin }), anew))
  const done = await scene.register(await scene.chain('pump-1', [leaf]))
  assert.equal(done.status, 'assigned')
  const state = done.registrationState
  assert.ok(typeof state === 'object' && state !== null && 'assignedHub' in state)
  assert.equal(state['assignedHub'], 'one.example')
  assert.equal(state['deviceId'], 'Pump-1')
  assert.equal(state['substatus'], 'initialAssignment')
  assert.equal(scene.placed[0]?.identity.type, 'selfSigned')
  assert.deepEqual(scene.written, [['Pump-1', { tags: { site: 'north' }, desired: { rate: 5 }, reported: {} }]])
  assert.equal(scene.told.at(-1)?.kind, 'device-registered')
})

test('registering again gives the same device, and its twin stays [azure-wire 7.5]', async () => {
  await using scene = await openScene()
  const leaf = make({ name: 'pump-1' })
  good(await scene.room.enrollments.put(write, 'individual', individual('pump-1', leaf, { initialTwin: { tags: { a: 1 } } }), anew))
  const first = await scene.register(await scene.chain('pump-1', [leaf]))
  const second = await scene.register(await scene.chain('PUMP-1', [leaf]))
  assert.notEqual(first.operationId, second.operationId)
  assert.equal(second.status, 'assigned')
  assert.equal(scene.written.length, 1)
  assert.equal(scene.placed[1]?.mayChange, true)
})

test('another certificate, a disabled enrollment, another scope and an unknown name are one answer [azure-wire 6.6]', async () => {
  await using scene = await openScene()
  const { enrollments, device } = scene.room
  const [leaf, other] = [make({ name: 'pump-1' }), make({ name: 'pump-1' })]
  good(await enrollments.put(write, 'individual', individual('pump-1', leaf), anew))
  no(await scene.chain('pump-1', [other]))
  no(await scene.chain('pump-2', [leaf]))
  const claim = { registrationId: 'pump-1', token: undefined, certificates: [leaf.der], address: '192.0.2.1' }
  no(await device.authenticate({ ...claim, idScope: '0neOTHER' }))
  const disabled = individual('pump-1', leaf, { provisioningStatus: 'disabled' })
  good(await enrollments.put(write, 'individual', disabled, { ifMatch: '*' }))
  no(await scene.chain('pump-1', [leaf]))
})

test('the group nearest to the leaf decides: disabled, it refuses what a group of the root would take [azure-wire 7.4]', async () => {
  await using scene = await openScene()
  const root = make({ name: 'root', ca: { pathLength: 2 } })
  const batch = make({ name: 'batch', by: root, ca: { pathLength: 0 } })
  const leaf = make({ name: 'pump-7', by: batch })
  const { enrollments } = scene.room
  good(await enrollments.put(write, 'group', group('all', root), anew))
  assert.equal((await scene.register(await scene.chain('pump-7', [leaf, batch]))).status, 'assigned')
  good(await enrollments.put(write, 'group', group('batch', batch, { provisioningStatus: 'disabled' }), anew))
  no(await scene.chain('pump-7', [leaf, batch]))
})

test('a proof ends when its enrollment is changed', async () => {
  await using scene = await openScene()
  const leaf = make({ name: 'pump-1' })
  good(await scene.room.enrollments.put(write, 'individual', individual('pump-1', leaf), anew))
  const registrant = good(await scene.chain('pump-1', [leaf]))
  good(await scene.room.enrollments.remove(write, 'individual', 'pump-1', undefined))
  no(await scene.room.device.register(registrant, { apiVersion }))
})

test('the derived keys of the published vector prove devices of a group, while shared keys are on [azure-wire 1.7]', async () => {
  await using scene = await openScene({ keysUntil: plus(instant(start), 7_200_000) })
  const primaryKey = 'oiK77Oy7rBw8YB6IS6ukRChAw+Yq6GC61RMrPLSTiOOtdI+XDu0LmLuNm11p+qv2I+adqGUdZHm46zXAQdZoOA=='
  const json = { enrollmentGroupId: 'g1', attestation: { type: 'symmetricKey', symmetricKey: { primaryKey, secondaryKey: '' } } }
  good(await scene.room.enrollments.put(write, 'group', json, anew))
  const derived = Buffer.from('JC8F96eayuQwwz+PkE7IzjH2lIAjCUnAa61tDigBnSs=', 'base64')
  const id = 'breakroom499-contoso-tstrsd-007'
  assert.equal((await scene.register(await scene.token(id, derived))).status, 'assigned')
  const identity = scene.placed[0]?.identity
  assert.ok(identity?.type === 'sas' && identity.primary.equals(derived))
  no(await scene.token('mainbuilding167-contoso-hpsd-088', derived))
  no(await scene.token(id, derived, 2 * 86_400))
  scene.clock.advance(7_200_000)
  no(await scene.token(id, derived))
})

test('enrollments with shared keys are off until the operator says until when [design 6]', async () => {
  await using scene = await openScene()
  const json = { registrationId: 'r1', attestation: { type: 'symmetricKey' } }
  no(await scene.room.enrollments.put(write, 'individual', json, anew), 'provisioning/symmetric-keys-off')
})

test('PUT of an enrollment that is there needs its etag, and the right one [azure-wire 7.1, 7.2]', async () => {
  await using scene = await openScene()
  const { enrollments } = scene.room
  const leaf = make({ name: 'r1' })
  const first = good(await enrollments.put(write, 'individual', individual('r1', leaf), anew))
  no(await enrollments.put(write, 'individual', individual('r1', leaf), anew), 'provisioning/enrollment-exists')
  no(await enrollments.put(write, 'individual', individual('r1', leaf), { ifMatch: '"old"' }), 'provisioning/etag-differs')
  const second = good(await enrollments.put(write, 'individual', individual('r1', leaf), { ifMatch: `"${first.etag}"` }))
  assert.notEqual(second.etag, first.etag)
})

test('after many failures an address is not looked at, and the others are', async () => {
  await using scene = await openScene()
  const leaf = make({ name: 'pump-1' })
  good(await scene.room.enrollments.put(write, 'individual', individual('pump-1', leaf), anew))
  for (let n = 0; n < 100; n++) no(await scene.chain('nobody', [leaf]))
  no(await scene.chain('pump-1', [leaf]), 'provisioning/too-many-attempts')
  const elsewhere = { idScope: '0ne00000001', registrationId: 'pump-1', token: undefined, certificates: [leaf.der], address: '192.0.2.9' }
  good(await scene.room.device.authenticate(elsewhere))
})
