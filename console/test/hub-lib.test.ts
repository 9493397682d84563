import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Twin, TwinChange } from '../src/api/types.ts'
import { summaryOf } from '../src/lib/facts.ts'
import { readJson, readObject } from '../src/lib/json-text.ts'
import { cellOf, columnsOf, csvOf, placeOf } from '../src/lib/query-table.ts'
import { waysOf } from '../src/lib/routes.ts'
import { changesBetween, clashes, merged, mergePatchOf, pathText, withChanges } from '../src/lib/twin-diff.ts'
import { baseOf, editOf, mergedText, readTwinText } from '../src/lib/twin-edit.ts'
import { pastOf } from '../src/lib/twin-past.ts'

const before = { tags: { site: 'north', line: 2 }, desired: { interval: 10, limits: { low: 1, high: 80 }, list: [1, 2] } }

test('the merge patch of a difference makes the one object of the other [RFC 7396]', () => {
  const wanted: readonly object[] = [
    before,
    {},
    { tags: {}, desired: {} },
    { tags: { site: 'south' }, desired: { interval: 10, limits: {}, list: [2, 1] } },
    { tags: { site: { hall: 'b' }, line: 2 }, desired: { limits: 3, more: { deep: { deeper: true } } } },
    { tags: {}, desired: { interval: { every: 1 }, empty: {} } },
  ]
  for (const after of wanted) {
    const changes = changesBetween(before, { ...after })
    assert.deepEqual(merged(before, mergePatchOf(changes)), after, JSON.stringify(after))
    assert.deepEqual(withChanges(before, changes), after)
  }
  assert.deepEqual(changesBetween(before, { desired: { list: [1, 2], limits: { high: 80, low: 1 }, interval: 10 }, tags: before.tags }), [])
})

test('names that objects are born with are only names', () => {
  const text = readObject('{"desired": {"__proto__": {"polluted": 1}, "constructor": 2}}')
  assert.equal(text.kind, 'value')
  if (text.kind !== 'value') return
  const patch = mergePatchOf(changesBetween({}, text.value))
  assert.equal(Reflect.get({}, 'polluted'), undefined)
  assert.equal(JSON.stringify(patch), '{"desired":{"__proto__":{"polluted":1},"constructor":2}}')
})

test('two changes of different places merge, and of the same place the chosen one wins', () => {
  const section = { properties: before.desired, metadata: {}, version: 1 }
  const twin: Twin = {
    device: 'p',
    module: null,
    etag: 'a',
    version: 3,
    modelId: '',
    tags: before.tags,
    desired: section,
    reported: section,
    configurations: {},
  }
  const base = baseOf(twin)
  const mine = { tags: { ...before.tags, site: 'west' }, desired: { ...before.desired, interval: 5 } }
  const theirs = { tags: before.tags, desired: { ...before.desired, interval: 7, list: [3] } }
  const edit = editOf(base, mine, theirs)
  assert.deepEqual(
    edit.clashing.map(({ path }) => pathText(path)),
    ['desired.interval'],
  )
  assert.deepEqual(mergedText(theirs, edit, 'mine'), { tags: mine.tags, desired: { ...before.desired, interval: 5, list: [3] } })
  assert.deepEqual(mergedText(theirs, edit, 'theirs'), { tags: mine.tags, desired: theirs.desired })
  // Who takes out an object clashes with who changes something in it.
  const out = changesBetween(before, { ...before, desired: { interval: 10, list: [1, 2] } })
  assert.equal(clashes(out, changesBetween(before, { ...before, desired: { ...before.desired, limits: { low: 2, high: 80 } } })).length, 1)
})

test('a text that is no twin says why, and where', () => {
  assert.deepEqual(readTwinText('{}'), { kind: 'value', value: { tags: {}, desired: {} } })
  for (const wrong of ['', '[]', '{"tags": 1}', '{"desired": []}', '{"reported": {}}'])
    assert.equal(readTwinText(wrong).kind, 'wrong', wrong)
  const read = readJson('{\n  "a": 1,\n  b\n}')
  assert.deepEqual(read.kind === 'wrong' ? read.line : undefined, 3)
})

