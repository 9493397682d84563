import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { createServer } from 'node:net'
import { test } from 'node:test'
import azure from 'azure-iot-device'
import azureMqtt from 'azure-iot-device-mqtt'
import { HubProcess, type TestDevice, type WatchedFact } from './hub.ts'
import { until } from './until.ts'

// The SDK's WebSocket transport writes ":443" into its address itself, so this hub takes the real port on a loopback address of its own.
const host = '127.0.0.2'
const count = 1_000

const { Client, Message } = azure
const { Mqtt, MqttWs } = azureMqtt

/** The program of a device maker: only the host name and the CA are ours. */
async function sendAll(device: TestDevice, hostName: string, transport: typeof Mqtt | typeof MqttWs): Promise<void> {
  const client = Client.fromConnectionString(`HostName=${hostName};DeviceId=${device.id};x509=true`, transport)
  await client.setOptions({ cert: device.cert, key: device.key, ca: device.ca })
  await client.open()
  try {
    for (let first = 0; first < count; first += 100)
      await Promise.all(Array.from({ length: 100 }, (_, at) => client.sendEvent(messageNumber(first + at, device.id))))
  } finally {
    await client.close()
  }
}

function messageNumber(number: number, device: string): InstanceType<typeof Message> {
  const message = new Message(JSON.stringify({ number, temperature: 20 + (number % 10) }))
  message.messageId = `${device}-${number}`
  message.correlationId = `run/1&number=${number}`
  message.userId = 'línea 4'
  message.contentType = 'application/json'
  message.contentEncoding = 'utf-8'
  message.properties.add('alert', number % 2 === 0 ? 'yes' : 'no')
  message.properties.add('line & place', `hall=${number}/ü%20+`)
  return message
}

function checkAll(device: string, facts: readonly WatchedFact[], transport: string): void {
  const mine = facts.filter((fact) => fact.kind === 'telemetry' && fact.device === device)
  assert.equal(mine.length, count, `${transport}: every message is there`)
  for (const [number, fact] of mine.entries()) {
    assert.deepEqual(JSON.parse(fact.body ?? ''), { number, temperature: 20 + (number % 10) })
    assert.deepEqual(fact.properties, { alert: number % 2 === 0 ? 'yes' : 'no', 'line & place': `hall=${number}/ü%20+` })
    const system = fact.system ?? {}
    assert.equal(system['message-id'], `${device}-${number}`)
    assert.equal(system['correlation-id'], `run/1&number=${number}`)
    assert.equal(system['user-id'], 'línea 4')
    assert.equal(system['content-type'], 'application/json')
    assert.equal(system['content-encoding'], 'utf-8')
    assert.equal(system['iothub-connection-device-id'], device)
    assert.equal(system['iothub-message-source'], 'Telemetry')
    assert.match(system['iothub-connection-auth-generation-id'] ?? '', /^\d+$/)
    const method: Record<string, unknown> = JSON.parse(system['iothub-connection-auth-method'] ?? '')
    assert.equal(method['type'], 'x509')
    assert.ok(!Number.isNaN(Date.parse(system['iothub-enqueuedtime'] ?? '')), 'enqueued time')
  }
}

test(`a stock device SDK, changed in host name and CA alone, sends ${count} messages over MQTT and over WebSocket; all are watched live and read back after a restart`, async (t) => {
  if (!(await mayBind(443))) return t.skip('port 443 may not be bound here, and the SDK takes no other for WebSocket')
  await using hub = await HubProcess.open({ host, ports: { https: 443 } })
  const overMqtt = await hub.addDevice('sdk-mqtt')
  const overWebSocket = await hub.addDevice('sdk-ws')

  const live: WatchedFact[] = []
  using watch = watchLive(hub, (fact) => live.push(fact))
  await sendAll(overMqtt, `${host}:${hub.ports.mqtt}`, Mqtt)
  await sendAll(overWebSocket, host, MqttWs)
  await until(
    'the live watch has seen them all',
    20_000,
    () => live.filter((fact) => fact.kind === 'telemetry' && fact.device?.startsWith('sdk-')).length >= 2 * count || watch.ended(),
  )
  checkAll('sdk-mqtt', live, 'live, MQTT')
  checkAll('sdk-ws', live, 'live, WebSocket')
  const transports = live.filter((fact) => fact.kind === 'connected' && fact.device?.startsWith('sdk-')).map((fact) => fact['transport'])
  assert.deepEqual(transports, ['mqtts', 'wss'])

  watch[Symbol.dispose]()
  await hub.stop()
  await hub.start()
  const again = await hub.watched('start')
  checkAll('sdk-mqtt', again, 'after a restart, MQTT')
  checkAll('sdk-ws', again, 'after a restart, WebSocket')
})

function watchLive(hub: HubProcess, seen: (fact: WatchedFact) => void): Disposable & { ended(): boolean } {
  const command = ['src/cli/main.ts', 'watch', '--json', '--from', 'start']
  const child = spawn(process.execPath, command, { env: hub.environment, stdio: ['ignore', 'pipe', 'inherit'] })
  createInterface({ input: child.stdout }).on('line', (line) => seen(JSON.parse(line)))
  return {
    ended: () => child.exitCode !== null,
    [Symbol.dispose]: () => void child.kill(),
  }
}

function mayBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}
