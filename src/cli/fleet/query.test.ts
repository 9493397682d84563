import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileNameOf } from './file.io.ts'
import { tableOf } from './query.ts'

test('of whole twins a table shows what tells most, without what the hub itself wrote into the sections', () => {
  const twin = {
    deviceId: 'a',
    etag: 'x',
    version: 3,
    tags: { s: 1 },
    properties: { desired: { i: 1, $version: 2, $metadata: {} }, reported: {} },
  }
  assert.deepEqual(tableOf([twin], 'Twin'), {
    columns: ['deviceId', 'version', 'tags', 'desired', 'reported'],
    rows: [['a', '3', '{"s":1}', '{"i":1}', '{}']],
  })
})

test('of anything else every member that some item has is a column, and what is missing is a dash', () => {
  assert.deepEqual(tableOf([{ a: 1 }, { b: null, a: { c: 1 } }, 'x'], 'Raw'), {
    columns: ['a', 'b', 'value'],
    rows: [
      ['1', '-', '-'],
      ['{"c":1}', '-', '-'],
      ['-', '-', 'x'],
    ],
  })
  assert.deepEqual(tableOf([], 'Raw'), { columns: [], rows: [] })
})

test('a name that a device chose becomes a file here only where it can do no harm', () => {
  assert.equal(fileNameOf('pump-1/logs/a b.txt'), 'a b.txt')
  for (const name of [
    'pump-1/..',
    'pump-1/.bashrc',
    'pump-1/-rf',
    'pump-1/',
    'pump-1/a\u001b[2J',
    'pump-1/a\\b',
    `pump-1/${'x'.repeat(300)}`,
  ])
    assert.equal(fileNameOf(name), undefined, JSON.stringify(name))
})
