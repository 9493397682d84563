import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { auditMigrations, openAudit } from '#audit'
import type { Result } from '#base'
import type { Journal, JsonFact } from '#journal'
import type { Store } from '#store'
import type { Json } from '#wire/json'
import { DeviceRows, identity } from '../../test/device-rows.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { openOn, turns } from '../../test/journal-fixture.ts'
import { MemoryDisk } from '../../test/memory-disk.ts'
import { openTestStore } from '../../test/open-test-store.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import { parseConfiguration } from './configuration-json.ts'
import type { ConfigurationSpec } from './configuration.ts'
import { openConfigurations } from './configurations.ts'
import { hubMigrations } from './migrations.ts'
import { openQueries } from './query-run.ts'
import { openTwins } from './twins.ts'
import type { TwinObject } from './twin.ts'

const { signal } = new AbortController()
const write = systemGrant('configuration.write', 'configurations')
const read = systemGrant('configuration.read', 'configurations')
const twinWrite = systemGrant('twin.write', 'devices')
const migrations = [...auditMigrations, ...hubMigrations]

function taken<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? '' : `${result.error.code}: ${result.error.message}`)
  return result.value
}

function code(result: Result<unknown>): string {
  return result.ok ? 'taken' : result.error.code
}

function spec(id: string, given: { readonly [name: string]: Json }): ConfigurationSpec {
  return taken(parseConfiguration({ id, targetCondition: '*', ...given }))
}

const device = (settings: TwinObject): TwinObject => ({
  deviceContent: Object.fromEntries(Object.entries(settings).map(([key, value]) => [`properties.desired.${key}`, value])),
})

async function open(store: Store, journal: Journal, clock = new FakeClock()) {
  const audit = await openAudit({ store, clock }, signal)
  const devices = await new DeviceRows(store).load()
  const trouble: unknown[] = []
  const facts: JsonFact[] = []
  const state = { cutAt: Infinity, changes: 0 }
  const twins = await openTwins(
    {
      journal,
      store,
      clock,
      registered: (id) => devices.find(id),
      audit: (grant, what) => audit.append(grant, what),
      trouble: () => undefined,
    },
    signal,
  )
  const random = new SeededRandom(1)
  const queries = openQueries({ store, clock, random, twins, presence: { flushed: async () => undefined } })
  const edges = new Set<string>()
  const configurations = await openConfigurations(
    {
      store,
      clock,
      random,
      queries,
      twins: {
        get: (id) => twins.get(id),
        flushed: () => twins.flushed(),
        configure(...args) {
          if (++state.changes > state.cutAt) throw new Error('the plug was pulled')
          return twins.configure(...args)
        },
      },
      commit: audit.commit,
      tell: (fact) => void facts.push(fact),
      isEdge: (id) => edges.has(id),
      trouble: (_what, error) => void trouble.push(error),
    },
    signal,
  )
  const twin = async (name: string) => {
    const found = await twins.get(identity(name))
    assert.ok(found)
    const statuses = Object.fromEntries(Object.entries(found.configurations).map(([id, { status }]) => [id, status]))
    return { desired: found.desired.properties, statuses, version: found.version }
  }
  const tag = async (name: string, tags: TwinObject) => taken(await twins.patch(twinWrite, identity(name), { tags }))
  return { configurations, twins, devices, audit, clock, facts, trouble, edges, state, twin, tag }
}

test('a configuration reaches what it targets, and says how many [azure-wire 5.5]', async () => {
  await using held = await openTestStore(migrations)
  await using journal = await openOn(new MemoryDisk())
  const scene = await open(held.store, journal)
  await scene.devices.add('a', 'b', 'c')
  await scene.tag('a', { site: 'north' })
  await scene.tag('b', { site: 'north' })
  const made = taken(
    await scene.configurations.create(
      write,
      spec('slow', {
        content: device({ interval: 60 }),
        targetCondition: "tags.site = 'north'",
        metrics: { queries: { northern: "SELECT deviceId FROM devices WHERE tags.site = 'north'", all: 'select * from devices' } },
      }),
    ),
  )
  assert.equal(made.results, null)
  await scene.configurations.evaluated()
  assert.deepEqual(await scene.twin('a'), { desired: { interval: 60 }, statuses: { slow: 'Applied' }, version: 4 })
  assert.deepEqual((await scene.twin('c')).statuses, {})
  const { results } = taken(scene.configurations.find(read, 'slow'))
  assert.deepEqual(
    { ...results, evaluatedTime: undefined },
    { evaluatedTime: undefined, targeted: 2, applied: 2, reportedSuccessful: 0, reportedFailed: 0, metrics: { northern: 2, all: 3 } },
  )
  await scene.configurations.evaluated()
  assert.equal((await scene.twin('a')).version, 4, 'a second look changes nothing')
  assert.deepEqual(
    scene.facts.map(({ kind }) => kind),
    ['configuration-changed', 'configurations-evaluated'],
  )
})

