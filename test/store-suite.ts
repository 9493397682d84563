import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Migration, Store } from '#store'

/** The tables that the suite needs; every backend understands this SQL. */
export const suiteMigrations: readonly Migration[] = [
  { name: 'suite/things', sql: 'CREATE TABLE thing (id TEXT PRIMARY KEY, owner TEXT, size BIGINT, weight DOUBLE PRECISION)' },
  {
    name: 'suite/parts',
    sql: 'CREATE TABLE part (id TEXT PRIMARY KEY, thing TEXT NOT NULL REFERENCES thing (id)); CREATE TABLE label (id TEXT PRIMARY KEY, thing TEXT REFERENCES thing (id) DEFERRABLE INITIALLY DEFERRED); CREATE TABLE scrap (id TEXT PRIMARY KEY, bytes BLOB)',
  },
]

/** A place where a backend keeps its rows: opening it again finds them. */
export type Place = { open(): Promise<Store>; remove(): Promise<void> }

const insert = 'INSERT INTO thing (id, owner, size, weight) VALUES (?, ?, ?, ?)'
const put = (id: string, owner = 'anna') => ({ sql: insert, args: [id, owner, 1, 0.5] })
const ids = async (store: Store) => (await store.query('SELECT id FROM thing ORDER BY id')).map((row) => row['id'])
const conflict = { ok: false, error: 'conflict' }

/** What every backend of the store must do. Called by the test file of each. */
export function storeSuite(name: string, makePlace: () => Promise<Place>): void {
  const check = (sentence: string, work: (store: Store, place: Place) => Promise<void>) => {
    test(`${name}: ${sentence}`, async () => {
      const place = await makePlace()
      try {
        await using store = await place.open()
        await work(store, place)
      } finally {
        await place.remove()
      }
    })
  }

  check('values come back as they went in', async (store) => {
    const sizes = [0, -1, Number.MAX_SAFE_INTEGER, 2n ** 53n + 1n, -(2n ** 62n), null]
    for (const [i, size] of sizes.entries())
      await store.commit([{ sql: insert, args: [`${i}`, "o'brien; DROP TABLE thing --\n\u{1f600}", size, 1.25] }])
    const rows = await store.query('SELECT id, owner, size, weight FROM thing ORDER BY id')
    assert.deepEqual(
      rows,
      sizes.map((size, i) => ({ id: `${i}`, owner: "o'brien; DROP TABLE thing --\n\u{1f600}", size, weight: 1.25 })),
    )
  })

  check('bytes come back as a Buffer, also when none', async (store) => {
    for (const [id, bytes] of [
      ['a', Buffer.from([0, 255, 1])],
      ['b', new Uint8Array(0)],
    ] as const)
      await store.commit([{ sql: 'INSERT INTO scrap (id, bytes) VALUES (?, ?)', args: [id, bytes] }])
    const rows = await store.query('SELECT bytes FROM scrap ORDER BY id')
    assert.deepEqual(
      rows.map((row) => row['bytes']),
      [Buffer.from([0, 255, 1]), Buffer.alloc(0)],
    )
  })

  check('a commit is all of its statements or none', async (store) => {
    assert.deepEqual(await store.commit([put('a'), put('b')]), { ok: true, value: undefined })
    assert.deepEqual(await store.commit([put('c'), put('b'), put('d')]), conflict)
    assert.deepEqual(await ids(store), ['a', 'b'])
  })

  check('a row count that was not expected is a conflict', async (store) => {
    await store.commit([put('a')])
    const take = { sql: 'UPDATE thing SET owner = ? WHERE id = ? AND owner = ?', expect: 1 }
    assert.equal((await store.commit([{ ...take, args: ['ben', 'a', 'anna'] }])).ok, true)
    assert.deepEqual(await store.commit([put('b'), { ...take, args: ['carl', 'a', 'anna'] }]), conflict)
    assert.deepEqual(await store.query('SELECT id, owner FROM thing'), [{ id: 'a', owner: 'ben' }])
    assert.equal((await store.commit([{ sql: 'DELETE FROM thing WHERE id = ?', args: ['none'], expect: 0 }])).ok, true)
  })

  check('a broken reference is a conflict', async (store) => {
    assert.deepEqual(await store.commit([{ sql: 'INSERT INTO part (id, thing) VALUES (?, ?)', args: ['p', 'nothing'] }]), conflict)
  })

  check('a reference that is looked at only in the end is a conflict of its own batch, and nobody was answered before', async (store) => {
    const label = (id: string, thing: string) => ({ sql: 'INSERT INTO label (id, thing) VALUES (?, ?)', args: [id, thing] })
    const outcomes = await Promise.all([
      store.commit([label('early', 'a'), put('a')]),
      store.commit([label('never', 'nothing')]),
      store.commit([put('b')]),
    ])
    assert.deepEqual(
      outcomes.map((outcome) => outcome.ok),
      [true, false, true],
    )
    assert.deepEqual(await ids(store), ['a', 'b'])
    assert.equal((await store.query('SELECT id FROM label')).length, 1)
  })

  check('a conflict undoes its own batch and none of those beside it', async (store) => {
    const outcomes = await Promise.all([
      store.commit([put('a')]),
      store.commit([put('x'), put('a')]),
      store.commit([put('b')]),
      store.commit([{ sql: 'UPDATE thing SET owner = ?', args: ['all'], expect: 99 }]),
      store.commit([put('c')]),
    ])
    assert.deepEqual(
      outcomes.map((outcome) => outcome.ok),
      [true, false, true, false, true],
    )
    assert.deepEqual(await ids(store), ['a', 'b', 'c'])
    assert.equal((await store.query("SELECT id FROM thing WHERE owner = 'all'")).length, 0)
  })

  check('SQL that is our bug is thrown at its caller alone', async (store) => {
    const [good, bad, next] = await Promise.allSettled([
      store.commit([put('a')]),
      store.commit([put('b'), { sql: 'INSERT INTO nowhere VALUES (1)', args: [] }]),
      store.commit([put('c')]),
    ])
    assert.deepEqual([good.status, bad.status, next.status], ['fulfilled', 'rejected', 'fulfilled'])
    assert.deepEqual(await ids(store), ['a', 'c'])
    await assert.rejects(store.query('SELECT nothing FROM nowhere'))
  })

  check('of two that compare and set, exactly one wins', async (store) => {
    await store.commit([put('a', 'nobody')])
    const claims = Array.from({ length: 20 }, (_, i) =>
      store.commit([{ sql: 'UPDATE thing SET owner = ? WHERE owner = ?', args: [`claimant ${i}`, 'nobody'], expect: 1 }]),
    )
    assert.equal((await Promise.all(claims)).filter((outcome) => outcome.ok).length, 1)
  })

  check('what was committed is there when opened again; what was queued at closing too', async (store, place) => {
    await store.commit([put('a')])
    const queued = store.commit([put('b')])
    await store[Symbol.asyncDispose]()
    assert.equal((await queued).ok, true)
    await using again = await place.open()
    assert.deepEqual(await ids(again), ['a', 'b'])
  })

  check('a closed store refuses', async (store) => {
    await store[Symbol.asyncDispose]()
    await assert.rejects(store.query('SELECT 1'), { code: 'store/closed' })
    await assert.rejects(store.commit([put('a')]), { code: 'store/closed' })
  })

  check('thousands of commits in one turn all get their answer', async (store) => {
    const outcomes = await Promise.all(Array.from({ length: 5_000 }, (_, i) => store.commit([put(`${i % 4_900}`)])))
    assert.equal(outcomes.filter((outcome) => outcome.ok).length, 4_900)
  })
}
