import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import azureDevice from 'azure-iot-device'
import azureProvisioning from 'azure-iot-provisioning-device'
import provisioningAmqp from 'azure-iot-provisioning-device-amqp'
import provisioningHttp from 'azure-iot-provisioning-device-http'
import provisioningMqtt from 'azure-iot-provisioning-device-mqtt'
import azureService from 'azure-iot-provisioning-service'
import azureSymmetric from 'azure-iot-security-symmetric-key'
import azureX509 from 'azure-iot-security-x509'
import { type Party, make } from '../../test/throwaway-ca.ts'
import { within } from '../until.ts'
import { type Case, type DeviceOver, closedDevice, deviceOver, deviceTransports, optionsFor, transportOf } from './case.ts'
import { type SuiteHub, suiteHost } from './suite-hub.ts'

/*
 * Devices that register with the stock provisioning SDK, and then are devices of the hub that they were given (azure-wire 11.3, M10 to M12; 11.4, S9).
 * Enrollments are made with the stock SDK for back ends. TPMs have a test of their own.
 */

const { Client, Message } = azureDevice
const { ProvisioningDeviceClient } = azureProvisioning
const { ProvisioningServiceClient } = azureService
const { SymmetricKeySecurityClient } = azureSymmetric
const { X509Security } = azureX509

/** What the SDK wants to be told of a transport. */
const provisioningTransport = {
  mqtt: provisioningMqtt.Mqtt,
  'mqtt-ws': provisioningMqtt.MqttWs,
  amqp: provisioningAmqp.Amqp,
  'amqp-ws': provisioningAmqp.AmqpWs,
  http: provisioningHttp.Http,
} as const

type Service = { readonly idScope: string; readonly enrollments: InstanceType<typeof ProvisioningServiceClient> }
type Security = InstanceType<typeof SymmetricKeySecurityClient> | InstanceType<typeof X509Security>

const services = new WeakMap<SuiteHub, Promise<Service>>()

/** The provisioning service of the hub, for a back end that may write enrollments. */
function serviceOf(suite: SuiteHub): Promise<Service> {
  const found = services.get(suite) ?? openService(suite)
  services.set(suite, found)
  return found
}

async function openService({ hub }: SuiteHub): Promise<Service> {
  const until = new Date(Date.now() + 1_800_000).toISOString()
  const made = await hub.api('POST', '/api/v1/shared-access-policies', { name: 'enrolls', rights: ['ServiceConfig'], until })
  assert.equal(made.status, 201, made.text)
  const connection = `HostName=${suiteHost};SharedAccessKeyName=enrolls;SharedAccessKey=${String(made.json['primaryKey'])}`
  const { json } = await hub.api('GET', '/api/v1/provisioning')
  return { idScope: String(json['idScope']), enrollments: ProvisioningServiceClient.fromConnectionString(connection) }
}

/** Enrolls by JSON, as the SDK sends it: its types ask for what the service alone fills in. */
async function enroll(suite: SuiteHub, kind: 'individual' | 'group', enrollment: object): Promise<void> {
  const { enrollments } = await serviceOf(suite)
  const sent = JSON.parse(JSON.stringify(enrollment))
  const made =
    kind === 'individual' ? enrollments.createOrUpdateIndividualEnrollment(sent) : enrollments.createOrUpdateEnrollmentGroup(sent)
  await within('an enrollment is made', 10_000, Promise.resolve(made))
}

async function register(suite: SuiteHub, over: DeviceOver, security: Security, scope?: string) {
  const { idScope } = await serviceOf(suite)
  const transport = new provisioningTransport[over]()
  // Their package of keys and their client do not agree on types.
  const client = Object(ProvisioningDeviceClient).create(suiteHost, scope ?? idScope, transport, security)
  return Object(await within('the registration ends', 20_000, Promise.resolve(client.register())))
}

/** The device is one of the hub: what it sends is read by a back end. */
async function sends(
  suite: SuiteHub,
  id: string,
  client: { sendEvent(message: InstanceType<typeof Message>): Promise<unknown> },
): Promise<void> {
  await within('a message is sent', 15_000, client.sendEvent(new Message(JSON.stringify(id))))
  const [event] = await suite.telemetryOf(id, 1)
  assert.equal(event?.body, id)
}

async function sendsByKey(suite: SuiteHub, over: DeviceOver, id: string, key: string): Promise<void> {
  await using client = await deviceOver(suite, over, `HostName=${suiteHost};DeviceId=${id};SharedAccessKey=${key}`)
  await sends(suite, id, client)
}

async function sendsByCertificate(suite: SuiteHub, over: DeviceOver, id: string, proof: Pem): Promise<void> {
  const connection = `HostName=${suiteHost};DeviceId=${id};x509=true`
  await using client = closedDevice(Client.fromConnectionString(connection, transportOf[over]))
  await client.setOptions({ ...optionsFor(suite, over), ...proof })
  await within('the device opens', 15_000, client.open())
  await sends(suite, id, client)
}