test('the highest priority wins; who is targeted no more keeps nothing, and gets the next lower one [azure-wire 5.5]', async () => {
  await using held = await openTestStore(migrations)
  await using journal = await openOn(new MemoryDisk())
  const scene = await open(held.store, journal)
  const { configurations } = scene
  await scene.devices.add('a', 'b')
  await scene.tag('a', { vip: true })
  taken(await configurations.create(write, spec('all', { content: device({ interval: 60, mode: 'eco' }), priority: 1 })))
  taken(
    await configurations.create(write, spec('vip', { content: device({ interval: 5 }), priority: 9, targetCondition: 'tags.vip = true' })),
  )
  await configurations.evaluated()
  assert.deepEqual([(await scene.twin('a')).desired, (await scene.twin('b')).desired], [{ interval: 5 }, { interval: 60, mode: 'eco' }])
  assert.deepEqual((await scene.twin('a')).statuses, { vip: 'Applied', all: 'Targeted' })
  await scene.tag('a', { vip: null })
  await configurations.evaluated()
  assert.deepEqual(await scene.twin('a'), { desired: { interval: 60, mode: 'eco' }, statuses: { all: 'Applied' }, version: 6 })
  taken(await configurations.remove(write, 'all'))
  await configurations.evaluated()
  assert.deepEqual((await scene.twin('b')).desired, {})
  assert.deepEqual((await scene.twin('a')).statuses, {})
  assert.deepEqual(await held.store.query("SELECT id FROM configurations WHERE id = 'all'"), [])
})

test('it looks again every five minutes, soon after a change, and a while after devices came', async () => {
  await using held = await openTestStore(migrations)
  await using journal = await openOn(new MemoryDisk())
  const clock = new FakeClock()
  const scene = await open(held.store, journal, clock)
  const { configurations } = scene
  await scene.devices.add('a')
  const interval = async (name: string) => (await scene.twin(name)).desired['interval']
  taken(await configurations.create(write, spec('slow', { content: device({ interval: 60 }) })))
  clock.advance(500)
  await turns(40)
  assert.equal(await interval('a'), 60)
  taken(await scene.twins.patch(twinWrite, identity('a'), { desired: { interval: 1 } }))
  clock.advance(5 * 60_000)
  await turns(40)
  assert.equal(await interval('a'), 60, 'set right again')
  await scene.devices.add('b')
  configurations.registryGrew()
  clock.advance(9_999)
  await turns(40)
  assert.equal(await interval('b'), undefined)
  clock.advance(1)
  await turns(40)
  assert.equal(await interval('b'), 60)
  assert.deepEqual(scene.trouble, [])
})

test('the content never changes; all else does, under its etag [azure-wire 5.5]', async () => {
  await using held = await openTestStore(migrations)
  await using journal = await openOn(new MemoryDisk())
  const { configurations, audit } = await open(held.store, journal)
  const { content } = spec('x', { content: device({ a: 1 }) })
  const made = taken(await configurations.create(write, spec('x', { content: device({ a: 1 }) })))
  assert.equal(code(await configurations.create(write, spec('x', {}))), 'hub/configuration-exists')
  const changed = taken(await configurations.update(write, 'x', { priority: 7, labels: { by: 'ann' }, content }, made.etag))
  assert.deepEqual([changed.priority, changed.labels, changed.content], [7, { by: 'ann' }, content])
  assert.equal(code(await configurations.update(write, 'x', { priority: 8 }, made.etag)), 'hub/etag-differs')
  assert.equal(
    code(await configurations.update(write, 'x', { content: spec('x', { content: device({ a: 2 }) }).content }, '*')),
    'hub/configuration-immutable',
  )
  assert.equal(code(await configurations.update(write, 'y', {})), 'hub/configuration-not-found')
  assert.equal(code(await configurations.remove(write, 'x', made.etag)), 'hub/etag-differs')
  assert.equal(code(await configurations.remove(write, 'x', changed.etag)), 'taken')
  assert.equal(code(await configurations.remove(write, 'x')), 'hub/configuration-not-found')
  const { records } = await audit.read(systemGrant('audit.read', 'audit'), { after: 0, limit: 10 })
  assert.deepEqual(
    records.map(({ action }) => action),
    ['configuration.add', 'configuration.update', 'configuration.delete'],
  )
})

