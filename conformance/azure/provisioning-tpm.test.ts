import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import azureDevice from 'azure-iot-device'
import azureMqtt from 'azure-iot-device-mqtt'
import { Amqp } from 'azure-iot-provisioning-device-amqp'
import { Http } from 'azure-iot-provisioning-device-http'
import azureProvisioning from 'azure-iot-provisioning-device'
import azureService from 'azure-iot-provisioning-service'
import { TpmDevice, tpmSecurityClient } from '../../test/swtpm-device.ts'
import { startSoftTpm } from '../../test/swtpm.io.ts'
import { HubProcess } from '../hub.ts'
import { within } from '../until.ts'
import { knowNames } from './names.ts'
import { mayBind } from './suite-hub.ts'

/*
 * The stock provisioning client registers a device by its TPM, over HTTPS and AMQP, and the device connects with tokens that its TPM signs (azure-wire
 * 6.8). The TPM is one in software, and everything in between is as it is on a machine.
 */

const host = 'tpm.suite.test'
const address = '127.0.0.14'

type Scene = AsyncDisposable & {
  readonly host: string
  readonly hub: HubProcess
  readonly idScope: string
  enroll(id: string, device: TpmDevice): Promise<void>
}

async function open(address: string, host: string, sharedKeys: boolean): Promise<Scene | undefined> {
  if (!(await mayBind(address, 443))) return undefined
  await using scope = new AsyncDisposableStack()
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const settings = `names: ["${host}"]
broker: {deniedDelaySeconds: 0}
${sharedKeys ? `authentication: {sas: {allowedUntil: "${until}"}}` : ''}
services: {sharedAccessPolicies: {allowedUntil: "${until}"}}
`
  const hub = scope.use(await HubProcess.open({ host: address, ports: { https: 443, mqtt: 8883, amqp: 5671 }, settings }))
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, hub.rootPem])
  scope.defer(() => setDefaultCACertificates(before))
  scope.use(knowNames({ [host]: address }))
  const { json } = await hub.api('POST', '/api/v1/shared-access-policies', { name: 'dps', rights: ['ServiceConfig'], until })
  const key = String(json['primaryKey'])
  const service = azureService.ProvisioningServiceClient.fromConnectionString(
    `HostName=${host};SharedAccessKeyName=dps;SharedAccessKey=${key}`,
  )
  const { json: told } = await hub.api('GET', '/api/v1/provisioning')
  const held = scope.move()
  return {
    host,
    hub,
    idScope: String(told['idScope']),
    async enroll(registrationId, device) {
      const tpm = { endorsementKey: device.endorsementKey.toString('base64') }
      const enrollment: unknown = { registrationId, attestation: { type: 'tpm', tpm } }
      // The SDK's types demand what its own samples leave out.
      await service.createOrUpdateIndividualEnrollment(enrollment as Parameters<typeof service.createOrUpdateIndividualEnrollment>[0])
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

let shared: ReturnType<typeof open> | undefined
test.after(async () => (await shared)?.[Symbol.asyncDispose]())

async function scene(t: TestContext): Promise<Scene | undefined> {
  shared ??= open(address, host, true)
  const found = await shared
  if (found === undefined) t.skip('port 443 may not be bound here, and the SDK takes no other')
  return found
}

function register({ idScope, host: at }: Scene, device: TpmDevice, id: string, transport: 'HTTPS' | 'AMQP') {
  const client = azureProvisioning.ProvisioningDeviceClient.create(
    at,
    idScope,
    transport === 'HTTPS' ? new Http() : new Amqp(),
    tpmSecurityClient(device, id),
  )
  return within(`${id} registers`, 30_000, Promise.resolve(client.register()))
}

/** A token of the hub, signed inside the TPM. */
async function tokenOf(device: TpmDevice, id: string): Promise<string> {
  const resource = encodeURIComponent(`${host}/devices/${id}`)
  const expiry = String(Math.floor(Date.now() / 1_000) + 600)
  const signature = await device.hmac(Buffer.from(`${resource}\n${expiry}`))
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature.toString('base64'))}&se=${expiry}`
}

for (const transport of ['HTTPS', 'AMQP'] as const)
  test(`M19: a device with a TPM registers over ${transport}, and connects with tokens that its TPM signs (azure-wire 6.8)`, async (t) => {
    const found = await scene(t)
    if (found === undefined) return
    const id = `tpm-${transport.toLowerCase()}`
    await using tpm = await startSoftTpm()
    using device = new TpmDevice(tpm.tcti)
    await device.prepare(transport === 'HTTPS' ? 'rsa' : 'ecc')
    await found.enroll(id, device)
    const result = await register(found, device, id, transport)
    const state: unknown = Object(result).registrationState
    assert.deepEqual([Object(state).assignedHub, Object(state).deviceId], [host, id])
    const client = azureDevice.Client.fromSharedAccessSignature(await tokenOf(device, id), azureMqtt.Mqtt)
    await within('it connects', 10_000, client.open())
    await within('it sends', 10_000, client.sendEvent(new azureDevice.Message('from a TPM')))
    await client.close()
    assert.ok((await found.hub.facts()).some(({ kind, device: of }) => kind === 'telemetry' && of === id))

    // A TPM of somebody else registers under no name that is not its own. (Over AMQP this client hangs when it is refused.)
    await using other = await startSoftTpm()
    using stranger = new TpmDevice(other.tcti)
    await stranger.prepare('ecc')
    await assert.rejects(register(found, stranger, id, 'HTTPS'), 'another TPM registers under its name')
  })

test('where shared keys are off, a device with a TPM is on the hub by none: its registration fails, and says why', async (t) => {
  await using found = await open('127.0.0.15', 'off.suite.test', false)
  if (found === undefined) return t.skip('port 443 may not be bound here, and the SDK takes no other')
  await using tpm = await startSoftTpm()
  using device = new TpmDevice(tpm.tcti)
  await device.prepare('ecc')
  await found.enroll('tpm-off', device)
  await assert.rejects(register(found, device, 'tpm-off', 'HTTPS'))
  const failed = (await found.hub.facts()).find(({ kind }) => kind === 'registration-failed')
  assert.match(String(failed?.['message']), /Devices with shared keys are off/)
  assert.equal((await found.hub.api('GET', '/api/v1/devices/tpm-off')).status, 404)
})
