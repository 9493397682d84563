import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '#base'
import { Taker, addTaker, egressScene, mayRead, takerSpec, mayWrite } from '../../test/routing-scene.ts'

test('rows that cannot be written at any commit cost no event and no dead letter, only another delivery', async () => {
  for (let nth = 1; nth < 12; nth++) {
    const taker = new Taker()
    taker.answer = (batch) => {
      const index = batch.findIndex(({ body }) => body.toString() === 'bad')
      return index < 0 ? { kind: 'ok' } : { kind: 'poison', index, reason: 'answered 400' }
    }
    await using scene = await egressScene([taker.kind({ events: 3, bytes: 10_000, lingerMs: 0 })])
    await addTaker(scene.egress, 'out')
    const { store } = scene
    const commit = store.commit.bind(store)
    let left = nth
    store.commit = async (statements) => {
      if (--left === 0) throw new Fault('store/disk', 'The disk failed.')
      return await commit(statements)
    }
    for (const body of ['a', 'b', 'bad', 'c', 'd', 'bad', 'e', 'f', 'g']) scene.say('pump-1', body)
    for (let i = 0; i < 4; i++) await scene.settle(1_500)
    store.commit = commit
    await scene.restart()
    await scene.settle(1_500)
    assert.deepEqual([...new Set(taker.bodies)], ['a', 'b', 'c', 'd', 'e', 'f', 'g'], `commit ${nth}`)
    const letters = await scene.egress.deadLetters(mayRead, { after: 0, limit: 10 })
    assert.equal(new Set(letters.map(({ offset }) => offset)).size, 2, `commit ${nth}`)
  }
})

test('a hub that dies between the rows of a change and its fact finds the fact, or tells it', async () => {
  for (const wasTold of [true, false]) {
    const taker = new Taker()
    await using scene = await egressScene([taker.kind()])
    await addTaker(scene.egress, 'out')
    const { version, from } = scene.egress.routes(mayRead)
    await scene.egress[Symbol.asyncDispose]()
    await scene.store.commit([{ sql: 'UPDATE egress_sets SET from_offset = NULL WHERE version = ?', args: [version] }])
    if (!wasTold) scene.journal.records.splice(from)
    scene.journal.durableEnd = scene.journal.records.length
    await scene.restart()
    const again = scene.egress.routes(mayRead)
    assert.deepEqual([again.version, again.from], [version, from])
    assert.equal(scene.facts().filter((kind) => kind === 'routes-changed').length, 1)
    scene.say('pump-1', 'after')
    await scene.settle()
    assert.deepEqual(taker.bodies, ['after'])
  }
})

test('an endpoint that takes nothing holds one batch and its place; the windows that all share stay bounded', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind({ events: 100, bytes: 100_000, lingerMs: 0 })])
  const held = Promise.withResolvers<void>()
  taker.answer = async (_batch, signal) => {
    signal.addEventListener('abort', () => held.resolve(), { once: true })
    await held.promise
    return { kind: 'ok' }
  }
  await addTaker(scene.egress, 'slow')
  for (let i = 0; i < 5_000; i++) scene.say('pump-1', 'x'.repeat(2_000))
  await scene.settle()
  const [slow] = scene.egress.states()
  assert.ok((slow?.state.inFlight ?? 0) <= 100)
  assert.ok((slow?.state.lagRecords ?? 0) >= 4_900)
  held.resolve()
})

test('conditions that would cost much are refused, and bodies that are deep or forged match nothing', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  const bombs = [
    `${'('.repeat(5_000)}a${')'.repeat(5_000)}`,
    Array.from({ length: 2_000 }, () => 'a = 1').join(' OR '),
    `a = '${'x'.repeat(10_000)}'`,
    `${'NOT '.repeat(1_000)}a`,
    '$nothing = 1',
    'DROP TABLE egress_sets',
  ]
  for (const condition of bombs) {
    const made = await scene.egress.addEndpoint(mayWrite, takerSpec('bomb', { condition }))
    assert.equal(!made.ok && made.error.code, 'egress/condition-malformed', condition.slice(0, 20))
  }
  await addTaker(scene.egress, 'out', { condition: '$body.a = 1 OR $body.__proto__.x = 1' })
  const json = { '$.ct': 'application/json', '$.ce': 'utf-8' }
  for (const body of ['{"a":1}', '{"__proto__":{"x":1}}', `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`, '{"a":1'])
    scene.say('pump-1', body, json)
  scene.say('pump-1', '{"a":1}', { '$.ct': 'text/plain' })
  await scene.settle()
  assert.deepEqual(taker.bodies, ['{"a":1}'])
})

test('names that are paths, headers or labels are refused', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  for (const name of ['', '.', '..', '../x', 'a/b', 'a\r\nx: 1', 'a"b', 'x'.repeat(65), 'ä', 'events']) {
    const made = await scene.egress.addEndpoint(mayWrite, takerSpec(name))
    assert.ok(!made.ok && ['egress/name-malformed', 'egress/endpoint-exists'].includes(made.error.code), name)
  }
  for (const key of ['iothub-enqueuedtime', 'IoTHub-connection-device-id', 'a b', 'x\n']) {
    const added = await scene.egress.admin.addEnrichment(mayWrite, { key, value: 'v', endpoints: ['events'] })
    assert.equal(!added.ok && added.error.code, 'egress/enrichment-malformed', key)
  }
})
