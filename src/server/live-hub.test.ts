import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import azure from 'azure-iot-device'
import azureHttp from 'azure-iot-device-http'
import azureMqtt from 'azure-iot-device-mqtt'
import { systemGrant } from '#access'
import { type DeviceId, systemClock, systemRandom } from '#base'
import { type CloudMessage, type FactJson, factToJson } from '#hub'
import { decodeRecord } from '#journal'
import { parseConfig } from './config.io.ts'
import { openDataDirectory } from './data-directory.io.ts'
import { openLog } from './log.io.ts'
import { type Rooms, openRooms } from './rooms.io.ts'
import { device, temporaryDirectory } from '../../test/throwaway-pki.ts'

/*
 * The real rooms of a hub in this process, and stock device SDKs on them: the hub's own domain is in the place of a back end.
 */

const { Client } = azure
const { signal } = new AbortController()

/** Where the hub listens: the HTTPS transports of the SDKs take no other port than 443, so it has that of a loopback address of its own. */
export const liveHost = '127.0.0.6'

/** Whether the hub may have port 443 of that address here. */
export function mayBind443(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(443, liveHost, () => server.close(() => resolve(true)))
  })
}

/** How a stock device reaches the hub. */
export type StockTransport = typeof azureMqtt.Mqtt | typeof azureHttp.Http

/** Opens a hub on a data directory of its own, which may be opened again. Shared access signatures are allowed for a day. */
export async function openLiveHub(httpsPort: 0 | 443 = 0) {
  const scope = new AsyncDisposableStack()
  const directory = scope.use(await temporaryDirectory())
  const settings = join(directory.path, 'settings.yaml')
  const allowedUntil = new Date(Date.now() + 86_400_000).toISOString()
  writeFileSync(settings, `authentication: {sas: {allowedUntil: '${allowedUntil}'}}\nbroker: {deniedDelaySeconds: 0}\n`)
  const config = parseConfig(
    {
      config: settings,
      data: join(directory.path, 'data'),
      'key-file': join(directory.path, 'root.key'),
      host: liveHost,
      name: [liveHost],
      'mqtt-port': '0',
      'https-port': `${httpsPort}`,
      'amqp-port': '0',
      workers: '0',
    },
    {},
  )
  assert.ok(config.ok)
  await openDataDirectory(config.value.dataDirectory)
  const world = {
    clock: systemClock,
    random: systemRandom,
    log: openLog('error', (line) => console.error(line)),
    step: () => {},
    environment: {},
  }
  const hubId = randomBytes(8).toString('hex')
  let running = new AsyncDisposableStack()
  let rooms = await openRooms(config.value, hubId, true, world, running, signal)
  scope.defer(() => running.disposeAsync())
  const credentials = async (id: DeviceId) => {
    const issued = await rooms.pki.issueDevice(systemGrant('certificate.issue', 'x'), { deviceId: id, generate: true })
    assert.ok(issued.ok && issued.value.privateKeyPem !== undefined)
    const key = issued.value.privateKeyPem.use((bytes) => bytes.toString())
    return { cert: issued.value.certificatePem, key, ca: rooms.pki.rootPem }
  }
  return {
    get rooms(): Rooms {
      return rooms
    },
    /** Closes everything and opens it again on what was left. */
    async restart(): Promise<void> {
      await running.disposeAsync()
      running = new AsyncDisposableStack()
      rooms = await openRooms(config.value, hubId, false, world, running, signal)
    },
    /** Registers a device and opens the stock client for it; `again` opens one more. */
    async device(name: string, transport: StockTransport = azureMqtt.Mqtt) {
      const id = device(name)
      const added = await rooms.hub.devices.add(systemGrant('device.write', 'x'), [
        { id, authentication: { type: 'certificateAuthority' } },
      ])
      assert.ok(added.ok)
      const tls = await credentials(id)
      const again = async () => {
        const hostName = transport === azureMqtt.Mqtt ? `${liveHost}:${rooms.gateway.mqttPort}` : liveHost
        const client = Client.fromConnectionString(`HostName=${hostName};DeviceId=${name};x509=true`, transport)
        // Over HTTPS the SDK never says that it is done unless it is told when to look for messages, too.
        await client.setOptions(transport === azureHttp.Http ? { ...tls, http: { receivePolicy: { interval: 1, drain: true } } } : tls)
        await client.open()
        scope.defer(() =>
          client.close().then(
            () => {},
            () => {},
          ),
        )
        return client
      }
      return { id, tls, client: await again(), again }
    },
    /** Every message of a device in the journal, as readers see it. */
    async telemetry(): Promise<readonly FactJson[]> {
      await rooms.journal.flushed()
      const { records } = await rooms.journal.read(0, { records: 10_000, bytes: 10_000_000 })
      return records.flatMap((record) => {
        const fact = 'bytes' in record ? decodeRecord(record.bytes) : undefined
        return fact?.ok === true && fact.value.kind === 'telemetry' ? [factToJson(record.offset, fact.value)] : []
      })
    },
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  }
}

/** A message for a device, with what does not matter left out. */
export const cloudMessage = (more: Partial<CloudMessage>): CloudMessage => ({
  messageId: undefined,
  correlationId: undefined,
  userId: undefined,
  contentType: undefined,
  contentEncoding: undefined,
  to: undefined,
  ack: 'none',
  expiresAt: undefined,
  properties: {},
  body: Buffer.alloc(0),
  ...more,
})

/** Waits for what the hub and a stock client do between them; fails after ten seconds. */
export async function soon(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000
  while (!(await isTrue())) {
    assert.ok(Date.now() < end, what)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The body of a message that a stock client received, as text. */
export function textOf(message: { getData(): unknown } | undefined): string {
  const data = message?.getData()
  // Over HTTPS the SDK gives text, over MQTT and AMQP bytes.
  if (typeof data === 'string') return data
  assert.ok(data instanceof Uint8Array)
  return Buffer.from(data).toString()
}
