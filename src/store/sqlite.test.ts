import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Secret } from '#base'
import { FakeClock } from '../../test/fake-clock.ts'
import { type Place, storeSuite, suiteMigrations } from '../../test/store-suite.ts'
import { type Migration, type Store, openStore } from './index.ts'

const signal = new AbortController().signal

function open(file: string, options: { readonly key?: number; readonly migrations?: readonly Migration[] } = {}): Promise<Store> {
  const { key = 7, migrations = suiteMigrations } = options
  return openStore({ file, key: new Secret(Buffer.alloc(32, key)), migrations }, { clock: new FakeClock() }, signal)
}

async function makePlace(): Promise<Place & { readonly directory: string; readonly file: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'thingwall-store-'))
  const file = join(directory, 'hub.db')
  return { directory, file, open: () => open(file), remove: () => rm(directory, { recursive: true }) }
}

/** Runs `work` with a directory that is gone afterwards. */
function inPlace(sentence: string, work: (place: Awaited<ReturnType<typeof makePlace>>) => Promise<void>): void {
  test(sentence, async () => {
    const place = await makePlace()
    try {
      await work(place)
    } finally {
      await place.remove()
    }
  })
}

const insert = (id: string, owner: string | null = null) => ({ sql: 'INSERT INTO thing (id, owner) VALUES (?, ?)', args: [id, owner] })

storeSuite('sqlite', makePlace)

inPlace('everything queued in one turn shares one transaction', async ({ file }) => {
  await using store = await open(file)
  const before = statSync(`${file}-wal`).size
  await Promise.all(Array.from({ length: 1_000 }, (_, i) => store.commit([insert(`${i}`)])))
  const grown = statSync(`${file}-wal`).size - before
  assert.ok(grown < 100 * 4_096, `the log grew by ${grown} bytes`) // one transaction each would write 1,000 pages and more
})

inPlace('a wrong key, a missing key and a file of nonsense are told with the fix', async ({ file }) => {
  await (await open(file))[Symbol.asyncDispose]()
  await assert.rejects(open(file, { key: 8 }), { code: 'store/wrong-key', message: /key store that belongs to this data directory/ })
  for (const log of ['-wal', '-shm']) rmSync(file + log, { force: true })
  writeFileSync(file, 'SQLite format 3\0 but not really', { mode: 0o600 })
  await assert.rejects(open(file), { code: 'store/wrong-key' })
})

inPlace('nothing can be read from the files without the key, and they are ours alone', async ({ directory, file }) => {
  await (await open(file, { migrations: suiteMigrations.slice(0, 1) }))[Symbol.asyncDispose]()
  await using store = await open(file) // with a backup
  await store.commit([insert('PLAINTEXT-MARKER', 'PLAINTEXT-MARKER')])
  const names = readdirSync(directory)
  assert.ok(names.length >= 4, names.join(' '))
  for (const name of names) {
    const bytes = readFileSync(join(directory, name))
    for (const marker of ['PLAINTEXT', 'CREATE TABLE', 'SQLite format'])
      assert.equal(bytes.includes(marker), false, `${name} shows ${marker}`)
    assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name)
  }
})

inPlace('an argument that the driver would die of is a bug, thrown', async ({ file }) => {
  await using store = await open(file)
  for (const wrong of [true, undefined, NaN, {}, new Date(0)]) {
    const args: unknown[] = ['x', wrong]
    await assert.rejects(store.commit([{ sql: insert('x').sql, args: args.filter(isAnything) }]), /bug/)
  }
  assert.equal((await store.query('SELECT id FROM thing')).length, 0)
})

// The types forbid such arguments; a cast-free way to sneak them past the compiler.
function isAnything(value: unknown): value is string {
  return value !== Symbol.iterator
}

inPlace('a full disk is a fault for those it hits, and the store goes on when there is room', async ({ file }) => {
  await using store = await open(file)
  await store.commit([insert('before')])
  const [pages] = await store.query('PRAGMA page_count')
  await store.query(`PRAGMA max_page_count = ${Number(pages?.['page_count']) + 2}`)
  const big = 'x'.repeat(100_000)
  await assert.rejects(store.commit([insert('big', big)]), { code: 'store/disk' })
  assert.equal((await store.commit([insert('small')])).ok, true)
  await store.query('PRAGMA max_page_count = 1000000')
  assert.equal((await store.commit([insert('big', big)])).ok, true)
  assert.deepEqual(
    (await store.query('SELECT id FROM thing ORDER BY id')).map((row) => row['id']),
    ['before', 'big', 'small'],
  )
})

