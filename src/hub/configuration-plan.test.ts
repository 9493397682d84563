import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { instant } from '#base'
import type { Json } from '#wire/json'
import { identity } from '../../test/device-rows.ts'
import { kindOf, parseContent, settingsFor } from './configuration-content.ts'
import { configurationJson, parseConfiguration } from './configuration-json.ts'
import { compareIdentities, mergeIdentities } from './configuration-merge.ts'
import { byPriority, difference, planTwin } from './configuration-plan.ts'
import type { Configuration } from './configuration.ts'
import { newTwin, withoutNulls } from './twin-change.ts'
import { mergePatch } from './twin-merge.ts'
import type { Twin, TwinObject } from './twin.ts'

const at = instant(Date.UTC(2026, 0, 1))
const pump = identity('pump-1')

function configuration(id: string, settings: { readonly [path: string]: Json }, priority = 0, createdTime = at): Configuration {
  const parsed = parseConfiguration({ id, content: { deviceContent: settings }, targetCondition: '*', priority })
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
  return { ...parsed.value, etag: 'e', createdTime, lastUpdatedTime: at, results: null }
}

function twin(properties: TwinObject, configurations: Twin['configurations'] = {}): Twin {
  const born = newTwin(pump, { generationId: '1', createdAt: at })
  return { ...born, desired: { ...born.desired, properties }, configurations }
}

const slow = configuration('slow', { 'properties.desired.interval': 60, 'properties.desired.net.retry': 3 }, 1)
const fast = configuration('fast', { 'properties.desired.interval': 5 }, 2)
const ground = { kind: 'device', live: [slow, fast], gone: [] } as const

test('the first of those who target a twin is applied, the others wait [azure-wire 5.5]', () => {
  const plan = planTwin(twin({ own: 1 }), { target: pump, all: [fast, slow], winner: fast }, ground)
  assert.deepEqual(plan, {
    order: { desired: { interval: 5 }, configurations: { fast: 'Applied', slow: 'Targeted' } },
    applied: 'fast',
    by: 'fast',
  })
})

test('a twin that is right is left alone, and one that was changed by hand is set right', () => {
  const statuses = { fast: { status: 'Applied' }, slow: { status: 'Targeted' } } as const
  const targeting = { target: pump, all: [fast, slow], winner: fast }
  assert.equal(planTwin(twin({ own: 1, interval: 5 }, statuses), targeting, ground).order, undefined)
  assert.deepEqual(planTwin(twin({ own: 1, interval: 6 }, statuses), targeting, ground).order, {
    desired: { interval: 5 },
    configurations: {},
  })
})

test('what a configuration set goes with it, and the next lower one applies [azure-wire 5.5]', () => {
  const before = twin({ own: 1, interval: 5 }, { fast: { status: 'Applied' }, slow: { status: 'Targeted' } })
  assert.deepEqual(planTwin(before, { target: pump, all: [slow], winner: slow }, { ...ground, live: [slow], gone: [fast] }).order, {
    desired: { interval: 60, net: { retry: 3 } },
    configurations: { fast: null, slow: 'Applied' },
  })
  const last = twin({ own: 1, interval: 60, net: { retry: 3, other: 1 } }, { slow: { status: 'Applied' } })
  assert.deepEqual(planTwin(last, { target: pump, all: [], winner: undefined }, ground), {
    order: { desired: { interval: null, net: { retry: null } }, configurations: { slow: null } },
    applied: undefined,
    by: 'slow',
  })
})

test('a name used again takes back what its first bearer set', () => {
  const before = twin({ interval: 5, old: 1 }, { fast: { status: 'Applied' } })
  const first = configuration('fast', { 'properties.desired.old': 1 })
  assert.deepEqual(planTwin(before, { target: pump, all: [fast], winner: fast }, { kind: 'device', live: [fast], gone: [first] }).order, {
    desired: { old: null },
    configurations: {},
  })
})

test('statuses of configurations of another kind are not touched', () => {
  const before = twin({}, { edge: { status: 'Applied' } })
  assert.equal(planTwin(before, { target: pump, all: [], winner: undefined }, ground).order, undefined)
})

