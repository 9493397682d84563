import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { nameOf } from './case.ts'
import { cases } from './cases.ts'
import { type Outcome, cellOf, columns, page, verdictOf } from './coverage.ts'
import { must, should } from './rows.ts'

const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const results: readonly Outcome[] = JSON.parse(text('conformance/azure/results.json'))

test('docs/azure-compatibility.md is what the results say', () => {
  assert.equal(text('docs/azure-compatibility.md'), page(results), 'run node scripts/azure-conformance.ts')
})

test('the results are of the cases that there are, and of tests that are still there', () => {
  const names = new Set(results.map(({ test: name }) => name))
  assert.equal(names.size, results.length)
  for (const one of cases) assert.ok(names.delete(nameOf(one)), `${nameOf(one)}: run node scripts/azure-conformance.ts`)
  const others = ['service-rest', 'provisioning-service'].map((name) => text(`conformance/azure/${name}.test.ts`)).join('')
  for (const name of names) assert.ok(others.includes(`test('${name}'`), name)
})

test('every row has something to show in each of its columns, and nothing shows what is no row', () => {
  for (const row of [...must, ...should])
    for (const column of columns) assert.notEqual(verdictOf(row, column, results), 'MISSING', `${row.id} over ${column}`)
  const known = new Map([...must, ...should].map((row) => [row.id, row]))
  for (const { test: name } of results) {
    const cell = cellOf(name)
    assert.ok(cell !== undefined && known.get(cell.row)?.over.some((over) => over === cell.over), name)
  }
})

test('one test of a cell that fails makes the cell fail, and one that was not run is not called good', () => {
  const row = { id: 'M1', calls: '', passes: '', over: ['mqtt'] } as const
  const verdict = (...kinds: readonly Outcome['result'][]) =>
    verdictOf(
      row,
      'mqtt',
      kinds.map((result, at) => ({ test: `M1 ${at} over mqtt`, result })),
    )
  assert.deepEqual(
    [verdict(), verdict('pass', 'fail', 'skip'), verdict('pass', 'skip'), verdict('pass')],
    ['MISSING', 'FAILS', 'not run', 'pass'],
  )
  assert.equal(verdictOf(row, 'amqp', []), '-')
})
