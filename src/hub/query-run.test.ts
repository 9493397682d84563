import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import type { Refusal, Result } from '#base'
import { type QueryRow, openQueryScene } from '../../test/query-scene.ts'
import { type QueryPorts, openQueries } from './query-run.ts'
import type { QueryPage } from './query.ts'

const grant = systemGrant('twin.read', 'hub')

async function openScene(rows: readonly QueryRow[]) {
  const scene = await openQueryScene()
  await scene.put(rows)
  let flushes = 0
  const flushed = async () => void flushes++
  const ports: QueryPorts = { ...scene, twins: { flushed }, presence: { flushed } }
  const queries = openQueries(ports)
  return { ...scene, queries, flushes: () => flushes, ask: (text: string, more: object = {}) => queries.run(grant, { text, ...more }) }
}

function page(result: Result<QueryPage>): QueryPage {
  assert(result.ok, result.ok ? '' : result.error.message)
  return result.value
}

function refusal(result: Result<unknown>): Refusal {
  assert(!result.ok)
  return result.error
}

const fleet: readonly QueryRow[] = [
  { identity: 'd1', tags: { region: 'north' }, reported: { t: 20 }, connected: true },
  { identity: 'd2', tags: { region: 'north' }, reported: { t: 30 }, status: 'disabled' },
  { identity: 'd3', tags: { region: 'south' }, reported: { t: 'hot' } },
  { identity: 'd4', reported: { t: 1.5 }, configurations: { 'roll-1': { status: 'Applied' } } },
  { identity: 'd1/m1', tags: { region: 'north' } },
  { identity: 'd1-a', tags: { region: null } },
  { identity: 'd1-a/m', tags: {} },
]

test('SELECT * gives twins, with no continuation behind the last [azure-wire 5.4]', async () => {
  await using scene = await openScene(fleet)
  const all = page(await scene.ask('SELECT * FROM devices'))
  assert.equal(all.itemType, 'Twin')
  assert.equal(all.continuation, undefined)
  assert.deepEqual(
    all.items.map((item) => Object(item).deviceId),
    ['d1', 'd1-a', 'd2', 'd3', 'd4'],
  )
  assert.partialDeepStrictEqual(all.items[0], {
    deviceId: 'd1',
    connectionState: 'Connected',
    tags: { region: 'north' },
    properties: { reported: { t: 20, $version: 1 } },
  })
  assert.equal(scene.flushes(), 2)
})

test('pages follow one another without a gap, for devices and for modules [azure-wire 5.4]', async () => {
  await using scene = await openScene(fleet)
  for (const [from, expected] of [
    ['devices', ['d1', 'd1-a', 'd2', 'd3', 'd4']],
    ['devices.modules', ['d1/m1', 'd1-a/m']],
  ] as const) {
    for (const maxItems of [1, 2, 3]) {
      const seen: string[] = []
      let continuation: string | undefined
      do {
        const one = page(await scene.ask(`SELECT deviceId, moduleId FROM ${from}`, { maxItems, continuation }))
        assert(one.items.length <= maxItems)
        seen.push(...one.items.map((item) => [Object(item).deviceId, Object(item).moduleId].filter(Boolean).join('/')))
        continuation = one.continuation
      } while (continuation !== undefined)
      assert.deepEqual(seen, expected)
    }
  }
})

test('TOP counts over pages [azure-wire 5.4]', async () => {
  await using scene = await openScene(fleet)
  const first = page(await scene.ask('SELECT TOP 3 * FROM devices', { maxItems: 2 }))
  assert.equal(first.items.length, 2)
  assert(first.continuation)
  const second = page(await scene.ask('SELECT TOP 3 * FROM devices', { maxItems: 2, continuation: first.continuation }))
  assert.equal(second.items.length, 1)
  assert.equal(second.continuation, undefined)
})

