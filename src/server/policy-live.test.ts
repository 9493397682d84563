import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { type IClientOptions, type MqttClient, connectAsync } from 'mqtt'
import { systemGrant } from '#access'
import { systemClock, systemRandom } from '#base'
import { type Fact, decodeRecord } from '#journal'
import { authorization } from '../../test/policy-fixture.ts'
import { device, temporaryDirectory } from '../../test/throwaway-pki.ts'
import { parseConfig } from './config.io.ts'
import { openDataDirectory } from './data-directory.io.ts'
import { openLog } from './log.io.ts'
import { proposeShrink } from './policy-usage.ts'
import { type Rooms, openRooms } from './rooms.io.ts'

const write = systemGrant('policy.write', 'hub')
const read = systemGrant('policy.read', 'hub')
const { signal } = new AbortController()

/** The real rooms on a data directory of their own; `connect` registers a device if need be and connects it with a certificate of ours. */
async function hub() {
  const scope = new AsyncDisposableStack()
  const directory = scope.use(await temporaryDirectory())
  const config = parseConfig(
    {
      data: join(directory.path, 'data'),
      'key-file': join(directory.path, 'root.key'),
      'mqtt-port': '0',
      'https-port': '0',
      'amqp-port': '0',
      workers: '1',
    },
    {},
  )
  assert.ok(config.ok)
  await openDataDirectory(config.value.dataDirectory)
  const world = { clock: systemClock, random: systemRandom, log: openLog('error', () => {}), step: () => {}, environment: {} }
  const hubId = randomBytes(8).toString('hex')
  let running = new AsyncDisposableStack()
  const open = (isNew: boolean) => openRooms(config.value, hubId, isNew, world, running, signal)
  let rooms = await open(true)
  scope.defer(() => running.disposeAsync())
  return {
    get rooms(): Rooms {
      return rooms
    },
    async restart() {
      await running.disposeAsync()
      running = new AsyncDisposableStack()
      rooms = await open(false)
    },
    async connect(name: string, options: IClientOptions = {}): Promise<MqttClient> {
      const id = device(name)
      if (rooms.hub.devices.find(name) === undefined)
        await rooms.hub.devices.add(systemGrant('device.write', 'x'), [{ id, authentication: { type: 'certificateAuthority' } }])
      const issued = await rooms.pki.issueDevice(systemGrant('certificate.issue', 'x'), { deviceId: id, generate: true })
      assert.ok(issued.ok && issued.value.privateKeyPem !== undefined)
      const { certificatePem: cert, privateKeyPem } = issued.value
      const key = privateKeyPem.use((bytes) => bytes.toString())
      const tls = { ca: rooms.pki.rootPem, cert, key, host: '127.0.0.1', port: rooms.gateway.mqttPort, servername: 'localhost' }
      const client = await connectAsync({ protocol: 'mqtts', ...tls, protocolVersion: 5, reconnectPeriod: 0, clientId: name, ...options })
      scope.defer(() => void client.end(true))
      return client
    },
    async facts(): Promise<readonly Fact[]> {
      await rooms.journal.flushed()
      const { records } = await rooms.journal.read(0, { records: 10_000, bytes: 10_000_000 })
      return records.flatMap((record) => {
        const fact = 'bytes' in record ? decodeRecord(record.bytes) : undefined
        return fact?.ok === true ? [fact.value] : []
      })
    },
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  }
}

/** The reason code of the DISCONNECT that the hub will send. */
function disconnected(client: MqttClient): Promise<number | undefined> {
  return new Promise((resolve) => client.once('disconnect', (packet) => resolve(packet.reasonCode)))
}

const narrow = authorization(
  'hub-devices',
  `- principals: {attributes: [{thingwall.device: pump-1}]}
  brokerResources: [{method: Connect}, {method: Publish, topics: ["devices/{principal.username}/messages/events/#"]}]
- principals: {attributes: [{thingwall.device: pump-2}]}
  brokerResources: [{method: Connect}, {method: Publish, topics: ["#"]}, {method: Subscribe, topics: ["devices/{principal.username}/#", "alarms/#"]}]`,
)

