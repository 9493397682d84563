import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault, refuse } from '#base'
import { decodeRecord } from '#journal'
import { Taker, addTaker, egressScene, mayRead, mayWrite } from '../../test/routing-scene.ts'
import type { EndpointPatch } from './endpoint-admin.ts'

test('an event goes to every endpoint with a matching route, once, in order, and nowhere else [azure-wire 9.1]', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  await addTaker(scene.egress, 'hot', { condition: "level = 'hot'" })
  const again = { name: 'again', source: 'DeviceMessages', condition: '', endpoint: 'hot', isEnabled: true } as const
  assert.equal((await scene.egress.admin.addRoute(mayWrite, again)).ok, true)
  for (let i = 0; i < 25; i++) scene.say('pump-1', `m${i}`, { level: i % 2 === 0 ? 'hot' : 'cold' })
  await scene.settle()
  assert.deepEqual(
    taker.bodies,
    Array.from({ length: 25 }, (_, i) => `m${i}`),
  )
  assert.ok(taker.largest <= 10)
  const [view] = await scene.egress.endpoints(mayRead)
  assert.equal(view?.state.counts.delivered, 25)
  assert.equal(view?.state.health, 'healthy')
  assert.equal(view?.state.lagRecords, 0)
})

test('an endpoint that is down for a while gets everything after, in order; another does not notice', async () => {
  const down = new Taker()
  await using scene = await egressScene([down.kind()])
  let isDown = true
  const calm: string[] = []
  down.answer = (batch) => {
    const name = batch[0]?.properties['to']
    if (name === 'calm') calm.push(...batch.map(({ body }) => body.toString()))
    return isDown && name !== 'calm' ? { kind: 'retry', reason: 'answered 503' } : { kind: 'ok' }
  }
  await addTaker(scene.egress, 'shaky', { condition: "to = 'shaky'" })
  await addTaker(scene.egress, 'calm', { condition: "to = 'calm'" })
  for (let i = 0; i < 30; i++) {
    scene.say(`pump-${i % 3}`, `s${i}`, { to: 'shaky' })
    scene.say(`pump-${i % 3}`, `c${i}`, { to: 'calm' })
    await scene.settle(100)
  }
  await scene.settle(61_000)
  const shaky = async () => {
    const found = await scene.egress.endpoint(mayRead, 'shaky')
    assert.ok(found.ok)
    return found.value.state
  }
  const behind = await shaky()
  assert.equal(behind.health, 'unhealthy')
  assert.equal(behind.reason, 'answered 503')
  assert.ok(behind.lagRecords >= 60 && behind.lagMs >= 61_000, JSON.stringify(behind))
  assert.deepEqual(
    calm,
    Array.from({ length: 30 }, (_, i) => `c${i}`),
  )
  isDown = false
  await scene.settle(120_000)
  assert.deepEqual(
    down.taken.filter(({ properties }) => properties['to'] === 'shaky').map(({ body }) => body.toString()),
    Array.from({ length: 30 }, (_, i) => `s${i}`),
  )
  scene.journal.flush()
  await scene.settle(100)
  const after = await shaky()
  assert.deepEqual([after.health, after.lagRecords, after.lagMs], ['healthy', 0, 0])
  const facts = scene.facts().filter((kind) => kind.startsWith('egress-'))
  assert.deepEqual(facts, ['egress-failed', 'egress-recovered'])
})