test('the past of a twin is known from its first change, or from a replacement on', () => {
  const change = (offset: number, version: number, patch: TwinChange['patch'], isReplacement = false): TwinChange => ({
    offset,
    time: '2027-01-01T00:00:00Z',
    actor: 'operator:owner',
    part: 'service',
    patch,
    isReplacement,
    version,
  })
  const second = change(2, 4, { desired: { a: null, b: 2 } })
  const whole = pastOf([second, change(1, 3, { desired: { a: 1 }, tags: { x: 1 } })])
  assert.deepEqual(whole.get(2), { before: { tags: { x: 1 }, desired: { a: 1 } }, after: { tags: { x: 1 }, desired: { b: 2 } } })
  const cut = pastOf([change(9, 8, { desired: { c: 1 } }), change(8, 7, { desired: { d: 1 } }, true), second])
  assert.deepEqual(cut.get(2)?.after, { tags: undefined, desired: undefined })
  assert.deepEqual(cut.get(9)?.after, { tags: undefined, desired: { c: 1, d: 1 } })
})

test('a table of results keeps what devices wrote out of the formulas of spreadsheets', () => {
  const items = [
    { deviceId: 'p', note: '=HYPERLINK("x")', n: -1 },
    { deviceId: 'q', note: 'a "b", c', o: { x: 1 } },
  ]
  const columns = columnsOf(items, 'Raw')
  assert.deepEqual(columns, ['deviceId', 'note', 'n', 'o'])
  assert.equal(csvOf(columns, items), `deviceId,note,n,o\r\np,"'=HYPERLINK(""x"")",-1,\r\nq,"a ""b"", c",,"{""x"":1}"\r\n`)
  const twin = { deviceId: 'p', properties: { desired: { $version: 2, a: 1 } } }
  assert.deepEqual(columnsOf([twin], 'Twin'), ['deviceId', 'properties.desired'])
  assert.deepEqual(cellOf(twin, 'properties.desired'), { a: 1 })
  assert.deepEqual(placeOf('Line 2, column 18: expected a value.'), { line: 2, column: 18 })
})

test('events go by routes, and by the fallback where there is one', () => {
  const routes = [{ name: 'all', source: 'DeviceMessages', condition: '', endpoint: 'archive', isEnabled: false } as const]
  assert.deepEqual(
    waysOf({ routes, fallback: false }).map(({ endpoint, isOn }) => [endpoint, isOn]),
    [['archive', false]],
  )
  assert.deepEqual(waysOf({ routes, fallback: true }).at(-1), {
    source: 'DeviceMessages',
    route: undefined,
    endpoint: 'events',
    isOn: true,
  })
})

const sentences: readonly (readonly [object, string])[] = [
  [{ kind: 'twin-reported', patch: { t: 1, old: null }, version: 3 }, 'reported t 1, old deleted · version 3'],
  [
    { kind: 'twin-changed', tags: { a: 1 }, cause: { kind: 'job', id: 'night' }, actor: 'system:hub' },
    'tags.a 1 · job night · by system:hub',
  ],
  [
    { kind: 'method-called', method: 'reboot', status: null, code: 'hub/device-offline', durationMs: 2, actor: 'operator:owner' },
    'reboot · no answer: hub/device-offline · in 2.00 ms · by operator:owner',
  ],
  [
    { kind: 'c2d-dead-lettered', messageId: null, sequenceNumber: 7, deliveryCount: 1, reason: 'delivery-count' },
    'message 7 given up · delivery count · after 1 try in vain',
  ],
  [{ kind: 'file-uploaded', blobName: 'log.txt', bytes: null, succeeded: false }, 'log.txt · failed'],
  [
    { kind: 'job-device-ended', job: 'j', status: 'failed', description: 'Away.', code: 'hub/device-offline' },
    'job j failed · Away. · hub/device-offline',
  ],
  [
    { kind: 'configuration-changed', id: 'north', action: 'update', actor: 'operator:owner' },
    'configuration north updated · by operator:owner',
  ],
  [
    { kind: 'egress-dead-lettered', endpoint: 'scada', reason: 'too large', count: 2, first: 1 },
    '2 events of endpoint scada put aside · too large',
  ],
]
for (const [fact, said] of sentences)
  test(`a fact in words: ${said}`, () => {
    assert.equal(summaryOf({ offset: 1, time: '2027-01-01T00:00:00Z', kind: '', ...fact }), said)
  })
