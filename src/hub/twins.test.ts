import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { auditMigrations, openAudit } from '#audit'
import type { Result } from '#base'
import type { Journal } from '#journal'
import type { Store } from '#store'
import type { Json } from '#wire/json'
import { DeviceRows, identity as id } from '../../test/device-rows.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { HeldJournal } from '../../test/held-journal.ts'
import { turns } from '../../test/journal-fixture.ts'
import { openTestStore } from '../../test/open-test-store.ts'
import { hubMigrations } from './migrations.ts'
import { type OpenTwins, openTwins } from './twins.ts'
import type { DesiredChange, Twin } from './twin.ts'

const { signal } = new AbortController()
const write = systemGrant('twin.write', 'devices')
const read = systemGrant('twin.read', 'devices')
const migrations = [...auditMigrations, ...hubMigrations]

function taken<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? '' : result.error.code)
  return result.value
}

function code(result: Result<unknown>): string {
  return result.ok ? 'taken' : result.error.code
}

/** A registry with the devices a and b, and twins over it, on a journal whose disk does what the test says. */
async function open(store: Store, journal: Journal = new HeldJournal(), clock = new FakeClock()) {
  const audit = await openAudit({ store, clock }, signal)
  const trouble: string[] = []
  const devices = await new DeviceRows(store).load()
  if (devices.find(id('a')) === undefined && devices.find(id('b')) === undefined) await devices.add('a', 'b', 'a/vision')
  const twins = await openTwins(
    {
      journal,
      store,
      clock,
      registered: (identity) => devices.find(identity),
      audit: (grant, what) => audit.append(grant, what),
      trouble: (what) => void trouble.push(what),
    },
    signal,
  )
  return { twins, devices, clock, audit, trouble }
}

/** Lets pending work happen, and the disk take it, until `pending` is settled. */
async function settled<T>(journal: HeldJournal, pending: Promise<T>): Promise<T> {
  const state = { isOver: false }
  const done = pending.finally(() => (state.isOver = true))
  done.catch(() => undefined)
  while (!state.isOver) {
    await turns(1)
    journal.flush()
  }
  return await done
}

/** A scene whose disk takes everything at once. */
async function ready(store: Store) {
  const journal = new HeldJournal()
  const scene = await open(store, journal)
  const now = <T>(pending: Promise<T>) => settled(journal, pending)
  const twin = async (name: string): Promise<Twin> => {
    const found = await now(scene.twins.get(id(name)))
    assert.ok(found)
    return found
  }
  return {
    ...scene,
    journal,
    twin,
    report: (name: string, patch: Json, version?: number) => now(scene.twins.patchReported(id(name), patch, version)),
    patch: (name: string, ...rest: Rest<'patch'>) => now(scene.twins.patch(write, id(name), ...rest)),
    replace: (name: string, ...rest: Rest<'replace'>) => now(scene.twins.replace(write, id(name), ...rest)),
  }
}
type Rest<M extends 'patch' | 'replace'> = Parameters<OpenTwins[M]> extends [unknown, unknown, ...infer R] ? R : never

test('a new twin is empty, with both versions at 1 [azure-wire 2.9]', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  const created = '2026-01-01T00:00:00.0000000Z'
  assert.deepEqual(await scene.twin('a'), {
    identity: 'a',
    generationId: '1',
    modelId: '',
    tags: {},
    desired: { properties: {}, metadata: { $lastUpdated: created }, version: 1 },
    reported: { properties: {}, metadata: { $lastUpdated: created }, version: 1 },
    version: 2,
    etag: 'AAAAAAAAAAE=',
    configurations: {},
  })
  assert.equal(await scene.twins.get(id('nobody')), undefined)
  assert.equal((await scene.twin('a/vision')).identity, 'a/vision')
})