inPlace('migrations run once, in order, and are recorded; before the second release a proven copy is made', async ({ directory, file }) => {
  const first = suiteMigrations.slice(0, 1)
  const one = await open(file, { migrations: first })
  await one.commit([insert('old')])
  await one[Symbol.asyncDispose]()
  assert.ok(!readdirSync(directory).some((name) => name.includes('before')), 'nothing to copy at first')
  await using two = await open(file)
  assert.deepEqual(
    (await two.query('SELECT name FROM migration ORDER BY position')).map((row) => row['name']),
    ['suite/things', 'suite/parts'],
  )
  await two.commit([insert('new')])
  await using copy = await open(`${file}.before-suite_parts`, { migrations: first })
  assert.deepEqual(
    (await copy.query('SELECT id FROM thing')).map((row) => row['id']),
    ['old'],
  )
})

inPlace('a migration that fails changes nothing, and the next try succeeds', async ({ file }) => {
  await (await open(file, { migrations: suiteMigrations.slice(0, 1) }))[Symbol.asyncDispose]()
  const broken = { name: 'suite/broken', sql: 'CREATE TABLE half (id TEXT); INSERT INTO nowhere VALUES (1)' }
  await assert.rejects(open(file, { migrations: [...suiteMigrations.slice(0, 1), broken] }))
  await using store = await open(file)
  const tables = await store.query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'half'")
  assert.equal(tables.length, 0)
})

inPlace('when the copy cannot be made the schema stays as it is', async ({ file }) => {
  await (await open(file, { migrations: suiteMigrations.slice(0, 1) }))[Symbol.asyncDispose]()
  mkdirSync(`${file}.before-suite_parts`)
  await assert.rejects(open(file), { code: 'store/backup-failed' })
  rmSync(`${file}.before-suite_parts`, { recursive: true })
  await using store = await open(file)
  assert.equal((await store.query('SELECT * FROM migration')).length, 2)
})

inPlace('a history that is not ours is refused, a longer one is left in peace', async ({ file }) => {
  await (await open(file))[Symbol.asyncDispose]()
  const changed = suiteMigrations.map((step, i) => (i === 0 ? { ...step, sql: `${step.sql} ` } : step))
  await assert.rejects(open(file, { migrations: changed }), { code: 'store/migrations-disagree' })
  const renamed = suiteMigrations.map((step, i) => (i === 1 ? { ...step, name: 'suite/other' } : step))
  await assert.rejects(open(file, { migrations: renamed }), { code: 'store/migrations-disagree' })
  await using older = await open(file, { migrations: suiteMigrations.slice(0, 1) })
  assert.equal((await older.commit([insert('a')])).ok, true)
})

inPlace('each room goes on by itself: a step may come before those of other rooms', async ({ file }) => {
  const other = { name: 'other/001', sql: 'CREATE TABLE other (id TEXT)' }
  await (await open(file, { migrations: [...suiteMigrations.slice(0, 1), other] }))[Symbol.asyncDispose]()
  await using store = await open(file, { migrations: [...suiteMigrations, other] })
  assert.deepEqual(
    (await store.query('SELECT name FROM migration ORDER BY position')).map((row) => row['name']),
    ['suite/things', 'other/001', 'suite/parts'],
  )
})

inPlace('kill -9 loses no acknowledged commit', async ({ file }) => {
  const writer = fileURLToPath(new URL('../../test/store-writer.ts', import.meta.url))
  for (let cycle = 0; cycle < 3; cycle++) {
    const at = `${file}-${cycle}`
    const child = spawn(process.execPath, ['--conditions=source', writer, at], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    const gone = new Promise((resolve) => child.once('close', resolve))
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.length > 1_500 + cycle * 777) child.kill('SIGKILL')
    })
    await gone
    const acknowledged = said.split('\n').slice(0, -1)
    assert.ok(acknowledged.length > 100)
    await using store = await open(at)
    const there = new Set((await store.query('SELECT id FROM thing')).map((row) => row['id']))
    assert.deepEqual(
      acknowledged.filter((id) => !there.has(id)),
      [],
    )
  }
})
