import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { Fault, fail, ok } from '#base'
import type { Migration, Statement, Store } from '#store'
import { FakeClock } from '../../test/fake-clock.ts'
import { openTestStore } from '../../test/open-test-store.ts'
import { openAudit } from './audit.ts'
import { auditMigrations } from './migrations.ts'

const things: Migration = { name: 'test/001', sql: 'CREATE TABLE things (id TEXT PRIMARY KEY)' }
const migrations = [...auditMigrations, things]
const grant = systemGrant('device.write', 'device:a')
const reader = systemGrant('audit.read', 'audit')
const { signal } = new AbortController()
const add = (id: string): Statement => ({ sql: 'INSERT INTO things (id) VALUES (?)', args: [id], expect: 1 })
const entry = (id: string) => ({ action: 'thing.add', resource: `thing:${id}`, detail: { b: 1, a: 'x' } })

async function open(store: Store, clock = new FakeClock()) {
  return await openAudit({ store, clock }, signal)
}

test('a change and its entry are committed together, and the chain verifies from the first entry', async () => {
  await using held = await openTestStore(migrations)
  const audit = await open(held.store)
  assert.deepEqual(await audit.commit(grant, entry('a'), [add('a')]), ok(undefined))
  await audit.append(grant, { action: 'operator.sign-in', resource: 'operator:owner', outcome: 'refused' })
  const { records, end } = await audit.read(reader, { after: 0, limit: 10 })
  assert.equal(end, 2)
  assert.deepEqual(
    records.map(({ sequence, action, outcome, detail }) => ({ sequence, action, outcome, detail })),
    [
      { sequence: 1, action: 'thing.add', outcome: 'done', detail: '{"a":"x","b":1}' },
      { sequence: 2, action: 'operator.sign-in', outcome: 'refused', detail: '{}' },
    ],
  )
  assert.equal(records[1]?.previousHash, records[0]?.hash)
  assert.equal((await audit.verify()).ok, true)
  assert.deepEqual(
    (await audit.read(reader, { before: null, limit: 1 })).records.map((record) => record.sequence),
    [2],
  )
})

test('a conflict leaves neither change nor entry, and the chain goes on unbroken', async () => {
  await using held = await openTestStore(migrations)
  const audit = await open(held.store)
  await audit.commit(grant, entry('a'), [add('a')])
  assert.deepEqual(await audit.commit(grant, entry('a'), [add('a')]), fail('conflict'))
  assert.deepEqual(await audit.commit(grant, entry('b'), [add('b')]), ok(undefined))
  assert.deepEqual(await audit.verify(), ok({ records: 2, hash: (await audit.read(reader, { before: null, limit: 1 })).records[0]?.hash }))
})

test('many commits at once share flushes, keep one chain, and those behind a conflict are kept', async () => {
  await using held = await openTestStore(migrations)
  const audit = await open(held.store)
  const ids = Array.from({ length: 400 }, (_, i) => `t${i % 390}`)
  const outcomes = await Promise.all(ids.map((id) => audit.commit(grant, [entry(id), entry(id)], [add(id)])))
  assert.equal(outcomes.filter((outcome) => outcome.ok).length, 390)
  assert.deepEqual(
    outcomes.slice(390).map((outcome) => outcome.ok),
    Array.from({ length: 10 }, () => false),
  )
  const verified = await audit.verify()
  assert.equal(verified.ok && verified.value.records, 780)
  const [row] = await held.store.query('SELECT count(*) AS n FROM things')
  assert.equal(row?.['n'], 390)
})

test('a commit made the moment another resolves is not forgotten', { timeout: 30_000 }, async () => {
  await using held = await openTestStore(migrations)
  const audit = await open(held.store)
  const delays = [0, 1, 2, 3, 4, 5, 6, 7]
  for (const ticks of delays) {
    await audit.commit(grant, entry('x'), [add(`${ticks}a`)])
    for (let i = 0; i < ticks; i++) await Promise.resolve()
    assert.deepEqual(await audit.commit(grant, entry('y'), [add(`${ticks}b`)]), ok(undefined))
  }
})

test('two writers on one store cannot fork the chain', async () => {
  await using held = await openTestStore(migrations)
  const one = await open(held.store)
  const two = await open(held.store)
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? one : two).commit(grant, entry(`${i}`), [add(`${i}`)])),
  )
  assert.equal(
    outcomes.every((outcome) => outcome.ok),
    true,
  )
  const verified = await one.verify()
  assert.equal(verified.ok && verified.value.records, 40)
})

test('an entry that names another actor, or whose parts are cut elsewhere, has another hash', async () => {
  await using held = await openTestStore(migrations)
  const audit = await open(held.store)
  await audit.append(grant, { action: 'ab', resource: 'c' })
  await held.store.commit([{ sql: "UPDATE audit_log SET action = 'a', resource = 'bc'", args: [] }])
  assert.deepEqual(await audit.verify(), fail({ sequence: 1, reason: 'changed' }))
})