test('a continuation is for its query, its caller and ten minutes [azure-wire 5.4]', async () => {
  await using scene = await openScene(fleet)
  const text = 'SELECT * FROM devices'
  const { continuation } = page(await scene.ask(text, { maxItems: 1 }))
  assert(continuation)
  assert(continuation.length <= 1_024)
  assert.equal(refusal(await scene.ask("SELECT * FROM devices WHERE deviceId = 'd1'", { continuation })).code, 'hub/continuation-refused')
  const [body = '', mac = ''] = continuation.split('.')
  const other = Buffer.from(Buffer.from(body, 'base64url').toString().replace('d1', 'd9')).toString('base64url')
  for (const forged of [`${other}.${mac}`, `${body}.`, body, '', `${continuation}.x`, 'x'.repeat(2_000)])
    assert.equal(refusal(await scene.ask(text, { continuation: forged })).code, 'hub/continuation-refused', forged)
  const somebody = Object.assign({}, grant, { actor: { ...grant.actor, id: 'somebody' } })
  assert.equal(refusal(await scene.queries.run(somebody, { text, continuation })).code, 'hub/continuation-refused')
  page(await scene.ask(text, { continuation }))
  scene.clock.advance(10 * 60_000 + 1)
  assert.equal(refusal(await scene.ask(text, { continuation })).code, 'hub/continuation-refused')
})

test('projections name their columns, and what is not there is left out [azure-wire 5.4]', async () => {
  await using scene = await openScene(fleet)
  const raw = page(
    await scene.ask("SELECT deviceId AS id, tags.region, properties.reported.missing FROM devices WHERE deviceId IN ['d1', 'd4']"),
  )
  assert.equal(raw.itemType, 'Raw')
  assert.deepEqual(raw.items, [{ id: 'd1', region: 'north' }, { id: 'd4' }])
})

test('groups and functions tell null, absence and types apart [azure-wire 5.4]', async () => {
  await using scene = await openScene(fleet)
  const grouped = page(
    await scene.ask('SELECT tags.region AS region, COUNT() AS n, AVG(properties.reported.t) AS t FROM devices GROUP BY tags.region'),
  )
  const byRegion = new Map(grouped.items.map((item) => [Object(item).region, item]))
  assert.deepEqual(byRegion.get('north'), { region: 'north', n: 2, t: 25 })
  assert.deepEqual(byRegion.get('south'), { region: 'south', n: 1 })
  assert.deepEqual(byRegion.get(null), { region: null, n: 1 })
  assert.deepEqual(byRegion.get(undefined), { n: 1, t: 1.5 })
  const whole = page(
    await scene.ask(
      'SELECT COUNT() AS n, SUM(properties.reported.t) AS s, MIN(properties.reported.t) AS a, MAX(properties.reported.t) AS z FROM devices',
    ),
  )
  assert.deepEqual(whole.items, [{ n: 5, s: 51.5, a: 1.5, z: 30 }])
  const none = page(await scene.ask("SELECT COUNT(), AVG(version) FROM devices WHERE deviceId = 'nobody'"))
  assert.deepEqual(none.items, [{ $1: 0 }])
  const pages = page(await scene.ask('SELECT tags.region, COUNT() FROM devices GROUP BY tags.region', { maxItems: 3 }))
  assert.equal(pages.items.length, 3)
  assert(pages.continuation)
  const last = page(
    await scene.ask('SELECT tags.region, COUNT() FROM devices GROUP BY tags.region', { maxItems: 3, continuation: pages.continuation }),
  )
  assert.equal(last.items.length, 1)
  assert.equal(last.continuation, undefined)
})

test('configurations and etags can be asked for [azure-wire 5.4]', async () => {
  await using scene = await openScene(fleet)
  const applied = page(await scene.ask("SELECT deviceId FROM devices WHERE configurations.[[roll-1]].status = 'Applied'"))
  assert.deepEqual(applied.items, [{ deviceId: 'd4' }])
  assert.equal(page(await scene.ask("SELECT * FROM devices WHERE etag = 'AAAAAAAAAAE='")).items.length, 5)
  assert.equal(page(await scene.ask("SELECT * FROM devices WHERE etag IN ['AAAAAAAAAAI=', 'x']")).items.length, 0)
  assert.equal(page(await scene.ask("SELECT * FROM devices WHERE etag != 'no etag'")).items.length, 5)
})