test('a report merges, null deletes, arrays replace whole, and every level says when [azure-wire 2.9, 2.10]', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  assert.deepEqual(await scene.report('a', { fw: '1', net: { ip: 'x', dns: ['a', 'b'] }, gone: 1 }), { ok: true, value: { version: 2 } })
  scene.clock.advance(1_000)
  assert.deepEqual(await scene.report('a', { net: { dns: ['c'] }, gone: null, never: null }), { ok: true, value: { version: 3 } })
  const { reported, version, etag } = await scene.twin('a')
  assert.deepEqual(reported.properties, { fw: '1', net: { ip: 'x', dns: ['c'] } })
  const [before, after] = [{ $lastUpdated: '2026-01-01T00:00:00.0000000Z' }, { $lastUpdated: '2026-01-01T00:00:01.0000000Z' }]
  assert.deepEqual(reported.metadata, { ...after, fw: before, net: { ...after, ip: before, dns: after } })
  assert.deepEqual([reported.version, version, etag], [3, 4, 'AAAAAAAAAAE='])
})

test('a change of a back end says its version in the metadata, moves the etag, and is heard with its nulls [azure-wire 2.9]', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  const heard: DesiredChange[] = []
  scene.twins.onDesired((change) => void heard.push(change))
  taken(await scene.patch('a', { tags: { floor: 1 }, desired: { a: 1, b: { c: 2 } } }))
  taken(await scene.patch('a', { desired: { a: null, b: { d: 3 } } }))
  taken(await scene.patch('a', { tags: { floor: null } }))
  const { desired, tags, version, etag } = await scene.twin('a')
  const at = (version: number) => ({ $lastUpdated: '2026-01-01T00:00:00.0000000Z', $lastUpdatedVersion: version })
  assert.deepEqual(desired, {
    properties: { b: { c: 2, d: 3 } },
    metadata: { ...at(3), b: { ...at(3), c: at(2), d: at(3) } },
    version: 3,
  })
  assert.deepEqual([tags, version, etag], [{}, 5, 'AAAAAAAAAAQ='])
  assert.deepEqual(heard, [
    { identity: 'a', version: 2, body: { a: 1, b: { c: 2 } } },
    { identity: 'a', version: 3, body: { a: null, b: { d: 3 } } },
  ])
})

test('a replacement puts whole sections in place, leaves the rest, and the device hears all of it [azure-wire 5.2]', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  taken(await scene.patch('a', { tags: { x: 1 }, desired: { a: 1, b: 2 } }))
  taken(await scene.report('a', { r: 1 }))
  const heard: DesiredChange[] = []
  scene.twins.onDesired((change) => void heard.push(change))
  taken(await scene.replace('a', { desired: { b: 3, c: { d: null, e: 1 }, f: null } }))
  const { desired, tags, reported } = await scene.twin('a')
  assert.deepEqual([desired.properties, desired.version, tags, reported.properties], [{ b: 3, c: { e: 1 } }, 3, { x: 1 }, { r: 1 }])
  assert.deepEqual(heard, [{ identity: 'a', version: 3, body: { b: 3, c: { e: 1 } } }])
})

test('an etag or a version that is not the newest is refused, and a star is any [azure-wire 2.9, 5.2]', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  const { etag } = await scene.twin('a')
  const changed = taken(await scene.patch('a', { tags: { x: 1 } }, etag))
  assert.equal(code(await scene.patch('a', { tags: { x: 2 } }, etag)), 'hub/etag-differs')
  assert.equal(code(await scene.replace('a', { tags: {} }, etag)), 'hub/etag-differs')
  assert.equal(code(await scene.patch('a', { tags: { x: 3 } }, changed.etag)), 'taken')
  assert.equal(code(await scene.patch('a', { tags: { x: 4 } }, '*')), 'taken')
  assert.equal(code(await scene.report('a', { r: 1 }, 2)), 'hub/twin-version-differs')
  assert.equal(code(await scene.report('a', { r: 1 }, 1)), 'taken')
  assert.equal(code(await scene.report('nobody', { r: 1 })), 'hub/device-not-found')
  assert.equal(code(await scene.patch('nobody', { tags: {} })), 'hub/device-not-found')
})

