import assert from 'node:assert/strict'
import azureCommon from 'azure-iot-common'
import azureDevice from 'azure-iot-device'
import { OpenSsl } from '../certificates.ts'
import { until, within } from '../until.ts'
import {
  type Case,
  callMethod,
  closedDevice,
  connectedTransports,
  deviceOver,
  deviceTransports,
  optionsFor,
  plain,
  transportOf,
} from './case.ts'
import { sendToDevice } from './device-cases.ts'
import { type SuiteHub, suiteHost } from './suite-hub.ts'

/*
 * How a device connects, stays connected and is refused (azure-wire 11.3, M5 to M8).
 */

const { Client, Message, SharedAccessKeyAuthenticationProvider, SharedAccessSignature } = azureDevice
const { NoRetry } = azureCommon
type DeviceClient = InstanceType<typeof Client>

/** What a device has heard: each kind is tried until it has heard it. */
async function hearsEverything(suite: SuiteHub, id: string, heard: Heard, round: number): Promise<void> {
  await until(`round ${round}: a method is answered`, 20_000, async () => {
    const answer = await callMethod(suite, id, 'echo', { round }).catch((error: unknown) => error)
    return !(answer instanceof Error) && Object(answer).payload.round === round
  })
  await sendToDevice(suite, id, `${id}-${round}`, `${round}`)
  await until(`round ${round}: a message is heard`, 15_000, () => heard.messages.includes(`${round}`))
  await until(`round ${round}: a desired property is heard`, 15_000, async () => {
    await suite.registry.updateTwin(id, { properties: { desired: { round } } }, '*')
    return heard.rounds.includes(round)
  })
}

type Heard = { readonly messages: string[]; readonly rounds: unknown[] }

/** Listens to everything that a hub has to say to a device. */
async function listen(client: DeviceClient): Promise<Heard> {
  const heard: Heard = { messages: [], rounds: [] }
  client.onDeviceMethod('echo', (request, response) => void response.send(200, request.payload))
  client.on('message', (message) => {
    heard.messages.push(message.getData().toString())
    void client.complete(message).catch(() => undefined)
  })
  const twin = await within('the twin is read', 15_000, client.getTwin())
  twin.on('properties.desired', (delta) => void heard.rounds.push(Object(plain(delta)).round))
  return heard
}

/** How often an identity was let in, and refused, since the hub began. */
async function doorsOf({ hub }: SuiteHub, id: string): Promise<{ readonly connected: number; readonly denied: number }> {
  const mine = (await hub.facts()).filter(({ device }) => device === id)
  const count = (kind: RegExp) => mine.filter((fact) => kind.test(fact.kind)).length
  return { connected: count(/^connected$/), denied: count(/denied|refused/) }
}

const renewal: readonly Case[] = connectedTransports.map((over) => ({
  row: 'M5',
  title: 'the SDK renews its token: methods, messages and desired properties go on',
  over,
  async play(suite, id) {
    // Tokens of eight seconds, renewed after three: the first has ended before the last round begins.
    const provider = SharedAccessKeyAuthenticationProvider.fromConnectionString(await suite.keyed(id), 8, 5)
    await using client = closedDevice(Client.fromAuthenticationProvider(provider, transportOf[over]))
    await client.setOptions(optionsFor(suite, over))
    const start = performance.now()
    await within('the device opens', 15_000, client.open())
    const heard = await listen(client)
    await hearsEverything(suite, id, heard, 1)
    await until('the first token has ended', 15_000, () => performance.now() - start > 10_000)
    await hearsEverything(suite, id, heard, 2)
    await within('a message is accepted', 15_000, client.sendEvent(new Message('after')))
    // By MQTT a new token is a new connection, by AMQP a new put-token on the old one.
    const { connected, denied } = await doorsOf(suite, id)
    assert.ok(over.startsWith('mqtt') ? connected >= 2 : connected === 1, `${connected} connections`)
    assert.equal(denied, 0)
  },
}))

const cuts: readonly Case[] = connectedTransports.map((over) => ({
  row: 'M6',
  title: 'the connection is cut: the SDK comes back, and everything goes on',
  over,
  async play(suite, id) {
    await using client = await deviceOver(suite, over, suite.byCutter(await suite.keyed(id)))
    const heard = await listen(client)
    await hearsEverything(suite, id, heard, 1)
    suite.cutter.cut()
    await hearsEverything(suite, id, heard, 2)
    const { connected, denied } = await doorsOf(suite, id)
    assert.ok(connected >= 2, `${connected} connections`)
    assert.equal(denied, 0)
  },
}))