test('what an endpoint will never take goes to the dead letters with its reason, at once, and the rest goes on', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  let cures = false
  taker.answer = (batch) => {
    const index = cures ? -1 : batch.findIndex(({ body }) => body.toString() === 'bad')
    return index < 0 ? { kind: 'ok' } : { kind: 'poison', index, reason: 'answered 422' }
  }
  await addTaker(scene.egress, 'out')
  for (const body of ['a', 'bad', 'b', 'c', 'bad', 'd']) scene.say('pump-1', body)
  await scene.settle()
  assert.deepEqual(taker.bodies, ['a', 'b', 'c', 'd'])
  const letters = await scene.egress.deadLetters(mayRead, { after: 0, limit: 10 })
  assert.deepEqual(
    letters.map(({ endpoint, device, reason }) => [endpoint, device, reason]),
    [
      ['out', 'pump-1', 'answered 422'],
      ['out', 'pump-1', 'answered 422'],
    ],
  )
  const [letter] = letters
  const opened = await scene.egress.deadLetter(mayRead, letter?.id ?? 0)
  assert.equal(opened.ok && opened.value.event.body.toString(), 'bad')
  cures = true
  assert.deepEqual(await scene.egress.replay(mayWrite, { endpoint: 'out' }), { ok: true, value: 2 })
  await scene.settle()
  assert.deepEqual(taker.bodies, ['a', 'b', 'c', 'd', 'bad', 'bad'])
  assert.deepEqual(await scene.egress.deadLetters(mayRead, { after: 0, limit: 10 }), [])
})

test('after a day of failing, what is a day old is put aside and the rest waits [azure-wire 9.1]', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  let isDown = true
  taker.answer = () => (isDown ? { kind: 'retry', reason: 'no answer' } : { kind: 'ok' })
  await addTaker(scene.egress, 'out')
  scene.say('pump-1', 'old')
  await scene.settle()
  for (let hour = 0; hour < 23; hour++) await scene.settle(3_600_000)
  scene.say('pump-1', 'young')
  for (let minute = 0; minute < 62; minute++) await scene.settle(60_000)
  const letters = await scene.egress.deadLetters(mayRead, { endpoint: 'out', after: 0, limit: 10 })
  assert.deepEqual(
    letters.map(({ reason }) => reason),
    ['no answer'],
  )
  assert.equal(scene.egress.states()[0]?.state.health, 'dead')
  isDown = false
  await scene.settle(61_000)
  assert.deepEqual(taker.bodies, ['young'])
})

test('a restart goes on behind what was delivered, and judges old records by the routes of their time', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  await addTaker(scene.egress, 'out', { condition: "level = 'hot'" })
  scene.say('pump-1', 'first', { level: 'hot' })
  await scene.settle()
  let isDown = true
  taker.answer = () => (isDown ? { kind: 'retry', reason: 'down' } : { kind: 'ok' })
  scene.say('pump-1', 'second', { level: 'hot' })
  scene.say('pump-1', 'cold before', { level: 'cold' })
  await scene.settle()
  assert.equal((await scene.egress.admin.changeRoute(mayWrite, 'out', { condition: "level = 'cold'" })).ok, true)
  scene.say('pump-1', 'third', { level: 'cold' })
  scene.say('pump-1', 'hot after', { level: 'hot' })
  await scene.restart()
  isDown = false
  await scene.settle(2_000)
  assert.deepEqual(taker.bodies, ['first', 'second', 'third'])
})

test('retention that passes an endpoint is counted and told, never silent', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  await addTaker(scene.egress, 'out')
  await scene.restart([])
  for (const body of ['a', 'b', 'c']) scene.say('pump-1', body)
  await scene.egress[Symbol.asyncDispose]()
  const [row] = await scene.store.query('SELECT cursor FROM egress_cursors')
  const cursor = Number(row?.['cursor'])
  scene.journal.start = scene.journal.end - 1
  await scene.restart([taker.kind()])
  await scene.settle()
  assert.deepEqual(taker.bodies, ['c'])
  assert.equal(scene.egress.states()[0]?.state.counts.lost, scene.journal.start - cursor)
  assert.ok(scene.facts().includes('egress-lost'))
})