test('of ten back ends with the same etag, one wins', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  const { etag } = await scene.twin('a')
  const all = Array.from({ length: 10 }, (_, n) => scene.twins.patch(write, id('a'), { tags: { n } }, etag))
  const outcomes = (await settled(scene.journal, Promise.all(all))).map(code)
  assert.deepEqual(outcomes.toSorted(), [...Array.from({ length: 9 }, () => 'hub/etag-differs'), 'taken'])
  assert.deepEqual((await scene.twin('a')).tags, { n: outcomes.indexOf('taken') })
})

test('reports are answered in the order of their calls, none lost, also while the row is read and back ends change the twin', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  const order: number[] = []
  const all: Promise<unknown>[] = []
  for (let n = 0; n < 100; n++) {
    all.push(scene.twins.patchReported(id('b'), { [`k${n}`]: n }).then((result) => order.push(taken(result).version)))
    if (n % 10 === 0) all.push(scene.twins.patch(write, id('b'), { desired: { n } }))
  }
  await settled(scene.journal, Promise.all(all))
  assert.deepEqual(
    order,
    Array.from({ length: 100 }, (_, n) => n + 2),
  )
  const twin = await scene.twin('b')
  assert.equal(Object.keys(twin.reported.properties).length, 100)
  assert.deepEqual([twin.desired.version, twin.desired.properties, twin.version], [11, { n: 90 }, 112])
})

test('nobody is answered, told or shown anything before the disk has it', async () => {
  await using held = await openTestStore(migrations)
  const journal = new HeldJournal()
  const { twins } = await open(held.store, journal)
  const heard: string[] = []
  twins.onDesired(() => void heard.push('desired'))
  const said = (word: string) => () => void heard.push(word)
  void twins.patchReported(id('a'), { r: 1 }).then(said('report'))
  void twins.patch(write, id('a'), { desired: { d: 1 } }).then(said('patch'))
  await turns(5)
  void twins.get(id('a')).then(said('get'))
  await turns(5)
  assert.deepEqual(heard, [])
  journal.flush()
  await turns(1)
  assert.deepEqual(new Set(heard), new Set(['desired', 'get', 'patch', 'report']))
})

test('while the journal takes nothing the hub is busy, and nothing has changed', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  taken(await scene.report('a', { r: 1 }))
  scene.journal.paused = true
  assert.equal(code(await scene.report('a', { r: 2 })), 'hub/busy')
  assert.equal(code(await scene.patch('a', { tags: { x: 1 } })), 'hub/busy')
  scene.journal.paused = false
  scene.journal.isFull = true
  assert.equal(code(await scene.report('a', { r: 2 })), 'hub/busy')
  assert.equal(code(await scene.patch('a', { tags: { x: 1 } })), 'hub/busy')
  const { reported, tags, version } = await scene.twin('a')
  assert.deepEqual([reported.properties, tags, version], [{ r: 1 }, {}, 3])
})

test('changes of back ends are audited before they happen, by name and never by value', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  taken(await scene.patch('a', { tags: { floor: 1 }, desired: { code: 'secret-1234' } }))
  taken(await scene.replace('a', { desired: {} }))
  const { records } = await scene.audit.read(systemGrant('audit.read', 'audit'), { after: 0, limit: 10 })
  assert.deepEqual(
    records.map(({ action, resource, detail }) => [action, resource, detail]),
    [
      ['twin.update', 'device:a', '{"desired":"code","tags":"floor"}'],
      ['twin.replace', 'device:a', '{"desired":"","tags":null}'],
    ],
  )
})

test('what was changed is there after a restart: from rows, and from the journal where rows lag', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  taken(await scene.report('a', { r: 1, list: [1, { x: true }] }))
  taken(await scene.patch('b', { desired: { d: 1 } }))
  await settled(scene.journal, scene.twins.flushed())
  taken(await scene.report('a', { r: 2 }))
  taken(await scene.patch('a', { desired: { late: 1 }, tags: { t: 'é' } }))
  scene.twins.announceModel(id('a'), 'dtmi:com:example:Pump;1')
  scene.journal.flush()
  const [a, b] = [await scene.twin('a'), await scene.twin('b')]
  for (const round of [1, 2]) {
    // Never closed: as if killed.
    const again = await open(await held.reopen(), scene.journal, scene.clock)
    assert.deepEqual(await again.twins.get(id('a')), a, `round ${round}`)
    assert.deepEqual(await again.twins.get(id('b')), b)
    assert.deepEqual(again.trouble, [])
    if (round === 1) await again.twins[Symbol.asyncDispose]()
  }
})