test('jobs and configurations find whom a condition is true of', async () => {
  await using scene = await openScene(fleet)
  const { queries } = scene
  assert.deepEqual(await queries.matching('devices', "tags.region = 'north'", 1), { ok: true, value: { identities: ['d1'], next: 'd1' } })
  assert.deepEqual(await queries.matching('devices', "tags.region = 'north'", 1, 'd1'), {
    ok: true,
    value: { identities: ['d2'], next: undefined },
  })
  assert.deepEqual(await queries.matching('modules', '*', 1), { ok: true, value: { identities: ['d1/m1'], next: 'd1/m1' } })
  assert.deepEqual(await queries.matching('modules', '*', 10, 'd1/m1'), { ok: true, value: { identities: ['d1-a/m'], next: undefined } })
  assert.deepEqual(await queries.count('devices', '*'), { ok: true, value: 5 })
  assert.deepEqual(await queries.count('devices', "FROM devices WHERE tags.region = 'north'"), { ok: true, value: 2 })
  assert.equal(refusal(await queries.count('devices', 'FROM devices.modules')).code, 'hub/query-unsupported')
  assert.equal(refusal(await queries.matching('devices', 'tags.', 1)).code, 'hub/query-malformed')
})

test('a scan goes over many windows and misses nobody', async () => {
  const many = Array.from({ length: 4_500 }, (_, i) => ({ identity: `x-${String(i).padStart(5, '0')}`, tags: { odd: i % 2 === 1, n: i } }))
  await using scene = await openScene(many)
  assert.deepEqual(await scene.queries.count('devices', 'tags.odd = true'), { ok: true, value: 2_250 })
  const last = page(await scene.ask('SELECT deviceId FROM devices WHERE tags.n >= 4499'))
  assert.deepEqual(last.items, [{ deviceId: 'x-04499' }])
  const total = page(await scene.ask('SELECT tags.odd, COUNT() AS c, SUM(tags.n) AS s FROM devices GROUP BY tags.odd'))
  assert.deepEqual(total.items, [
    { odd: false, c: 2_250, s: 5_060_250 },
    { odd: true, c: 2_250, s: 5_062_500 },
  ])
})

test('what is written in a query is never SQL', async () => {
  await using scene = await openScene(fleet)
  const texts = [
    "SELECT * FROM devices WHERE tags['a\"; DROP TABLE twins; --'] = 'x\\'; DROP TABLE twins; --'",
    "SELECT tags.[[x') FROM twins; --]] AS y FROM devices",
    'SELECT deviceId AS a, COUNT() AS b FROM devices WHERE IS_DEFINED(tags.[[$"..[#-1] ]]) GROUP BY deviceId',
    "SELECT COUNT() AS n FROM devices WHERE tags['\\u0000'] = '\\u0000' OR 'x' IN tags['\"a']",
  ]
  for (const text of texts) page(await scene.ask(text))
  assert.equal(page(await scene.ask('SELECT COUNT() AS n FROM devices')).items.length, 1)
  for (const text of [
    "SELECT * FROM devices WHERE deviceId = 'a' UNION SELECT * FROM devices",
    'SELECT * FROM sqlite_schema',
    'SELECT sealed_keys FROM modules',
  ])
    assert(['hub/query-malformed', 'hub/query-unsupported'].includes(refusal(await scene.ask(text)).code))
  assert.deepEqual(page(await scene.ask("SELECT sealed_keys, generation_id FROM devices WHERE deviceId = 'd1'")).items, [{}])
})

test('a condition that is too much for the database is refused, and what is merely long is served', async () => {
  await using scene = await openScene(fleet)
  for (const deep of [' = tags.b)', " = tags['\"b'])", ' IN tags.b)', ' % tags.b)']) {
    const refused = refusal(await scene.ask(`SELECT * FROM devices WHERE ${'('.repeat(28)}tags.a${deep.repeat(28)} = tags.c`))
    assert.equal(refused.code, 'hub/query-too-costly')
  }
  for (const long of [
    Array.from({ length: 300 }, (_, i) => `tags.a${i} = ${i}`).join(' OR '),
    Array.from({ length: 300 }, (_, i) => `tags.a${i} = ${i}`).join(' AND '),
    `${'NOT ('.repeat(30)}tags.a = 1${')'.repeat(30)}`,
    `tags.n = ${Array.from({ length: 30 }, () => 'tags.a').join(' + ')}`,
    `deviceId IN [${Array.from({ length: 900 }, (_, i) => `'${i}'`).join(',')}]`,
  ])
    assert.equal(page(await scene.ask(`SELECT * FROM devices WHERE ${long}`)).items.length, 0)
})
