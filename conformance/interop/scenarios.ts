import assert from 'node:assert/strict'
import type { HubProcess, TestDevice } from '../hub.ts'
import { within } from '../until.ts'
import type { Client, Feature, Heard, Opening, Peer, Said } from './client.ts'

/** One scenario: a device, its topics under `base`, and clients that are ended when it is over. */
export type Scene = {
  readonly hub: HubProcess
  readonly peer: Peer
  readonly base: string
  readonly open: (opening: Opening) => Promise<Client>
  /** A client identifier that nobody else has. */
  readonly id: (name: string) => string
}

const patienceMs = 20_000
const next = (client: Client): Promise<Heard> => within('a message', patienceMs, client.next())
const text = (words: string): Buffer => Buffer.from(words)

/** Runs `work` and ends whatever it opened, however it ends. */
export async function play(
  hub: HubProcess,
  peer: Peer,
  device: TestDevice,
  feature: Feature,
  work: (scene: Scene) => Promise<void>,
): Promise<void> {
  const opened: Client[] = []
  const slug = feature.toLowerCase().replaceAll(' ', '-')
  const scene: Scene = {
    hub,
    peer,
    base: `devices/${device.id}/${slug}`,
    id: (name) => `${device.id}-${slug}-${name}`,
    open: async (opening) => {
      const client = await within(`${peer.name} connects`, patienceMs, peer.open(hub, device, opening))
      opened.push(client)
      return client
    },
  }
  try {
    await work(scene)
  } finally {
    for (const client of opened) client.vanish()
  }
}

function thereAndBack(qos: 0 | 1 | 2) {
  return async ({ base, open, id }: Scene): Promise<void> => {
    const to = await open({ clientId: id('to'), clean: true })
    const from = await open({ clientId: id('from'), clean: true })
    assert.equal(await to.subscribe(`${base}/+/x`, qos), qos)
    const payloads = [text('one'), Buffer.alloc(0), Buffer.from([0, 0xff, 0xc3, 0x28, 0]), text('4')]
    for (const [at, payload] of payloads.entries()) assert.equal(await from.publish({ topic: `${base}/${at}/x`, payload, qos }), 0)
    for (const [at, payload] of payloads.entries()) {
      const heard = await next(to)
      assert.deepEqual(
        [heard.topic, heard.payload.toString('hex'), heard.qos, heard.retain],
        [`${base}/${at}/x`, payload.toString('hex'), qos, false],
      )
    }
    await to.end()
    await from.end()
  }
}

/** A subscription gets `expected` and, before the marker that is published then, nothing else. */
async function onlyThese(scene: Scene, client: Client, from: Client, filter: string, expected: readonly string[]): Promise<void> {
  await client.subscribe(filter, 1)
  const marker: Said = { topic: `${scene.base}/marker`, payload: text('marker'), qos: 1 }
  for (const payload of expected) {
    const heard = await next(client)
    assert.deepEqual([heard.payload.toString(), heard.retain], [payload, true])
  }
  await from.publish(marker)
  const heard = await next(client)
  assert.deepEqual([heard.topic, heard.retain], [marker.topic, false])
}

async function retained(scene: Scene): Promise<void> {
  const { base, open, id } = scene
  const from = await open({ clientId: id('from'), clean: true })
  const state = (words: string): Said => ({ topic: `${base}/state`, payload: text(words), qos: 1, retain: true })
  await from.publish(state('closed'))
  await from.publish(state('open'))
  await onlyThese(scene, await open({ clientId: id('later'), clean: true }), from, `${base}/#`, ['open'])
  await from.publish(state(''))
  await onlyThese(scene, await open({ clientId: id('last'), clean: true }), from, `${base}/#`, [])
}

async function will({ base, open, id, peer }: Scene): Promise<void> {
  const witness = await open({ clientId: id('witness'), clean: true })
  assert.equal(await witness.subscribe(`${base}/#`, 1), 1)
  const testament = (name: string): Said => ({ topic: `${base}/${name}`, payload: text(`${name} is gone`), qos: 1 })
  const polite = await open({ clientId: id('polite'), clean: true, will: testament('polite') })
  await polite.subscribe(`${base}/nothing`, 0)
  await polite.end()
  if (peer.leavesWithWill === true) assert.equal((await next(witness)).topic, `${base}/polite`)
  const victim = await open({ clientId: id('victim'), clean: true, will: testament('victim') })
  await victim.subscribe(`${base}/nothing`, 0)
  victim.vanish()
  const heard = await next(witness)
  assert.deepEqual([heard.topic, heard.payload.toString()], [`${base}/victim`, 'victim is gone'])
}

async function offlineQueue({ base, open, id, peer }: Scene): Promise<void> {
  const opening: Opening = { clientId: id('sleeper'), clean: false }
  const best = peer.lacks['QoS 2'] === undefined ? 2 : 1
  const first = await open(opening)
  assert.ok(first.present !== true, 'there was no session')
  assert.equal(await first.subscribe(`${base}/#`, best), best)
  await first.end()
  const from = await open({ clientId: id('from'), clean: true })
  const numbers = [0, 1, 2, 3, 4, 5]
  for (const number of numbers)
    await from.publish({ topic: `${base}/n`, payload: text(`${number}`), qos: best === 2 && number % 2 === 0 ? 2 : 1 })
  const second = await open(opening)
  assert.ok(second.present !== false, 'the session was kept')
  // In order for each QoS: a QoS 2 message reaches the application only with its PUBREL.
  const heard: Heard[] = []
  while (heard.length < numbers.length) heard.push(await next(second))
  const of = (qos: number): string =>
    heard
      .filter((one) => one.qos === qos)
      .map(({ payload }) => payload.toString())
      .join()
  assert.deepEqual([of(1), of(2)], best === 2 ? ['1,3,5', '0,2,4'] : ['0,1,2,3,4,5', ''])
  await second.end()
  const third = await open({ ...opening, clean: true })
  assert.ok(third.present !== true, 'Clean Session, or Clean Start, threw it away')
  await third.end()
}

