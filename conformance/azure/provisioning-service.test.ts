import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import azure from 'azure-iot-provisioning-service'
import { make } from '../../test/throwaway-ca.ts'
import { openBackEnd } from './back-end.ts'

/*
 * The stock provisioning service SDK against a real hub, changed in its connection string alone (azure-wire 7, M19).
 */

const { ProvisioningServiceClient } = azure
type Client = InstanceType<typeof ProvisioningServiceClient>

async function open() {
  const hub = await openBackEnd('127.0.0.12')
  if (hub === undefined) return undefined
  const soon = new Date(Date.now() + 3_600_000).toISOString()
  const client = async (name: string, rights: readonly string[]): Promise<Client> => {
    const made = await hub.process.api('POST', '/api/v1/shared-access-policies', { name, rights, until: soon })
    assert.equal(made.status, 201, made.text)
    const key = String(made.json['primaryKey'])
    return ProvisioningServiceClient.fromConnectionString(`HostName=${hub.host};SharedAccessKeyName=${name};SharedAccessKey=${key}`)
  }
  const owner = await client('dps', ['ServiceConfig'])
  const reader = await client('dpsread', ['EnrollmentRead', 'RegistrationStatusRead'])
  return { hub, owner, reader, [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose]() }
}

let shared: ReturnType<typeof open> | undefined
test.after(async () => (await shared)?.[Symbol.asyncDispose]())

async function scene(t: TestContext) {
  shared ??= open()
  const found = await shared
  if (found === undefined) t.skip('port 443 may not be bound here, and the SDK takes no other')
  return found
}

/** What the SDK throws: its class, the status, and the six digits of the body. */
const refusedAs = (name: string, status: number, code: number) => (error: unknown) => {
  const { name: thrown, response, responseBody } = Object(error)
  const said = JSON.parse(String(responseBody))
  assert.deepEqual([thrown, Object(response).statusCode, said.errorCode], [name, status, code], `${String(error)} ${String(responseBody)}`)
  assert.deepEqual(Object.keys(said), ['errorCode', 'trackingId', 'message', 'info', 'timestampUtc'])
  return true
}