const takeover: readonly Case[] = connectedTransports.map((over) => ({
  row: 'M6',
  title: 'a second client with the same id: the first is closed, and nobody storms',
  over,
  async play(suite, id) {
    const connectionString = await suite.keyed(id)
    await using first = await deviceOver(suite, over, connectionString)
    first.setRetryPolicy(new NoRetry())
    const closed = new Promise<void>((resolve) => first.on('disconnect', () => resolve()))
    first.on('error', () => undefined)
    await hearsEverything(suite, id, await listen(first), 1)
    await using second = await deviceOver(suite, over, connectionString)
    // By AMQP a client is a device only when it attaches a link of it.
    const heard = await listen(second)
    // And of a connection that is closed with a reason, its SDK does not tell its application.
    if (over.startsWith('mqtt')) await within('the first client is told', 15_000, closed)
    await until('the first client is gone', 15_000, async () => {
      const gone = (await suite.hub.facts()).filter((fact) => fact.device === id && fact.kind === 'disconnected')
      return gone.length === 1 && gone[0]?.['reason'] === 'taken-over'
    })
    await hearsEverything(suite, id, heard, 2)
    const { connected, denied } = await doorsOf(suite, id)
    assert.deepEqual([connected, denied], [2, 0])
  },
}))

/** A device that has a certificate, not open yet. */
async function certified(
  suite: SuiteHub,
  over: keyof typeof transportOf,
  id: string,
  own: { readonly cert: string; readonly key: string },
) {
  const client = closedDevice(Client.fromConnectionString(`HostName=${suiteHost};DeviceId=${id};x509=true`, transportOf[over]))
  await client.setOptions({ ...optionsFor(suite, over), cert: own.cert, key: own.key })
  return client
}

const certificates: readonly Case[] = deviceTransports.map((over) => ({
  row: 'M7',
  title: 'setOptions({cert,key,ca}): an issued and a self-signed certificate connect, another is refused at once',
  over,
  async play(suite, id) {
    using openSsl = new OpenSsl()
    const issued = await suite.hub.addDevice(`${id}-ca`)
    const own = openSsl.selfSigned(`${id}-own`)
    await suite.hub.addThumbprint(`${id}-own`, own.thumbprint)
    for (const [device, certificate] of [
      [`${id}-ca`, issued],
      [`${id}-own`, own],
    ] as const) {
      await using client = await certified(suite, over, device, certificate)
      await within(`${device} opens`, 15_000, client.open())
      await within(`${device} sends`, 15_000, client.sendEvent(new Message('1')))
    }
    await using wrong = await certified(suite, over, `${id}-own`, openSsl.selfSigned(`${id}-own`))
    await refused(over, wrong)
  },
}))

/**
 * The client must be told at once that it is not let in, in the words that make the SDK give up. By HTTP, and by AMQP with a certificate, opening
 * asks for nothing yet.
 */
async function refused(over: string, client: DeviceClient): Promise<void> {
  const attempt = over.startsWith('mqtt') ? client.open() : client.open().then(() => client.sendEvent(new Message('x')))
  await assert.rejects(within('the refusal', 8_000, attempt), (error: unknown) => {
    assert.equal(Object(error).name, 'UnauthorizedError', String(error))
    return true
  })
}

const refusals: readonly Case[] = deviceTransports.map((over) => ({
  row: 'M8',
  title: 'a bad key, a disabled device, an expired token, an unknown id: UnauthorizedError at once',
  over,
  async play(suite, id) {
    const good = await suite.keyed(id)
    const badKey = good.replace(/SharedAccessKey=.*/, `SharedAccessKey=${Buffer.alloc(64, 7).toString('base64')}`)
    const key = /SharedAccessKey=(.*)$/.exec(good)?.[1] ?? ''
    const disabled = await suite.keyed(`${id}-off`)
    await suite.registry.update({ deviceId: `${id}-off`, status: 'disabled' })
    const past = Math.floor(Date.now() / 1_000) - 60
    const expired = SharedAccessSignature.create(suiteHost, id, key, past).toString()
    const clients = {
      'a bad key': Client.fromConnectionString(badKey, transportOf[over]),
      'a disabled device': Client.fromConnectionString(disabled, transportOf[over]),
      'an unknown id': Client.fromConnectionString(good.replace(`DeviceId=${id}`, `DeviceId=${id}-nobody`), transportOf[over]),
      'an expired token': Client.fromSharedAccessSignature(expired, transportOf[over]),
    }
    for (const client of Object.values(clients).map(closedDevice)) {
      await using one = client
      await one.setOptions(optionsFor(suite, over))
      await refused(over, one)
    }
    await using fine = await deviceOver(suite, over, good)
    await within('who has a good key is let in after all that', 15_000, fine.sendEvent(new Message('x')))
  },
}))

/** All of them. */
export const connectionCases: readonly Case[] = [...renewal, ...cuts, ...takeover, ...certificates, ...refusals]