test('conditions and metrics that are no queries are refused, and told apart', async () => {
  await using held = await openTestStore(migrations)
  await using journal = await openOn(new MemoryDisk())
  const { configurations } = await open(held.store, journal)
  const tried = async (given: { readonly [name: string]: Json }) => code(await configurations.create(write, spec('x', given)))
  assert.equal(await tried({ targetCondition: 'tags.a = ' }), 'hub/configuration-condition')
  assert.equal(await tried({ targetCondition: "1=1; DROP TABLE twins --'" }), 'hub/configuration-condition')
  assert.equal(await tried({ targetCondition: "from devices.modules where tags.a = 'b'" }), 'hub/configuration-condition')
  for (const query of [
    'DROP TABLE devices',
    'SELECT * FROM devices.jobs',
    'SELECT COUNT() AS n FROM devices GROUP BY tags.a',
    "SELECT '",
    'x',
  ])
    assert.equal(await tried({ metrics: { queries: { n: query } } }), 'hub/configuration-metrics', query)
  const errors = await configurations.test(read, {
    targetCondition: "from devices.modules where moduleId = 'x'",
    metricQueries: { good: 'SELECT deviceId FROM devices', bad: 'SELECT' },
  })
  assert.equal(errors.targetConditionError, '')
  assert.deepEqual(Object.keys(errors.customMetricQueryErrors), ['bad'])
})

test('there are at most 100 [azure-wire 10]', async () => {
  await using held = await openTestStore(migrations)
  await using journal = await openOn(new MemoryDisk())
  const { configurations } = await open(held.store, journal)
  for (let n = 0; n < 100; n++) taken(await configurations.create(write, spec(`c${n}`, { targetCondition: '' })))
  assert.equal(code(await configurations.create(write, spec('more', {}))), 'hub/too-many-configurations')
  assert.equal(configurations.list(read).length, 100)
})

test('modules are targeted by themselves, and modules of IoT Edge by their device', async () => {
  await using held = await openTestStore(migrations)
  await using journal = await openOn(new MemoryDisk())
  const scene = await open(held.store, journal)
  const { configurations } = scene
  await scene.devices.add('a', 'a-b', 'a/vision', 'a/$edgeAgent', 'a/$edgeHub', 'a-b/vision', 'a-b/$edgeAgent')
  scene.edges.add('a')
  const modules = { $edgeAgent: { 'properties.desired': { schemaVersion: '1.1' } }, vision: { 'properties.desired.fps': 10 } }
  taken(await configurations.create(write, spec('edge', { content: { modulesContent: modules }, priority: 2 })))
  taken(await configurations.create(write, spec('edge-low', { content: { modulesContent: { $edgeHub: { 'properties.desired.x': 1 } } } })))
  taken(
    await configurations.create(
      write,
      spec('eyes', {
        content: { moduleContent: { 'properties.desired.night': true } },
        targetCondition: "FROM devices.modules WHERE moduleId = 'vision'",
      }),
    ),
  )
  await configurations.evaluated()
  assert.deepEqual(await scene.twin('a/vision'), {
    desired: { fps: 10, night: true },
    statuses: { edge: 'Applied', eyes: 'Applied' },
    version: 4,
  })
  assert.deepEqual((await scene.twin('a-b/vision')).desired, { night: true }, 'no IoT Edge device')
  assert.deepEqual(await scene.twin('a/$edgeAgent'), {
    desired: { schemaVersion: '1.1' },
    statuses: { edge: 'Applied', 'edge-low': 'Targeted' },
    version: 3,
  })
  assert.deepEqual((await scene.twin('a/$edgeHub')).desired, {}, 'the lower deployment waits as a whole')
  const agent = identity('a/$edgeAgent')
  taken(await scene.twins.patchReported(agent, { lastDesiredVersion: 2, lastDesiredStatus: { code: 200 } }))
  await configurations.evaluated()
  const { results } = taken(configurations.find(read, 'edge'))
  assert.deepEqual([results?.targeted, results?.applied, results?.reportedSuccessful, results?.reportedFailed], [1, 1, 1, 0])
  taken(await configurations.remove(write, 'edge'))
  await configurations.evaluated()
  assert.deepEqual([(await scene.twin('a/vision')).desired, (await scene.twin('a/$edgeHub')).desired], [{ night: true }, { x: 1 }])
})

