import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import azure from 'azure-iot-device'
import azureMqtt from 'azure-iot-device-mqtt'
import { HubProcess } from './hub.ts'
import { TwinDevice } from './twin-device.ts'
import { until } from './until.ts'

/*
 * The hub is killed (kill -9) while twins change, while jobs run and while messages go to devices. Afterwards everything that it had answered is
 * there, versions have not gone back, what must not happen twice has not, and what was under way goes on.
 */

const cycles = Number(process.env['THINGWALL_CRASHES'] ?? 2)
const { Client } = azure
const { Mqtt } = azureMqtt

let hub: HubProcess
before(async () => {
  // So slow that a job over a hundred devices can be met half way.
  hub = await HubProcess.open({ settings: 'broker: {deniedDelaySeconds: 0}\njobs: {devicesPerSecond: 60}\n' })
})
after(() => hub[Symbol.asyncDispose]())

/** A call that must be answered well. */
async function asked(method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>> {
  const answer = await hub.api(method, path, body)
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`)
  return answer.json
}

async function addDevices(prefix: string, count: number): Promise<readonly TwinDevice[]> {
  const devices: TwinDevice[] = []
  for (let at = 0; at < count; at++) devices.push(new TwinDevice(await hub.addDevice(`${prefix}-${at}`)))
  return devices
}

type Twin = {
  readonly version: number
  readonly etag: string
  readonly desired: { readonly properties: { readonly n?: number }; readonly version: number }
  readonly reported: { readonly properties: { readonly n?: number }; readonly version: number }
}

async function twinOf(id: string): Promise<Twin> {
  const answer = await hub.api('GET', `/api/v1/devices/${id}/twin`)
  assert.equal(answer.status, 200, answer.text)
  return JSON.parse(answer.text)
}

/** What a device and its back end were told of the twin: the highest of each. */
type Owed = { n: number; version: number; wanted: number; desiredVersion: number }

test(`${cycles} times kill -9 in a burst of twin changes: what was answered is there, and versions never go back`, async () => {
  const devices = await addDevices('twin', 8)
  const owed = new Map(devices.map(({ id }): [string, Owed] => [id, { n: -1, version: 0, wanted: -1, desiredVersion: 0 }]))
  const owedTo = (id: string): Owed => owed.get(id) ?? assert.fail(id)
  const sums = { reports: 0, orders: 0 }
  let next = 0
  for (let cycle = 1; cycle <= cycles; cycle++) {
    for (const device of devices) await device.connect(hub)
    const load = { isOver: false }
    for (const device of devices) {
      const debt = owedTo(device.id)
      const send = () => {
        const n = next++
        device.report(JSON.stringify({ n, padding: 'x'.repeat(n % 500) }), ({ status, version }) => {
          assert.equal(status, 204)
          assert.ok(version > debt.version, `version ${version} of ${device.id} came after ${debt.version}`)
          debt.version = version
          debt.n = n
          sums.reports++
          if (!load.isOver) send()
        })
      }
      for (let window = 0; window < 4; window++) send()
    }
    const orders = devices.map(async ({ id }) => {
      while (!load.isOver) {
        const n = next++
        const answer = await hub.api('PATCH', `/api/v1/devices/${id}/twin`, { desired: { n } }).catch(() => undefined)
        if (answer?.status !== 200) return
        const { desired }: Twin = JSON.parse(answer.text)
        Object.assign(owedTo(id), { wanted: n, desiredVersion: desired.version })
        sums.orders++
      }
    })
    await pause(400 + 150 * cycle)
    await hub.kill()
    load.isOver = true
    await Promise.all(orders)
    for (const device of devices) device.cut()
    await hub.start()
    for (const { id, desired } of devices) {
      const debt = owedTo(id)
      const { reported, ...twin } = await twinOf(id)
      assert.ok((reported.properties.n ?? -1) >= debt.n, `${id} reported ${debt.n} and has ${reported.properties.n}`)
      assert.ok(reported.version >= debt.version, `${id}: reported version ${reported.version} after ${debt.version}`)
      assert.ok((twin.desired.properties.n ?? -1) >= debt.wanted, `${id} is to have ${debt.wanted} and has ${twin.desired.properties.n}`)
      assert.ok(twin.desired.version >= debt.desiredVersion, `${id}: desired version ${twin.desired.version} after ${debt.desiredVersion}`)
      // Nothing is told to a device that a crash could take back.
      assert.ok(Math.max(0, ...desired) <= twin.desired.version, `${id} was told of version ${Math.max(...desired)}`)
      assert.deepEqual(
        desired,
        desired.toSorted((a, b) => a - b),
      )
      Object.assign(debt, { n: reported.properties.n ?? -1, version: reported.version })
    }
  }
  await checkRowsAndHistory(devices)
  assert.ok(sums.reports > cycles * devices.length && sums.orders > cycles, JSON.stringify(sums))
  console.log(`  ${sums.reports} reports and ${sums.orders} orders were answered, none missing`)
})

/** What queries read, and the history, say the same as the twins: each version once. */
async function checkRowsAndHistory(devices: readonly TwinDevice[]): Promise<void> {
  const { items } = await asked('POST', '/api/v1/query', {
    query: "SELECT * FROM devices WHERE deviceId >= 'twin-' AND deviceId < 'twin.'",
  })
  assert.ok(Array.isArray(items))
  assert.equal(items.length, devices.length)
  for (const item of items) {
    const { deviceId, version, properties } = Object(item)
    const twin = await twinOf(deviceId)
    assert.deepEqual(
      [version, properties.reported.n, properties.desired.n],
      [twin.version, twin.reported.properties.n, twin.desired.properties.n],
    )
    const { changes } = await asked('GET', `/api/v1/devices/${deviceId}/twin/history?limit=500`)
    assert.ok(Array.isArray(changes))
    const versions = changes.map((change) => Number(Object(change).version))
    assert.deepEqual(
      versions,
      Array.from({ length: versions.length }, (_, at) => twin.version - at),
      `${deviceId}: each change of the twin stands once in its history, newest first`,
    )
  }
}

type Progress = { readonly deviceCount: number; readonly succeededCount: number; readonly failedCount: number }

async function jobOf(id: string): Promise<{ readonly status: string; readonly progress: Progress }> {
  const answer = await hub.api('GET', `/api/v1/jobs/${id}`)
  assert.equal(answer.status, 200, answer.text)
  return JSON.parse(answer.text)
}

test('kill -9 in the middle of two jobs: both go on, progress does not go back, and no device is called twice', async () => {
  const many = 90
  const added = await hub.api('POST', '/api/v1/devices/bulk', { prefix: 'fleet-', count: many })
  assert.equal(added.status, 200, added.text)
  const pumps = await addDevices('pump', 24)
  const connectAll = () => Promise.all(pumps.map((pump) => pump.connect(hub)))
  await connectAll()
  // Every third is called and says nothing: it is under way when the hub dies.
  for (const [at, pump] of pumps.entries()) pump.answers = at % 3 !== 0
  const call = { name: 'count', payload: { once: true }, responseTimeoutSeconds: 60 }
  await asked('POST', '/api/v1/jobs', {
    id: 'update',
    condition: "deviceId >= 'fleet-' AND deviceId < 'fleet.'",
    twin: { tags: { wave: 1 } },
  })
  await asked('POST', '/api/v1/jobs', { id: 'method', condition: "deviceId >= 'pump-' AND deviceId < 'pump.'", method: call })
  await until('both jobs are under way', 20_000, async () => {
    const called = pumps.filter(({ calls }) => calls.length > 0).length
    return called > 4 && (await jobOf('update')).progress.succeededCount > 5
  })
  const seen = { update: (await jobOf('update')).progress, method: (await jobOf('method')).progress }
  assert.ok(seen.update.succeededCount < many, 'it is not through yet')
  await hub.kill()
  for (const pump of pumps) {
    pump.cut()
    pump.answers = true
  }
  await hub.start()
  const atStart = { update: (await jobOf('update')).progress, method: (await jobOf('method')).progress }
  assert.ok(atStart.update.succeededCount >= seen.update.succeededCount, JSON.stringify([seen.update, atStart.update]))
  assert.ok(atStart.method.succeededCount >= seen.method.succeededCount, JSON.stringify([seen.method, atStart.method]))
  await connectAll()
  for (const id of ['update', 'method']) await until(`job ${id} has ended`, 20_000, async () => (await jobOf(id)).status === 'completed')
  const done = (await jobOf('update')).progress
  assert.deepEqual([done.deviceCount, done.succeededCount, done.failedCount], [many, many, 0])
  const { items } = await asked('POST', '/api/v1/query', { query: 'SELECT COUNT() AS n FROM devices WHERE tags.wave = 1' })
  assert.deepEqual(items, [{ n: many }])
  const { devices } = await asked('GET', '/api/v1/jobs/method/devices?limit=500')
  assert.ok(Array.isArray(devices))
  assert.equal(devices.length, pumps.length)
  const outcomes = new Map(devices.map((row) => [String(Object(row).device), Object(row)]))
  let unknown = 0
  for (const { id, calls } of pumps) {
    const { status, answer, error } = outcomes.get(id)
    assert.ok(calls.length <= 1, `${id} was called ${calls.length} times`)
    if (status === 'completed') assert.deepEqual([calls.length, answer.payload], [1, { done: true }], id)
    // A device that could not be reached yet after the restart fails as offline, which is told apart.
    else assert.ok(['hub/outcome-unknown', 'hub/device-offline'].includes(error.code), `${id}: ${JSON.stringify(error)}`)
    if (error?.code === 'hub/outcome-unknown') unknown++
  }
  assert.ok(unknown > 0, 'somebody was under way')
  for (const pump of pumps) pump.cut()
})

test('kill -9 in a burst of messages to a stock SDK: each that was taken is delivered, and none is lost or stays behind', async () => {
  const { id, cert, key, ca } = await hub.addDevice('mail')
  const client = Client.fromConnectionString(`HostName=127.0.0.1:${hub.ports.mqtt};DeviceId=${id};x509=true`, Mqtt)
  await client.setOptions({ cert, key, ca })
  const got = new Map<string, number>()
  const completed = new Set<string>()
  client.on('message', (message) => {
    const body = message.getData().toString()
    got.set(body, (got.get(body) ?? 0) + 1)
    client.complete(message, (error) => void (error ?? completed.add(body)))
  })
  client.on('error', () => undefined)
  // The SDK tries again by itself, but not after a connection reset: then it says so, and its program opens it again.
  client.on('disconnect', () => {
    const again = () =>
      client.open().then(
        () => true,
        () => false,
      )
    until('the SDK is back', 20_000, again).catch(() => undefined)
  })
  await client.open()
  const taken: string[] = []
  const load = { isOver: false }
  let n = 0
  const senders = Array.from({ length: 4 }, async () => {
    while (!load.isOver) {
      const body = `message ${n++}`
      const answer = await hub.api('POST', `/api/v1/devices/${id}/messages`, { body, ack: 'full' }).catch(() => undefined)
      if (answer?.status === 201) taken.push(body)
      // A queue holds fifty: the sender waits for the device.
      else if (answer?.status === 409 || answer?.status === 429 || answer?.status === 403) await pause(20)
      else if (answer === undefined) return
      else assert.fail(answer.text)
    }
  })
  await until('the device has a few', 20_000, () => got.size >= 60)
  await hub.kill()
  const completedBefore = completed.size
  load.isOver = true
  await Promise.all(senders)
  await hub.start()
  const missing = () => taken.filter((body) => !got.has(body))
  await until('every message that was taken is delivered', 25_000, () => missing().length === 0).catch(() => undefined)
  assert.deepEqual(missing(), [], `of ${taken.length}`)
  await until('the queue is empty', 20_000, async () => {
    const { messages } = await asked('GET', `/api/v1/devices/${id}/messages`)
    return Array.isArray(messages) && messages.length === 0
  })
  const twice = [...got].filter(([, times]) => times > 1)
  assert.ok(
    twice.every(([, times]) => times === 2),
    `at least once, and once more for one kill: ${JSON.stringify(twice)}`,
  )
  console.log(`  ${taken.length} messages were taken, ${completedBefore} completed before the kill, ${twice.length} came twice`)
  client.removeAllListeners('disconnect')
  await client.close()
})