function isAssigned(result: Readonly<Record<string, unknown>>, id: string): void {
  const { status, substatus, assignedHub, deviceId } = result
  assert.deepEqual([status, substatus, assignedHub, deviceId], ['assigned', 'initialAssignment', suiteHost, id])
}

type Pem = { readonly cert: string; readonly key: string }

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function pemOf({ der, key }: Party, ...issuers: readonly Party[]): Pem {
  return { cert: [der, ...issuers.map((one) => one.der)].map(pem).join(''), key: key.export({ type: 'pkcs8', format: 'pem' }) }
}

const signedBy = (der: Buffer) => ({ type: 'x509', x509: { signingCertificates: { primary: { certificate: pem(der) } } } })
const shown = (der: Buffer) => ({ type: 'x509', x509: { clientCertificates: { primary: { certificate: pem(der) } } } })
const keyed = (key: string) => ({ type: 'symmetricKey', symmetricKey: { primaryKey: key, secondaryKey: '' } })
const newKey = () => randomBytes(64).toString('base64')

const rowOf = (over: DeviceOver, byKey: boolean): string =>
  over.startsWith('amqp') ? 'S9' : over === 'http' ? 'M12' : byKey ? 'M10' : 'M11'

const keys = (over: DeviceOver): readonly Case[] => [
  {
    row: rowOf(over, true),
    title: 'a device with a key of its own registers, and sends a message',
    over,
    async play(suite, id) {
      const key = newKey()
      await enroll(suite, 'individual', { registrationId: id, attestation: keyed(key) })
      isAssigned(await register(suite, over, new SymmetricKeySecurityClient(id, key)), id)
      await sendsByKey(suite, over, id, key)
    },
  },
  {
    row: rowOf(over, true),
    title: 'a device with a key derived from that of its group registers, and sends a message',
    over,
    async play(suite, id) {
      const key = newKey()
      await enroll(suite, 'group', { enrollmentGroupId: id, provisioningStatus: 'enabled', attestation: keyed(key) })
      const device = `${id}-member`
      const derived = createHmac('sha256', Buffer.from(key, 'base64')).update(device).digest('base64')
      isAssigned(await register(suite, over, new SymmetricKeySecurityClient(device, derived)), device)
      await sendsByKey(suite, over, device, derived)
    },
  },
  {
    row: rowOf(over, true),
    title: 'a wrong key, an unknown id, another id scope and a disabled enrollment are refused, all alike',
    over,
    async play(suite, id) {
      const key = newKey()
      await enroll(suite, 'individual', { registrationId: id, attestation: keyed(key) })
      await enroll(suite, 'individual', { registrationId: `${id}-off`, attestation: keyed(key), provisioningStatus: 'disabled' })
      const said = new Set<string>()
      for (const [name, with_, scope] of [
        [id, newKey(), undefined],
        [`${id}-nobody`, key, undefined],
        [id, key, '0ne00000000'],
        [`${id}-off`, key, undefined],
      ] as const) {
        const error: unknown = await register(suite, over, new SymmetricKeySecurityClient(name, with_), scope).catch(
          (thrown: unknown) => thrown,
        )
        assert.ok(error instanceof Error, `${name} is refused`)
        said.add(error.name)
      }
      assert.equal(said.size, 1, [...said].join())
    },
  },
]

const certificates = (over: DeviceOver): readonly Case[] => [
  {
    row: rowOf(over, false),
    title: 'a device with a certificate of its own registers, and sends a message',
    over,
    async play(suite, id) {
      const leaf = make({ name: id })
      await enroll(suite, 'individual', { registrationId: id, attestation: shown(leaf.der) })
      isAssigned(await register(suite, over, new X509Security(id, pemOf(leaf))), id)
      await sendsByCertificate(suite, over, id, pemOf(leaf))
    },
  },
  {
    row: rowOf(over, false),
    title: 'a device of a group, by the certificate that signed its own, registers, and sends a message',
    over,
    async play(suite, id) {
      const authority = make({ name: `Makers of ${id}`, ca: { pathLength: 0 } })
      await enroll(suite, 'group', { enrollmentGroupId: id, provisioningStatus: 'enabled', attestation: signedBy(authority.der) })
      const device = `${id}-member`
      const proof = pemOf(make({ name: device, by: authority }), authority)
      isAssigned(await register(suite, over, new X509Security(device, proof)), device)
      await sendsByCertificate(suite, over, device, proof)
      // One of another maker has the right name, and a chain that ends nowhere.
      const other = make({ name: `Others of ${id}`, ca: { pathLength: 0 } })
      const wrong = pemOf(make({ name: `${id}-other`, by: other }), other)
      await assert.rejects(register(suite, over, new X509Security(`${id}-other`, wrong)))
    },
  },
]

/** Cases of devices that register. */
export const provisioningCases: readonly Case[] = deviceTransports.flatMap((over) => keys(over).concat(certificates(over)))
