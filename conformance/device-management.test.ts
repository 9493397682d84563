import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import azure from 'azure-iot-device'
import azureMqtt from 'azure-iot-device-mqtt'
import { HubProcess } from './hub.ts'
import { until } from './until.ts'

const { Client } = azure
const { Mqtt } = azureMqtt

// What an operator types to manage devices, against the real hub and a device of the stock SDK.
describe('the thingwall command manages devices', () => {
  let hub: HubProcess
  const clients: InstanceType<typeof Client>[] = []
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-managed-'))

  before(async () => void (hub = await HubProcess.open()))
  after(async () => {
    for (const client of clients) await client.close().catch(() => undefined)
    await hub[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  async function connect(name: string) {
    const device = await hub.addDevice(name)
    const client = Client.fromConnectionString(`HostName=${hub.host}:${hub.ports.mqtt};DeviceId=${name};x509=true`, Mqtt)
    clients.push(client)
    client.on('error', () => undefined)
    await client.setOptions({ cert: device.cert, key: device.key, ca: device.ca })
    await client.open()
    return client
  }

  async function typed(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await hub.command(...words)
    assert.equal(code, 0, `${words.join(' ')}\n${stderr}`)
    return stdout
  }

  async function json(...words: readonly string[]) {
    return Object(JSON.parse(await typed(...words, '--json')))
  }

  test('twin: a device takes what is desired and reports it; show, diff, history and the timeline say so', async () => {
    const client = await connect('pump-1')
    const twin = await client.getTwin()
    const heard: unknown[] = []
    twin.on('properties.desired', (delta: unknown) => heard.push(delta))
    await typed('twin', 'set', 'pump-1', 'desired.interval=5', 'tags.site=north')
    await until('the device hears of it', 5_000, () => heard.some((delta) => Object(delta).interval === 5))
    assert.equal((await hub.command('twin', 'diff', 'pump-1', '--exit-code')).code, 1)
    await new Promise<void>((resolve, reject) =>
      Object(twin.properties['reported']).update({ interval: 5, colour: 'red' }, (error: Error | undefined) =>
        error ? reject(error) : resolve(),
      ),
    )
    assert.deepEqual([await typed('twin', 'diff', 'pump-1', '--exit-code'), (await json('twin', 'diff', 'pump-1')).length], ['', 0])
    const shown = await json('twin', 'show', 'pump-1')
    assert.deepEqual(
      [shown.tags, shown.desired.properties, shown.reported.properties],
      [{ site: 'north' }, { interval: 5 }, { interval: 5, colour: 'red' }],
    )
    assert.match(await typed('twin', 'show', 'pump-1'), /^desired\.interval\t5$/m)
    const history = await json('twin', 'history', 'pump-1')
    assert.deepEqual(
      history.map((one: { part: string }) => one.part),
      ['reported', 'service'],
    )
    const timeline = await typed('watch', '--until', 'end', '--device', 'pump-1')
    for (const kind of ['twin-changed', 'twin-reported']) assert.match(timeline, new RegExp(`\t${kind}\t`))
  })

  test('twin: a stale etag is a conflict, and an editor sends only what was changed', async () => {
    const { etag } = await json('twin', 'show', 'pump-1')
    await typed('twin', 'set', 'pump-1', 'desired.mode=fast', '--if-match', etag)
    const stale = await hub.command('twin', 'set', 'pump-1', 'desired.mode=slow', '--if-match', etag)
    assert.deepEqual([stale.code, stale.stdout], [5, ''])
    assert.match(stale.stderr, /hub\/etag-differs/)
    const file = join(folder, 'twin.json')
    writeFileSync(file, JSON.stringify({ properties: { desired: { mode: null, $version: 3 } } }))
    await typed('twin', 'set', 'pump-1', '--file', file)
    assert.deepEqual((await json('twin', 'show', 'pump-1')).desired.properties, { interval: 5 })
    // The environment of the command is that of this process.
    process.env['EDITOR'] = 'sed -i s/north/south/'
    delete process.env['VISUAL']
    assert.match(await typed('twin', 'edit', 'pump-1'), /^changed pump-1/)
    delete process.env['EDITOR']
    assert.deepEqual((await json('twin', 'show', 'pump-1')).tags, { site: 'south' })
    const wrong = await hub.command('twin', 'set', 'pump-1', 'interval=5')
    assert.equal(wrong.code, 2)
  })

  test('method: the answer of the device is on stdout; without a device there is none', async () => {
    const client = clients[0]
    assert.ok(client !== undefined)
    client.onDeviceMethod('double', (request, response) => void response.send(200, { twice: Object(request.payload).n * 2 }))
    client.onDeviceMethod('fail', (_request, response) => void response.send(418, 'short and stout'))
    await until(
      'the device takes methods',
      5_000,
      async () => (await hub.command('method', 'call', 'pump-1', 'double', '{"n":1}')).code === 0,
    )
    assert.equal(await typed('method', 'call', 'pump-1', 'double', '{"n":21}'), '{"twice":42}\n')
    assert.equal((await json('method', 'call', 'pump-1', 'double', '{"n":21}')).status, 200)
    const failed = await hub.command('method', 'call', 'pump-1', 'fail')
    assert.deepEqual([failed.code, failed.stdout], [1, '"short and stout"\n'])
    await hub.addDevice('absent')
    const nobody = await hub.command('method', 'call', 'absent', 'double')
    assert.deepEqual([nobody.code, nobody.stdout], [6, ''])
    assert.match(nobody.stderr, /hub\/device-offline/)
    assert.equal((await hub.command('method', 'call', 'nobody', 'double')).code, 4)
  })

  test('message: it waits for a device that is away, and arrives at one that is here', async () => {
    await typed('message', 'send', 'absent', 'close the valve', '--property', 'urgent=yes', '--message-id', 'm-1')
    const waiting = await json('message', 'ls', 'absent')
    assert.deepEqual([waiting.length, waiting[0].messageId, waiting[0].properties], [1, 'm-1', { urgent: 'yes' }])
    assert.equal((await json('message', 'purge', 'absent')).purged, 1)
    const client = clients[0]
    assert.ok(client !== undefined)
    const heard: string[] = []
    client.on('message', (message) => {
      heard.push(message.getData().toString())
      client.complete(message, () => undefined)
    })
    const file = join(folder, 'order.txt')
    writeFileSync(file, 'open the välve')
    await typed('message', 'send', 'pump-1', '--file', file)
    await until('the message arrives', 5_000, () => heard.includes('open the välve'))
  })

  test('query, job and configuration: over all devices, with progress and results', async () => {
    await connect('pump-2')
    clients.at(-1)?.onDeviceMethod('double', (_request, response) => void response.send(200, null))
    await typed('twin', 'set', 'pump-2', 'tags.site=south')
    assert.equal(await typed('query', `SELECT deviceId FROM devices WHERE tags.site = 'south'`), 'pump-1\npump-2\n')
    const grouped = await json('query', 'SELECT status, COUNT() AS devices FROM devices GROUP BY status')
    assert.deepEqual(grouped, [{ status: 'enabled', devices: 3 }])
    const bad = await hub.command('query', 'SELECT FROM devices')
    assert.deepEqual([bad.code, /hub\/query-malformed/.test(bad.stderr)], [2, true])

    const ran = await hub.command('job', 'add', 'desired.jobbed=true', '--where', `tags.site = 'south'`, '--id', 'job-1', '--watch')
    assert.deepEqual([ran.code, ran.stdout.split('\n').at(-2)], [0, 'completed, 2 succeeded, 0 failed, 0 cancelled'])
    const job = await json('job', 'show', 'job-1')
    assert.deepEqual(
      [job.status, job.devices.map((one: { device: string; status: string }) => `${one.device} ${one.status}`)],
      ['completed', ['pump-1 completed', 'pump-2 completed']],
    )
    const partly = await hub.command('job', 'add', '--method', 'double', '--payload', '-', '--where', '*', '--id', 'job-2')
    assert.equal(partly.code, 2, 'stdin is no JSON')
    const called = await hub.command('job', 'add', '--method', 'double', '--where', `deviceId = 'absent'`, '--id', 'job-3', '--watch')
    assert.equal(called.code, 1, called.stdout)
    assert.match(await typed('job', 'show', 'job-3', '--status', 'failed'), /^absent\tfailed\t/m)
    assert.match(await typed('job', 'ls'), /^job-3\t/m)
    await typed('job', 'add', 'tags.later=1', '--where', '*', '--id', 'job-4', '--at', '2099-01-01T00:00:00Z')
    await typed('job', 'rm', 'job-4')
    assert.equal((await hub.command('job', 'rm', 'job-4')).code, 5)

    const file = join(folder, 'configuration.json')
    const content = { deviceContent: { 'properties.desired.rate': 7 } }
    writeFileSync(file, JSON.stringify({ id: 'rate', content, targetCondition: `tags.site = 'south'` }))
    await typed('configuration', 'add', file, '--priority', '10')
    await until('it is applied', 20_000, async () => (await json('configuration', 'show', 'rate', '--targets')).targets.length === 2)
    assert.equal((await json('twin', 'show', 'pump-2')).desired.properties.rate, 7)
    assert.equal((await json('configuration', 'test', `tags.site = 'south'`)).targets, 2)
    assert.equal((await hub.command('configuration', 'test', 'tags.site = ')).code, 1)
    await typed('configuration', 'set', 'rate', '--label', 'of=test')
    assert.deepEqual((await json('configuration', 'show', 'rate')).labels, { of: 'test' })
    await typed('configuration', 'rm', 'rate')
    assert.equal((await hub.command('configuration', 'show', 'rate')).code, 4)
  })

  test('module: a twin of its own, and its connection string only where it can connect', async () => {
    assert.equal(await typed('module', 'add', 'pump-1/camera'), '')
    await typed('twin', 'set', 'pump-1/camera', 'desired.zoom=2')
    assert.deepEqual((await json('twin', 'show', 'pump-1/camera')).desired.properties, { zoom: 2 })
    assert.match(await typed('module', 'ls', 'pump-1'), /^camera\t/)
    assert.equal((await json('module', 'show', 'pump-1/camera')).authentication.type, 'none')
    assert.equal((await hub.command('module', 'add', 'pump-1/camera')).code, 5)
    assert.equal((await hub.command('module', 'add', 'pump-1/keys', '--auth', 'sas')).code, 2, 'shared keys are off')
    await typed('module', 'rm', 'pump-1/camera')
    assert.equal((await hub.command('twin', 'show', 'pump-1/camera')).code, 4)
  })

  test('file: what a device uploads is listed, read byte for byte, and deleted', async () => {
    const bytes = Buffer.from([0, 255, 1, 254, ...Buffer.from('log')])
    const name = await upload(bytes)
    assert.match(await typed('file', 'ls', '--device', 'camera-1'), new RegExp(`^${name}\t${bytes.length}\t`))
    const out = join(folder, 'log.bin')
    await typed('file', 'get', name, '--out', out)
    assert.deepEqual(readFileSync(out), bytes)
    assert.equal((await hub.command('file', 'get', name, '--out', out)).code, 5)
    await typed('file', 'rm', name)
    assert.equal((await hub.command('file', 'get', name, '--out', '-')).code, 4)
  })

  test('demo: its devices answer a method, take what is desired and say what they made of it', { timeout: 60_000 }, async () => {
    const ran = hub.command('demo', '--devices', '1', '--every', '3600000', '--seconds', '8')
    const answered = async () => (await hub.command('method', 'call', 'demo-01', 'echo', '{"hello":1}')).stdout
    await until('it answers', 10_000, async () => (await answered()) === '{"hello":1}\n')
    const { state } = await json('device', 'show', 'demo-01')
    assert.equal(state.connectionState, 'Connected')
    await typed('twin', 'set', 'demo-01', 'desired.everyMs=60000')
    const reported = async () => (await json('twin', 'show', 'demo-01')).reported.properties
    await until('it does so', 8_000, async () => (await reported()).everyMs === 60_000)
    assert.equal((await reported()).firmware, '1.4.2')
    await typed('twin', 'set', 'demo-01', 'desired.everyMs=1')
    await until('it says what it cannot do', 8_000, async () => /must be/.test((await reported()).problem))
    assert.equal((await ran).code, 0)
    await typed('demo', '--remove')
  })

  /** As a device does it: asks where to, writes the blob, and says that it is there. */
  async function upload(bytes: Buffer): Promise<string> {
    const tls = await hub.addDevice('camera-1')
    const ask = (method: string, path: string, body: Buffer, headers: Readonly<Record<string, string>>) =>
      new Promise<string>((resolve, reject) => {
        const { cert, key, ca } = tls
        const options = {
          host: hub.host,
          port: hub.ports.https,
          method,
          path,
          cert,
          key,
          ca,
          headers: { ...headers, 'content-length': body.length },
        }
        const outgoing = request(options, (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (part: string) => (text += part))
          response.on('end', () =>
            Number(response.statusCode) < 300 ? resolve(text) : reject(new Error(`${path}: ${response.statusCode} ${text}`)),
          )
        })
        outgoing.on('error', reject)
        outgoing.end(body)
      })
    const type = { 'content-type': 'application/json' }
    const version = 'api-version=2021-04-12'
    const asked = await ask('POST', `/devices/camera-1/files?${version}`, Buffer.from('{"blobName":"log.bin"}'), type)
    const { containerName, blobName, sasToken, correlationId } = Object(JSON.parse(asked))
    await ask('PUT', `/${containerName}/${blobName}${sasToken}`, bytes, { 'x-ms-blob-type': 'BlockBlob' })
    const ended = JSON.stringify({ correlationId, isSuccess: true, statusCode: 200, statusDescription: 'ok' })
    await ask('POST', `/devices/camera-1/files/notifications?${version}`, Buffer.from(ended), type)
    return String(blobName)
  }
})