test('the highest priority is first, of the same the one made last [azure-wire 5.5]', () => {
  const later = configuration('later', {}, 1, instant(at + 1))
  assert.deepEqual(
    [slow, later, fast].toSorted(byPriority).map(({ id }) => id),
    ['fast', 'later', 'slow'],
  )
})

const key = () => fc.constantFrom('a', 'b', 'c', 'toString')
const { tree } = fc.letrec<{ tree: TwinObject }>((tie) => ({
  tree: fc.dictionary(
    key(),
    fc.oneof({ maxDepth: 3 }, fc.integer(), fc.constantFrom('', 'x'), fc.array(fc.integer(), { maxLength: 2 }), tie('tree')),
    {
      maxKeys: 4,
      noNullPrototype: true,
    },
  ),
}))

test('the difference of two objects is the merge patch from one to the other', () =>
  fc.assert(
    fc.property(tree, tree, (from, to) => {
      assert.deepEqual(mergePatch(from, difference(from, to)), to)
      assert.deepEqual(difference(from, withoutNulls(from)), {})
    }),
    { numRuns: 2_000 },
  ))

test('whatever twins and contents are, a second look finds nothing to do, and without targets nothing of them is left', () => {
  const path = () =>
    fc.tuple(key(), fc.option(key(), { nil: undefined })).map((keys) => `properties.desired.${keys.filter(Boolean).join('.')}`)
  fc.assert(
    fc.property(tree, fc.dictionary(path(), fc.oneof(fc.integer(), tree), { maxKeys: 3, noNullPrototype: true }), (desired, content) => {
      const parsed = parseConfiguration({ id: 'x', content: { deviceContent: content }, targetCondition: '*' })
      fc.pre(parsed.ok)
      if (!parsed.ok) return
      const one: Configuration = { ...parsed.value, etag: 'e', createdTime: at, lastUpdatedTime: at, results: null }
      const all = { kind: 'device', live: [one], gone: [] } as const
      const { order } = planTwin(twin(desired), { target: pump, all: [one], winner: one }, all)
      const after = twin(mergePatch(desired, order?.desired ?? {}), { x: { status: 'Applied' } })
      assert.equal(planTwin(after, { target: pump, all: [one], winner: one }, all).order, undefined)
      const back = planTwin(after, { target: pump, all: [], winner: undefined }, all).order
      const left = mergePatch(after.desired.properties, back?.desired ?? {})
      for (const { keys } of settingsFor(one.content, pump).get(pump) ?? [])
        assert.equal(
          keys.reduce<Json | undefined>((value, name) => Object.getOwnPropertyDescriptor(Object(value), name)?.value, left),
          undefined,
        )
    }),
    { numRuns: 1_000 },
  )
})

const bad: readonly (readonly [string, Json])[] = [
  ['a path elsewhere', { deviceContent: { 'properties.reported.x': 1 } }],
  ['a path with an empty part', { deviceContent: { 'properties.desired..x': 1 } }],
  ['a path with a reserved key', { deviceContent: { 'properties.desired.$version': 1 } }],
  ['__proto__', JSON.parse('{"deviceContent":{"properties.desired.__proto__.x":1}}')],
  ['one path in another', { deviceContent: { 'properties.desired.a': 1, 'properties.desired.a.b': 2 } }],
  ['everything, and something', { deviceContent: { 'properties.desired': {}, 'properties.desired.a': 2 } }],
  ['null', { deviceContent: { 'properties.desired.a': null } }],
  ['what twins cannot hold', { deviceContent: { 'properties.desired.a': [null] } }],
  ['more than twins can hold', { deviceContent: { 'properties.desired.a': Array.from({ length: 100 }, () => 'x'.repeat(4_000)) } }],
  ['two kinds', { deviceContent: { 'properties.desired.a': 1 }, moduleContent: { 'properties.desired.a': 1 } }],
  ['21 modules', { modulesContent: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`m${n}`, {}])) }],
  ['a module that can be none', { modulesContent: { $other: {} } }],
  ['text', 'x'],
]
for (const [name, content] of bad)
  test(`content cannot be ${name}`, () => {
    const parsed = parseContent(content)
    assert.equal(parsed.ok ? 'taken' : parsed.error.code, 'hub/configuration-content')
  })