async function largePayload({ base, open, id }: Scene): Promise<void> {
  const client = await open({ clientId: id('both'), clean: true })
  await client.subscribe(`${base}/#`, 1)
  // The limit is 288 KiB for the packet.
  const payload = Buffer.alloc(280 * 1024, 'thing wall ')
  await client.publish({ topic: `${base}/large`, payload, qos: 1 })
  assert.ok((await next(client)).payload.equals(payload))
}

async function unicodeTopic({ base, open, id }: Scene): Promise<void> {
  const client = await open({ clientId: id('beide-å'), clean: true })
  await client.subscribe(`${base}/Größe/+/🌡️`, 1)
  const topic = `${base}/Größe/温度 Δ/🌡️`
  await client.publish({ topic, payload: text('21 °C'), qos: 1 })
  const heard = await next(client)
  assert.deepEqual([heard.topic, heard.payload.toString()], [topic, '21 °C'])
}

async function sharedSubscription({ base, open, id }: Scene): Promise<void> {
  const workers = [await open({ clientId: id('a'), clean: true }), await open({ clientId: id('b'), clean: true })]
  const from = await open({ clientId: id('from'), clean: true })
  const heard: string[][] = workers.map(() => [])
  const count = 12
  let arrived = 0
  const all = new Promise<void>((resolve) => {
    for (const [at, worker] of workers.entries()) {
      const listen = async (): Promise<void> => {
        heard[at]?.push((await worker.next()).payload.toString())
        if (++arrived === count) resolve()
        else await listen()
      }
      void listen()
    }
  })
  for (const worker of workers) assert.equal(await worker.subscribe(`$share/crew/${base}/#`, 1), 1)
  for (let number = 0; number < count; number++) await from.publish({ topic: `${base}/${number}`, payload: text(`${number}`), qos: 1 })
  await within('every message is taken by someone', patienceMs, all)
  assert.deepEqual(
    heard
      .flat()
      .map(Number)
      .toSorted((a, b) => a - b),
    Array.from({ length: count }, (_, at) => at),
  )
  assert.ok(
    heard.every((taken) => taken.length > 0),
    `each has its share: ${JSON.stringify(heard)}`,
  )
}

async function messageProperties({ base, open, id }: Scene): Promise<void> {
  const client = await open({ clientId: id('both'), clean: true })
  await client.subscribe(`${base}/#`, 1)
  const told = { contentType: 'application/json', userProperties: { line: '4', shift: 'näght' } }
  await client.publish({ topic: `${base}/x`, payload: text('{}'), qos: 1, told })
  assert.deepEqual((await next(client)).told, told)
}

async function subscriptionIdentifier({ base, open, id }: Scene): Promise<void> {
  const client = await open({ clientId: id('both'), clean: true })
  await client.subscribe(`${base}/#`, 1, 268_435)
  await client.publish({ topic: `${base}/x`, payload: text('x'), qos: 1 })
  assert.deepEqual((await next(client)).told.identifiers, [268_435])
}

async function requestAndResponse({ base, open, id }: Scene): Promise<void> {
  const asks = await open({ clientId: id('asks'), clean: true })
  const answers = await open({ clientId: id('answers'), clean: true })
  await asks.subscribe(`${base}/answer/asks`, 1)
  await answers.subscribe(`${base}/request`, 1)
  await asks.publish({
    topic: `${base}/request`,
    payload: text('2+2'),
    qos: 1,
    told: { responseTopic: `${base}/answer/asks`, correlation: 'no.7' },
  })
  const request = await next(answers)
  assert.deepEqual(request.told, { responseTopic: `${base}/answer/asks`, correlation: 'no.7' })
  await answers.publish({
    topic: request.told.responseTopic ?? '',
    payload: text('4'),
    qos: 1,
    told: { correlation: request.told.correlation ?? '' },
  })
  const response = await next(asks)
  assert.deepEqual([response.payload.toString(), response.told.correlation], ['4', 'no.7'])
}

async function deniedPublish({ open, id }: Scene): Promise<void> {
  const client = await open({ clientId: id('thief'), clean: true })
  assert.equal(await client.publish({ topic: 'devices/somebody-else/x', payload: text('x'), qos: 1 }), 0x87)
}

/** What each feature means, as clients see it. */
export const scenarios: Readonly<Record<Feature, (scene: Scene) => Promise<void>>> = {
  'QoS 0': thereAndBack(0),
  'QoS 1': thereAndBack(1),
  'QoS 2': thereAndBack(2),
  retained,
  will,
  'offline queue': offlineQueue,
  'large payload': largePayload,
  'unicode topic': unicodeTopic,
  'shared subscription': sharedSubscription,
  'message properties': messageProperties,
  'subscription identifier': subscriptionIdentifier,
  'request and response': requestAndResponse,
  'denied publish': deniedPublish,
}