test('an endpoint that is changed goes on from its place, by its new settings, sources and condition', async () => {
  const taker = new Taker()
  const kind = taker.kind()
  const malformed = refuse('egress/endpoint-malformed', 'There is no such setting.')
  const parse = (settings: unknown) => (JSON.stringify(settings).includes('no') ? malformed : kind.parse(settings))
  await using scene = await egressScene([{ ...kind, parse }])
  let isDown = true
  taker.answer = () => (isDown ? { kind: 'retry', reason: 'down' } : { kind: 'ok' })
  await addTaker(scene.egress, 'out')
  for (const [body, level] of [
    ['a', 'hot'],
    ['b', 'cold'],
    ['c', 'hot'],
  ] as const)
    scene.say('pump-1', body, { level })
  await scene.settle(1_000)
  const change = (patch: EndpointPatch) => scene.egress.changeEndpoint(mayWrite, 'out', patch)
  for (const [patch, code] of [
    [{ settings: { no: 1 } }, 'egress/endpoint-malformed'],
    [{ sources: [] }, 'egress/endpoint-malformed'],
    [{ condition: 'level =' }, 'egress/condition-malformed'],
  ] as const) {
    const refused = await change(patch)
    assert.equal(!refused.ok && refused.error.code, code)
  }
  const nobody = await scene.egress.changeEndpoint(mayWrite, 'none', {})
  assert.equal(!nobody.ok && nobody.error.code, 'egress/endpoint-not-found')
  isDown = false
  assert.ok((await change({ settings: { to: 'elsewhere' }, condition: "level = 'hot'" })).ok)
  await scene.settle()
  assert.deepEqual(taker.bodies, ['a', 'c'])
  assert.ok((await change({ sources: ['TwinChangeEvents'] })).ok)
  scene.say('pump-1', 'd', { level: 'hot' })
  await scene.settle()
  await scene.restart()
  await scene.settle()
  const seen = await scene.egress.endpoint(mayRead, 'out')
  assert.ok(seen.ok)
  const { settings, sources, condition, state } = seen.value
  assert.deepEqual([settings, sources, condition], [{ to: 'elsewhere' }, ['TwinChangeEvents'], "level = 'hot'"])
  assert.deepEqual([taker.bodies, state.counts.delivered, state.lagRecords], [['a', 'c'], 2, 0])
  assert.equal(scene.facts().filter((kind) => kind === 'endpoint-changed').length, 3)
})

test('a change that cannot be written leaves the endpoint as it was, at work', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  await addTaker(scene.egress, 'out')
  const { store } = scene
  const commit = store.commit.bind(store)
  store.commit = async () => Promise.reject(new Fault('store/disk', 'The disk failed.'))
  await assert.rejects(scene.egress.changeEndpoint(mayWrite, 'out', { condition: 'false = true' }), { code: 'store/disk' })
  store.commit = commit
  scene.say('pump-1', 'a')
  await scene.settle()
  assert.deepEqual(taker.bodies, ['a'])
  assert.equal((await scene.egress.endpointOf('out'))?.condition, '')
})

test('dead letters beyond ten thousand go, the oldest first, counted and told', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  taker.answer = () => ({ kind: 'poison', index: 0, reason: 'answered 400' })
  await addTaker(scene.egress, 'out')
  await scene.store.commit([
    {
      sql: `INSERT INTO egress_dead_letters (endpoint, journal_offset, device, reason, tries, event, put_aside_at)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) SELECT 'out', i, 'd', 'old', 1, x'', 0 FROM n`,
      args: [],
    },
  ])
  for (const body of ['a', 'b', 'c']) scene.say('pump-1', body)
  await scene.settle()
  const view = await scene.egress.endpointOf('out')
  assert.deepEqual([view?.deadLetters, view?.state.counts.deadLettered, view?.state.counts.trimmed], [10_000, 3, 2])
  const [oldest] = await scene.egress.deadLetters(mayRead, { after: 0, limit: 1 })
  assert.equal(oldest?.offset, 3)
  const told = scene.journal.records.map((bytes) => decodeRecord(bytes)).flatMap((fact) => (fact.ok ? [fact.value] : []))
  assert.deepEqual(
    told.flatMap((fact) => (fact.kind === 'egress-dead-lettered' ? [fact.trimmed] : [])),
    [undefined, 1, 1],
  )
})
