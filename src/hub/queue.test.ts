import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { systemGrant } from '#access'
import type { Store } from '#store'
import { idOf } from '../../test/domain-scene.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { openTestStore } from '../../test/open-test-store.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import type { CloudMessage } from './cloud-to-device.ts'
import { openMessages } from './cloud-to-device-queue.ts'
import { hubQueueMigrations } from './queue-rows.ts'

const sending = systemGrant('c2d.send', 'devices')
const a = idOf('a')
const scopes: AsyncDisposableStack[] = []
afterEach(async () => void (await Promise.all(scopes.splice(0).map((scope) => scope.disposeAsync()))))

const message: CloudMessage = {
  messageId: 'm1',
  correlationId: undefined,
  userId: undefined,
  contentType: undefined,
  contentEncoding: undefined,
  to: undefined,
  ack: 'full',
  expiresAt: undefined,
  properties: {},
  body: Buffer.from('open'),
}

async function scene() {
  const scope = new AsyncDisposableStack()
  scopes.push(scope)
  const held = scope.use(await openTestStore(hubQueueMigrations))
  const clock = new FakeClock()
  const facts: string[] = []
  const now = { generation: '1' }
  const opened = scope.use(
    await openMessages(
      {
        store: held.store,
        clock,
        random: new SeededRandom(1),
        commit: (_grant, _what, statements) => held.store.commit(statements),
        tell: (fact) => void facts.push(fact.kind),
        generationOf: () => now.generation,
        trouble(_what, error) {
          throw error
        },
      },
      new AbortController().signal,
    ),
  )
  return { messages: opened.messages, store: held.store, clock, facts, now }
}

const rowsOf = async (store: Store, table: 'queue_messages' | 'feedback_records') => (await store.query(`SELECT * FROM ${table}`)).length

test('a message whose row is gone cannot be completed, and nobody is told that it was', async () => {
  const { messages, store, facts } = await scene()
  await messages.send(sending, a, message)
  const received = await messages.receive(a)
  await store.commit([{ sql: 'DELETE FROM queue_messages', args: [] }])
  const settled = await messages.settle(a, received?.lockToken ?? '', 'complete')
  assert.equal(settled.ok ? 'ok' : settled.error.code, 'hub/lock-lost')
  assert.deepEqual(facts, ['c2d-enqueued'])
  assert.equal(await rowsOf(store, 'feedback_records'), 0)
  assert.equal(await messages.receive(a), undefined)
  assert.equal(messages.count(a), 0)
})

test('a message to an earlier device of the name is dropped when it comes to light, without feedback', async () => {
  const { messages, store, facts, now } = await scene()
  await messages.send(sending, a, message)
  now.generation = '2'
  await messages.send(sending, a, { ...message, messageId: 'new' })
  assert.equal((await messages.receive(a))?.messageId, 'new')
  assert.equal(await rowsOf(store, 'queue_messages'), 1)
  assert.equal(await rowsOf(store, 'feedback_records'), 0)
  assert.deepEqual(facts, ['c2d-enqueued', 'c2d-enqueued'])
})

test('of more queues than memory keeps an index of, every message comes, and expires', async () => {
  const { messages, store, clock } = await scene()
  const identities = Array.from({ length: 11_000 }, (_, n) => idOf(`device-${n}`))
  const sent = await Promise.all(
    identities.map((identity) => messages.send(sending, identity, { ...message, messageId: identity, ack: 'none' })),
  )
  assert.ok(sent.every((outcome) => outcome.ok))
  for (const identity of [...identities.slice(0, 50), ...identities.slice(-50)]) {
    const received = await messages.receive(identity)
    assert.equal(received?.messageId, identity)
    assert.ok((await messages.settle(identity, received.lockToken, 'complete')).ok)
  }
  assert.equal(await rowsOf(store, 'queue_messages'), 10_900)
  clock.advance(60 * 60_000)
  for (let n = 0; n < 10_000 && (await rowsOf(store, 'queue_messages')) > 0; n++) {
    clock.advance(1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(await rowsOf(store, 'queue_messages'), 0)
  assert.equal(messages.count(identities[500] ?? a), 0)
})