const tampering: readonly (readonly [string, string, { sequence: number; reason: string }])[] = [
  ['a changed actor', "UPDATE audit_log SET actor_id = 'mallory' WHERE sequence = 3", { sequence: 3, reason: 'changed' }],
  ['a changed time', 'UPDATE audit_log SET time = time + 1 WHERE sequence = 3', { sequence: 3, reason: 'changed' }],
  ['a changed detail', "UPDATE audit_log SET detail = '{}' WHERE sequence = 3", { sequence: 3, reason: 'changed' }],
  ['a changed outcome', "UPDATE audit_log SET outcome = 'refused' WHERE sequence = 3", { sequence: 3, reason: 'changed' }],
  ['a changed hash', "UPDATE audit_log SET hash = 'ff' WHERE sequence = 3", { sequence: 3, reason: 'changed' }],
  ['a cell of another type', 'UPDATE audit_log SET detail = NULL WHERE sequence = 3', { sequence: 3, reason: 'changed' }],
  ['a removed entry', 'DELETE FROM audit_log WHERE sequence = 3', { sequence: 3, reason: 'missing' }],
  ['the first entry removed', 'DELETE FROM audit_log WHERE sequence = 1', { sequence: 1, reason: 'missing' }],
  ['the last entry removed', 'DELETE FROM audit_log WHERE sequence = 5', { sequence: 5, reason: 'missing' }],
  ['everything removed', 'DELETE FROM audit_log', { sequence: 1, reason: 'missing' }],
  [
    'two entries that changed places',
    'UPDATE audit_log SET sequence = CASE sequence WHEN 3 THEN -4 ELSE -3 END WHERE sequence IN (3, 4); UPDATE audit_log SET sequence = -sequence WHERE sequence < 0',
    { sequence: 3, reason: 'not-linked' },
  ],
  [
    'the end cut and the head moved back to another hash',
    "DELETE FROM audit_log WHERE sequence = 5; UPDATE audit_head SET sequence = 4, hash = 'ff'",
    { sequence: 4, reason: 'end-differs' },
  ],
  [
    'an entry added behind the head',
    `INSERT INTO audit_log SELECT 6, time, actor_kind, actor_id, actor_via, action, resource, outcome, detail, previous_hash, hash
      FROM audit_log WHERE sequence = 5`,
    { sequence: 6, reason: 'end-differs' },
  ],
]

for (const [what, sql, broken] of tampering) {
  test(`verification finds ${what}`, async () => {
    await using held = await openTestStore(
      migrations.map((step) => (step.name === 'test/001' ? step : { ...step, sql: step.sql.replaceAll(' NOT NULL', '') })),
    )
    const audit = await open(held.store)
    for (const id of ['a', 'b', 'c', 'd', 'e']) await audit.commit(grant, entry(id), [add(id)])
    assert.equal((await audit.verify()).ok, true)
    const outcome = await held.store.commit(sql.split(';').map((one) => ({ sql: one, args: [] })))
    assert.equal(outcome.ok, true)
    assert.deepEqual(await audit.verify(), fail(broken))
  })
}

test('after a disk fault of unknown outcome the head is read back and the chain goes on', async () => {
  await using held = await openTestStore(migrations)
  const { store } = held
  for (const kept of [true, false]) {
    let faulty = true
    const flaky: Store = {
      query: (sql, ...args) => store.query(sql, ...args),
      async commit(statements) {
        if (!faulty) return await store.commit(statements)
        faulty = false
        if (kept) await store.commit(statements)
        throw new Fault('store/disk', 'The disk is full.')
      },
      [Symbol.asyncDispose]: async () => {},
    }
    const audit = await open(flaky)
    const id = `k${String(kept)}`
    await assert.rejects(audit.commit(grant, entry(id), [add(id)]), { code: 'store/disk' })
    assert.deepEqual(await audit.commit(grant, entry(`${id}2`), [add(`${id}2`)]), ok(undefined))
    assert.equal((await audit.verify()).ok, true)
  }
})

test('the chain goes on over a restart', async () => {
  await using held = await openTestStore(migrations)
  await (await open(held.store)).commit(grant, entry('a'), [add('a')])
  const audit = await open(await held.reopen())
  await audit.commit(grant, entry('b'), [add('b')])
  const verified = await audit.verify()
  assert.equal(verified.ok && verified.value.records, 2)
})

test('a lost head row is a fault at open, not a new log', async () => {
  await using held = await openTestStore(migrations)
  await held.store.commit([{ sql: 'DELETE FROM audit_head', args: [] }])
  await assert.rejects(open(held.store), { code: 'audit/head-missing' })
})