/** What goes to the SDK. Its types ask for members that the service itself fills in. */
const sent = (enrollment: object) => JSON.parse(JSON.stringify(enrollment))

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/(.{64})(?!$)/g, '$1\n')}\n-----END CERTIFICATE-----\n`

test('M19: an individual enrollment is made, read, changed by its etag and deleted, each refusal of its class', async (t) => {
  const found = await scene(t)
  if (found === undefined) return
  const { owner } = found
  const leaf = make({ name: 'Pump-1' })
  const enrollment = {
    registrationId: 'Pump-1',
    deviceId: 'pump-one',
    attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: pem(leaf.der) } } } },
    initialTwin: { tags: { site: 'north' }, properties: { desired: { rate: 5 } } },
    capabilities: { iotEdge: false },
  } as const
  const made = (await owner.createOrUpdateIndividualEnrollment(sent(enrollment))).responseBody
  assert.deepEqual([made.registrationId, made.deviceId, made.provisioningStatus], ['Pump-1', 'pump-one', 'enabled'])
  assert.match(made.etag ?? '', /^".+"$/)
  const { primary } = Object(Object(made.attestation).x509).clientCertificates
  assert.equal(primary.certificate, undefined)
  assert.equal(primary.info.sha256Thumbprint.length, 64)
  const read = (await owner.getIndividualEnrollment('pump-1')).responseBody
  assert.deepEqual(read, made)
  await assert.rejects(owner.createOrUpdateIndividualEnrollment(sent(enrollment)), refusedAs('DeviceAlreadyExistsError', 409, 409_201))
  const changed = (await owner.createOrUpdateIndividualEnrollment({ ...read, provisioningStatus: 'disabled' })).responseBody
  assert.deepEqual([changed.provisioningStatus, changed.etag === made.etag], ['disabled', false])
  assert.deepEqual(changed.attestation, made.attestation)
  await assert.rejects(owner.createOrUpdateIndividualEnrollment(read), refusedAs('InvalidEtagError', 412, 412_000))
  await assert.rejects(owner.deleteIndividualEnrollment(read), refusedAs('InvalidEtagError', 412, 412_000))
  await owner.deleteIndividualEnrollment(changed)
  await assert.rejects(owner.getIndividualEnrollment('Pump-1'), refusedAs('Error', 404, 404_201))
  await assert.rejects(owner.deleteIndividualEnrollment('Pump-1'), refusedAs('Error', 404, 404_201))
  const without = { registrationId: 'x', attestation: { type: 'x509', x509: {} } } as const
  await assert.rejects(owner.createOrUpdateIndividualEnrollment(sent(without)), refusedAs('ArgumentError', 400, 400_004))
})

test('M19: keys are invented, are shown by attestationmechanism alone, and only to who may write', async (t) => {
  const found = await scene(t)
  if (found === undefined) return
  const { owner, reader } = found
  const given = Buffer.alloc(32, 7).toString('base64')
  const keyed = {
    registrationId: 'keyed',
    attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: given, secondaryKey: '' } },
  } as const
  await owner.createOrUpdateIndividualEnrollment(sent(keyed))
  const read = await reader.getIndividualEnrollment('keyed')
  assert.doesNotMatch(JSON.stringify(read.responseBody), /primaryKey/)
  const { symmetricKey } = Object((await owner.getIndividualEnrollmentAttestationMechanism('keyed')).responseBody)
  assert.equal(symmetricKey.primaryKey, given)
  assert.equal(Buffer.from(symmetricKey.secondaryKey, 'base64').length, 64)
  await assert.rejects(reader.getIndividualEnrollmentAttestationMechanism('keyed'), refusedAs('UnauthorizedError', 401, 401_002))
  const group = {
    enrollmentGroupId: 'keyed-all',
    attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: '', secondaryKey: '' } },
  } as const
  await owner.createOrUpdateEnrollmentGroup(sent(group))
  const ofGroup = Object((await owner.getEnrollmentGroupAttestationMechanism('keyed-all')).responseBody).symmetricKey
  assert.notEqual(ofGroup.primaryKey, ofGroup.secondaryKey)
  // What was read goes back as it is, without keys: they stay.
  await owner.createOrUpdateIndividualEnrollment({ ...read.responseBody, provisioningStatus: 'disabled' })
  const after = Object((await owner.getIndividualEnrollmentAttestationMechanism('keyed')).responseBody).symmetricKey
  assert.deepEqual(after, symmetricKey)
})

test('M19: a group of an authority is made, read, changed, queried and deleted', async (t) => {
  const found = await scene(t)
  if (found === undefined) return
  const { owner, reader } = found
  const authority = make({ name: 'batch', ca: { pathLength: 0 } })
  const group = {
    enrollmentGroupId: 'Batch-1',
    attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: pem(authority.der) } } } },
    allocationPolicy: 'hashed',
    reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: false },
  } as const
  const made = (await owner.createOrUpdateEnrollmentGroup(sent(group))).responseBody
  assert.deepEqual(Object(made).reprovisionPolicy, group.reprovisionPolicy)
  const changed = (await owner.createOrUpdateEnrollmentGroup({ ...made, provisioningStatus: 'disabled' })).responseBody
  assert.equal(changed.provisioningStatus, 'disabled')
  const disabled = { query: "SELECT * FROM enrollmentGroups WHERE provisioningStatus = 'disabled'" }
  const { responseBody: listed } = await reader.createEnrollmentGroupQuery(disabled).next()
  assert.deepEqual(Object(listed), [changed])
  const states = await reader.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, 'Batch-1').next()
  assert.deepEqual(Object(states.responseBody), [])
  await owner.deleteEnrollmentGroup('batch-1')
  await assert.rejects(owner.getEnrollmentGroup('Batch-1'), refusedAs('Error', 404, 404_201))
})

test('M19: bulk operations answer item by item, to a callback', async (t) => {
  const found = await scene(t)
  if (found === undefined) return
  const { owner } = found
  const many = (mode: 'create' | 'update' | 'updateIfMatchETag' | 'delete', ids: readonly string[], more = {}) => {
    const enrollments = ids.map((registrationId) => ({ registrationId, attestation: { type: 'symmetricKey' as const }, ...more }))
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    // The promise that it returns never settles (azure-wire 7.1).
    owner.runBulkEnrollmentOperation(sent({ mode, enrollments }), (error, done) => (error ? reject(error) : resolve(done)))
    return promise
  }
  assert.deepEqual(await many('create', ['bulk-1', 'bulk-2', 'bulk-3']), { isSuccessful: true, errors: [] })
  const again = Object(await many('create', ['bulk-3', 'bulk-4']))
  assert.equal(again.isSuccessful, false)
  assert.deepEqual([again.errors.length, again.errors[0].registrationId, again.errors[0].errorCode], [1, 'bulk-3', 409_201])
  assert.equal(Object(await many('update', ['bulk-1'], { provisioningStatus: 'disabled' })).isSuccessful, true)
  assert.equal(Object(await many('updateIfMatchETag', ['bulk-1'], { etag: '"old"' })).errors[0].errorCode, 412_000)
  assert.equal((await owner.getIndividualEnrollment('bulk-1')).responseBody.provisioningStatus, 'disabled')
  const eleven = Array.from({ length: 11 }, (_, n) => `more-${n}`)
  await assert.rejects(many('create', eleven), refusedAs('ArgumentError', 400, 400_004))
  const pages: string[][] = []
  const query = owner.createIndividualEnrollmentQuery({ query: "SELECT * FROM enrollments WHERE registrationId != 'keyed'" }, 3)
  // Without the token, its promises begin anew.
  do
    pages.push(
      Object((await query.next(query.continuationToken)).responseBody).map((one: { registrationId: string }) => one.registrationId),
    )
  while (query.hasMoreResults)
  assert.deepEqual(pages, [['bulk-1', 'bulk-2', 'bulk-3'], ['bulk-4']])
  assert.equal(Object(await many('delete', ['bulk-1', 'bulk-2', 'bulk-3', 'bulk-4'])).isSuccessful, true)
})

test('M19: who only reads changes nothing, and a state that is not there is not found', async (t) => {
  const found = await scene(t)
  if (found === undefined) return
  const { owner, reader } = found
  const one = { registrationId: 'mine', attestation: { type: 'symmetricKey' } } as const
  await assert.rejects(reader.createOrUpdateIndividualEnrollment(sent(one)), refusedAs('UnauthorizedError', 401, 401_002))
  await assert.rejects(reader.deleteIndividualEnrollment('mine'), refusedAs('UnauthorizedError', 401, 401_002))
  await assert.rejects(reader.deleteDeviceRegistrationState('mine'), refusedAs('UnauthorizedError', 401, 401_002))
  await assert.rejects(reader.getDeviceRegistrationState('mine'), refusedAs('Error', 404, 404_201))
  await assert.rejects(owner.deleteDeviceRegistrationState('mine'), refusedAs('Error', 404, 404_201))
  const wrong = ProvisioningServiceClient.fromConnectionString(
    `HostName=${found.hub.host};SharedAccessKeyName=dps;SharedAccessKey=${Buffer.alloc(32).toString('base64')}`,
  )
  await assert.rejects(wrong.getIndividualEnrollment('mine'), refusedAs('UnauthorizedError', 401, 401_002))
})