test('a change of policy is planned, meets who is connected, is written down, and holds over a restart', async () => {
  await using here = await hub()
  const pump1 = await here.connect('pump-1', { clean: false, properties: { sessionExpiryInterval: 3_600 } })
  const pump2 = await here.connect('pump-2')
  const pump3 = await here.connect('pump-3')
  await pump1.publishAsync('devices/pump-1/state', 'on', { qos: 1, retain: true })
  await pump1.subscribeAsync('devices/pump-1/#', { qos: 1 })
  await pump2.subscribeAsync('devices/pump-2/#', { qos: 1 })
  const planned = await here.rooms.policies.plan(read, { apply: narrow })
  assert.ok(planned.ok)
  const { sessions, subscriptionsLost, publishesLost, retainedHidden, affected } = planned.value.plan
  assert.deepEqual(sessions, { judged: 3, closed: 1, losing: 3, gaining: 1 })
  assert.deepEqual([subscriptionsLost, publishesLost, retainedHidden], [1, 1, 1])
  assert.deepEqual(affected.map(({ identity }) => identity).toSorted(), ['pump-1', 'pump-2', 'pump-3'])

  const ended = Promise.all([pump1, pump3].map(disconnected))
  const applied = await here.rooms.policies.apply(write, { apply: narrow })
  assert.ok(applied.ok)
  assert.deepEqual(applied.value.effect, { sessionsClosed: 2, subscriptionsRemoved: 1, messagesDropped: 0, retainedHidden: 1 })
  assert.deepEqual(await ended, [0x98, 0x98])
  // Nobody else notices, and the new right is there at once.
  await pump2.subscribeAsync('alarms/#', { qos: 1 })
  assert.equal(pump2.connected, true)
  await assert.rejects(here.connect('pump-3'), /[Nn]ot authorized/)
  const again = await here.connect('pump-1', { clean: true })
  await again.publishAsync('devices/pump-1/messages/events/', 'x', { qos: 1 })
  await assert.rejects(again.publishAsync('devices/pump-1/state', 'off', { qos: 1 }), /[Nn]ot authorized/)

  const facts = await here.facts()
  const changed = facts.find((fact) => fact.kind === 'policy-changed')
  assert.deepEqual(changed?.kind === 'policy-changed' && [changed.actor, changed.names, changed.version, changed.effect.sessionsClosed], [
    'system:hub',
    ['hub-devices'],
    1,
    2,
  ])
  const denied = facts.find((fact) => fact.kind === 'denied')
  assert.deepEqual(denied?.kind === 'denied' && [denied.device, denied.topic, denied.policy], ['pump-1', 'devices/pump-1/state', 1])
  assert.ok(facts.some((fact) => fact.kind === 'refused' && fact.code === 'gateway/connect-denied' && fact.device === 'pump-3'))
  await here.restart()
  assert.deepEqual([here.rooms.policies.current.version, here.rooms.policies.health()], [1, []])
  await assert.rejects(here.connect('pump-3'), /[Nn]ot authorized/)
})

test('rights that nobody used are found in the journal; wills, stored subscriptions and retained topics count as used', async () => {
  await using here = await hub()
  const will = { topic: 'devices/pump-1/will', payload: Buffer.from('gone'), qos: 1, retain: false } as const
  const pump1 = await here.connect('pump-1', { will })
  await pump1.publishAsync('devices/pump-1/messages/events/a=b', 'x', { qos: 1 })
  const pump2 = await here.connect('pump-2', { clean: false, properties: { sessionExpiryInterval: 3_600 } })
  await pump2.subscribeAsync('devices/pump-2/commands/#', { qos: 1 })
  await pump2.endAsync()
  await here.rooms.journal.flushed()
  const span = { days: 7, now: systemClock.now() }
  const shares: number[] = []
  const { policies } = here.rooms
  const report = await proposeShrink(policies.current, here.rooms, span, (share) => void shares.push(share), signal)
  assert.deepEqual([report.complete, report.unexplained, shares.at(-1)], [true, 0, 1])
  assert.deepEqual(
    report.documents.flatMap(({ cuts }) => cuts.map(({ from, to }) => `${from} -> ${to.join(' ')}`)),
    [
      'Publish devices/{principal.username}/# -> devices/{principal.username}/will/# devices/{principal.username}/messages/events/#',
      'Subscribe devices/{principal.username}/# -> devices/{principal.username}/commands/#',
      // No module was there.
      'the whole rule -> ',
    ],
  )
  const smaller = await policies.apply(write, { apply: report.documents[0]?.text ?? '' })
  assert.deepEqual(smaller.ok && smaller.value.effect.subscriptionsRemoved, 0)
  assert.equal(pump1.connected, true)
  const stopped = await proposeShrink(policies.current, here.rooms, span, () => {}, AbortSignal.abort())
  assert.deepEqual([stopped.complete, stopped.documents], [false, []])
})