test('a device that is removed takes its twin along, and one of its name begins anew', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  taken(await scene.report('a', { r: 1 }))
  await scene.devices.remove('a')
  assert.equal(await scene.twins.get(id('a')), undefined)
  await settled(scene.journal, scene.twins.flushed())
  assert.deepEqual(await held.store.query("SELECT * FROM twins WHERE identity = 'a'"), [])
  await scene.devices.add('a')
  assert.deepEqual((await scene.twin('a')).version, 2)
  // The journal still has the facts of the first; the cursor is taken back, as a crash does.
  await held.store.commit([{ sql: 'DELETE FROM twins_cursor', args: [] }])
  const again = await open(await held.reopen(), scene.journal, scene.clock)
  assert.deepEqual((await again.twins.get(id('a')))?.reported.properties, {})
})

test('a removal while the row is being read, and a report that waits for it', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  const late = scene.twins.patchReported(id('b'), { r: 1 })
  const removed = scene.devices.remove('b')
  const outcome = code(await settled(scene.journal, late))
  await removed
  assert.ok(outcome === 'taken' || outcome === 'hub/device-not-found')
  assert.equal(code(await scene.report('b', { r: 1 })), 'hub/device-not-found')
})

test('the history gives changes newest first, page by page, and only those of this twin', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  for (let n = 0; n < 5; n++) {
    taken(await scene.report('a', { n }))
    taken(await scene.report('b', { n }))
  }
  taken(await scene.patch('a', { tags: { x: 1 } }))
  const first = await scene.twins.history(read, id('a'), 2)
  assert.deepEqual(
    first.changes.map(({ actor, part, patch, version }) => [actor, part, patch, version]),
    [
      ['system:hub', 'service', { tags: { x: 1 } }, 8],
      ['device:a', 'reported', { reported: { n: 4 } }, 7],
    ],
  )
  const rest = await scene.twins.history(read, id('a'), 100, first.next)
  assert.deepEqual(
    rest.changes.map(({ patch }) => patch.reported),
    [3, 2, 1, 0].map((n) => ({ n })),
  )
  assert.equal(rest.next, undefined)
  assert.deepEqual(await scene.twins.history(read, id('nobody'), 5), { changes: [], next: undefined })
})

test('a model is kept when it is new, and nonsense is not', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  await scene.twin('a')
  for (const model of ['dtmi:a;1', 'dtmi:a;1', `dtmi:${'x'.repeat(200)};1`, 'dtmi:with space;1', ''])
    scene.twins.announceModel(id('a'), model)
  assert.deepEqual([(await scene.twin('a')).modelId, scene.journal.records.length], ['dtmi:a;1', 1])
})

test('what is owed to the rows is bounded', async () => {
  await using held = await openTestStore(migrations)
  const scene = await ready(held.store)
  const twins = await openTwins(
    {
      journal: scene.journal,
      store: held.store,
      clock: scene.clock,
      registered: (identity) => scene.devices.find(identity),
      audit: async () => undefined,
      trouble: () => undefined,
      cacheBytes: 1,
      owedBytes: 3_000,
    },
    signal,
  )
  const first = twins.patchReported(id('a'), { text: 'x'.repeat(2_000) })
  const second = twins.patchReported(id('a'), { r: 1 })
  const outcomes = await settled(scene.journal, Promise.all([first, second]))
  assert.deepEqual(outcomes.map(code), ['taken', 'hub/busy'])
  await settled(scene.journal, twins.flushed())
  assert.equal(code(await settled(scene.journal, twins.patchReported(id('a'), { r: 1 }))), 'taken')
})
