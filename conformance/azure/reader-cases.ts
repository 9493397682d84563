import assert from 'node:assert/strict'
import {
  type EventHubConsumerClientOptions,
  EventHubConsumerClient,
  type EventPosition,
  type ReceivedEventData,
  earliestEventPosition,
  latestEventPosition,
} from '@azure/event-hubs'
import azureDevice from 'azure-iot-device'
import { WebSocket } from 'ws'
import { until, within } from '../until.ts'
import { type Case, deviceOver } from './case.ts'

/*
 * What readers of telemetry do with the Event Hubs SDK (azure-wire 11.3, M20; 8).
 */

const { Message } = azureDevice

const optionsOf: Readonly<Record<'amqp' | 'amqp-ws', EventHubConsumerClientOptions>> = {
  amqp: {},
  'amqp-ws': { webSocketOptions: { webSocket: WebSocket } },
}

/** All of them. */
export const readerCases: readonly Case[] = (['amqp', 'amqp-ws'] as const).map((over) => ({
  row: 'M20',
  title: 'EventHubConsumerClient: ids, properties, subscribe from earliest, latest, sequence and time, close',
  over,
  async play(suite, id) {
    const client = new EventHubConsumerClient('$Default', suite.events, optionsOf[over])
    try {
      await using device = await deviceOver(suite, 'mqtt', await suite.keyed(id))
      const partitionIds = await within('the ids are there', 15_000, client.getPartitionIds())
      const hub = await client.getEventHubProperties()
      assert.deepEqual([hub.name, hub.partitionIds], ['messages/events', partitionIds])
      assert.ok(partitionIds.length >= 2 && hub.createdOn instanceof Date)
      await within('the first is accepted', 15_000, device.sendEvent(new Message('"one"')))
      await until('the clock moves on', 1_000, passed(20))
      await device.sendEvent(new Message('"two"'))
      const [one, two] = await mine(client, id, earliestEventPosition, 2)
      assert.ok(one !== undefined && two !== undefined && one.sequenceNumber < two.sequenceNumber)
      assert.deepEqual([one.body, two.body], ['one', 'two'])
      for (const name of [
        'iothub-connection-device-id',
        'iothub-connection-auth-method',
        'iothub-connection-auth-generation-id',
        'iothub-enqueuedtime',
        'iothub-message-source',
      ])
        assert.notEqual(one.systemProperties?.[name], undefined, name)
      const bodies = async (position: EventPosition, count: number) => (await mine(client, id, position, count)).map(({ body }) => body)
      assert.deepEqual(await bodies({ sequenceNumber: one.sequenceNumber }, 1), ['two'])
      assert.deepEqual(await bodies({ sequenceNumber: one.sequenceNumber, isInclusive: true }, 2), ['one', 'two'])
      assert.deepEqual(await bodies({ offset: one.offset }, 1), ['two'])
      assert.deepEqual(await bodies({ enqueuedOn: one.enqueuedTimeUtc }, 1), ['two'])
      const heard: unknown[] = []
      const live = client.subscribe(
        { processEvents: async (events) => void heard.push(...ofDevice(events, id)), processError: async () => {} },
        { startPosition: latestEventPosition },
      )
      await until('a live reader hears what comes', 15_000, async () => {
        await device.sendEvent(new Message('"live"'))
        return heard.length > 0
      })
      await live.close()
      const partitions = await Promise.all(partitionIds.map((partition) => client.getPartitionProperties(partition)))
      const last = Math.max(...partitions.map(({ lastEnqueuedSequenceNumber }) => lastEnqueuedSequenceNumber))
      assert.ok(last >= two.sequenceNumber)
    } finally {
      await client.close()
    }
    const wrong = suite.events.replace(/SharedAccessKey=[^;]*/, `SharedAccessKey=${Buffer.alloc(32).toString('base64')}`)
    const stranger = new EventHubConsumerClient('$Default', wrong, { ...optionsOf[over], retryOptions: { maxRetries: 0 } })
    await assert.rejects(within('the refusal', 15_000, stranger.getPartitionIds()), { code: 'UnauthorizedError' })
    await stranger.close()
  },
}))

/** True when so many milliseconds have gone by. */
function passed(ms: number): () => boolean {
  const end = performance.now() + ms
  return () => performance.now() > end
}

const ofDevice = (events: readonly ReceivedEventData[], id: string) =>
  events.filter(({ systemProperties }) => systemProperties?.['iothub-connection-device-id'] === id)

/** What a reader gets of a device from a position on, until it has `count` events of it. */
async function mine(client: EventHubConsumerClient, id: string, startPosition: EventPosition, count: number) {
  const events: ReceivedEventData[] = []
  const errors: unknown[] = []
  const subscription = client.subscribe(
    {
      processEvents: async (more) => void events.push(...ofDevice(more, id)),
      processError: async (error) => void errors.push(error),
    },
    { startPosition },
  )
  try {
    await until(`${count} events from ${JSON.stringify(startPosition)}`, 15_000, () => events.length >= count || errors.length > 0)
  } finally {
    await subscription.close()
  }
  assert.deepEqual(errors, [])
  return events.slice(0, count)
}