test('content for one device is put in place whole, or nothing is [azure-wire 5.5]', async () => {
  await using held = await openTestStore(migrations)
  await using journal = await openOn(new MemoryDisk())
  const scene = await open(held.store, journal)
  const { configurations } = scene
  await scene.devices.add('a', 'a/vision')
  taken(await scene.twins.patch(twinWrite, identity('a/vision'), { desired: { old: 1, fps: 5 } }))
  const content = (modules: TwinObject) => spec('x', { content: { modulesContent: modules } }).content
  const whole = { 'properties.desired': { fps: 10, net: { retry: 1 } } }
  assert.equal(
    code(await configurations.applyContent(write, identity('a'), content({ vision: whole, other: whole }))),
    'hub/module-not-found',
  )
  assert.deepEqual((await scene.twin('a/vision')).desired, { old: 1, fps: 5 })
  taken(await configurations.applyContent(write, identity('a'), content({ vision: whole })))
  assert.deepEqual((await scene.twin('a/vision')).desired, { fps: 10, net: { retry: 1 } })
  assert.equal(code(await configurations.applyContent(write, identity('b'), content({ vision: whole }))), 'hub/device-not-found')
})

test('what does not fit beside what a twin has waits, and the others are not held up', async () => {
  await using held = await openTestStore(migrations)
  await using journal = await openOn(new MemoryDisk())
  const scene = await open(held.store, journal)
  await scene.devices.add('a', 'b')
  const long = Array.from({ length: 5 }, () => 'x'.repeat(4_000))
  taken(await scene.twins.patch(twinWrite, identity('a'), { desired: { long } }))
  taken(await scene.configurations.create(write, spec('big', { content: device({ more: long }) })))
  await scene.configurations.evaluated()
  assert.deepEqual([(await scene.twin('a')).statuses, (await scene.twin('b')).statuses], [{ big: 'Targeted' }, { big: 'Applied' }])
  const { version } = await scene.twin('a')
  await scene.configurations.evaluated()
  assert.equal((await scene.twin('a')).version, version)
  assert.equal(taken(scene.configurations.find(read, 'big')).results?.applied, 1)
})

test('an evaluation that was cut at any change is made good after a restart, a removal too', async () => {
  const names = Array.from({ length: 9 }, (_, n) => `d${n}`)
  for (let cutAt = 0; cutAt <= 27; cutAt += 3) {
    await using held = await openTestStore(migrations)
    await using journal = await openOn(new MemoryDisk())
    {
      const { configurations, devices, state } = await open(held.store, journal)
      await devices.add(...names)
      taken(await configurations.create(write, spec('old', { content: device({ old: 1 }) })))
      taken(await configurations.create(write, spec('low', { content: device({ low: 1 }) })))
      state.cutAt = cutAt
      await configurations.evaluated().catch(() => undefined)
      taken(await configurations.remove(write, 'old'))
      taken(await configurations.create(write, spec('old', { content: device({ new: 1 }), priority: 5 })))
      await configurations.evaluated().catch(() => undefined)
    }
    const again = await open(await held.reopen(), journal)
    await again.configurations.evaluated()
    for (const name of names) {
      const { desired, statuses } = await again.twin(name)
      assert.deepEqual([desired, statuses], [{ new: 1 }, { old: 'Applied', low: 'Targeted' }], `cut at ${cutAt}`)
    }
    assert.equal((await held.store.query('SELECT id FROM configurations')).length, 2)
  }
})