test('content is of one kind, and empty members beside it are passed over', () => {
  const parsed = parseContent({
    deviceContent: {},
    modulesContent: { $edgeAgent: { 'properties.desired': { a: 1 } } },
    moduleContent: null,
  })
  assert.ok(parsed.ok)
  assert.equal(kindOf(parsed.value), 'edge')
  assert.deepEqual([...settingsFor(parsed.value, pump)], [[identity('pump-1/$edgeAgent'), [{ keys: [], value: { a: 1 } }]]])
})

for (const [name, json] of [
  ['an id with capitals', { id: 'Slow' }],
  ['an id of 129 characters', { id: 'x'.repeat(129) }],
  ['no id', {}],
  ['an id that every object has', { id: 'constructor' }],
  ['a negative priority', { id: 'x', priority: -1 }],
  ['half a priority', { id: 'x', priority: 0.5 }],
  ['another schema', { id: 'x', schemaVersion: '2.0' }],
  ['a label with a dollar', { id: 'x', labels: { $a: 'b' } }],
  ['a condition of 9 KB', { id: 'x', targetCondition: 'x'.repeat(9_000) }],
  ['a list', []],
] as const)
  test(`a configuration cannot have ${name} [azure-wire 1.1, 5.5]`, () => {
    const parsed = parseConfiguration(json)
    assert.equal(parsed.ok ? 'taken' : parsed.error.code, 'hub/configuration-malformed')
  })

test('six metrics are one too many [azure-wire 5.5]', () => {
  const queries = Object.fromEntries(Array.from({ length: 6 }, (_, n) => [`m${n}`, 'SELECT * FROM devices']))
  const parsed = parseConfiguration({ id: 'x', metrics: { queries } })
  assert.equal(parsed.ok ? 'taken' : parsed.error.code, 'hub/configuration-metrics')
})

test('a configuration reads back as it was written [azure-wire 5.5]', () => {
  const json = configurationJson({
    ...slow,
    results: { evaluatedTime: at, targeted: 3, applied: 2, reportedSuccessful: 0, reportedFailed: 0, metrics: { warm: 1 } },
  })
  assert.deepEqual(json['systemMetrics'], {
    results: { targetedCount: 3, appliedCount: 2 },
    queries: {
      targetedCount: 'SELECT deviceId FROM devices',
      appliedCount: "SELECT deviceId FROM devices WHERE configurations.[[slow]].status = 'Applied'",
    },
  })
  const { etag: _etag, createdTime: _created, lastUpdatedTime: _updated, results: _results, ...spec } = slow
  assert.deepEqual(parseConfiguration(json), { ok: true, value: spec })
})

test('ordered sources are merged into one, by device and then by module, whatever their pages', async () => {
  const names = fc.uniqueArray(fc.constantFrom<string[]>('a', 'a-b', 'a/x', 'a/y', 'a-b/x', 'b', 'b/$edgeAgent', 'a!', 'a!/z'))
  await fc.assert(
    fc.asyncProperty(fc.array(names, { maxLength: 4 }), fc.integer({ min: 1, max: 3 }), async (lists, size) => {
      const sources = lists.map((list, tag) => {
        const sorted = list.toSorted(compareIdentities)
        const pages = async (after: string | undefined) => {
          const from = after === undefined ? 0 : sorted.indexOf(after) + 1
          const identities = sorted.slice(from, from + size)
          return { ok: true, value: { identities, next: from + size < sorted.length ? identities.at(-1) : undefined } } as const
        }
        return { tag, pages }
      })
      const merged: (readonly [string, readonly number[]])[] = []
      for await (const { identity: name, tags } of mergeIdentities(sources)) merged.push([name, tags])
      const all = [...new Set(lists.flat())].toSorted(compareIdentities)
      assert.deepEqual(
        merged,
        all.map((name) => [name, lists.flatMap((list, tag) => (list.includes(name) ? [tag] : []))]),
      )
    }),
    { numRuns: 300 },
  )
})
