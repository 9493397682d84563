import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '#base'
import { FakeClock } from '../../test/fake-clock.ts'
import { directory, openOn, readAll, say, show, turns } from '../../test/journal-fixture.ts'
import { MemoryDisk } from '../../test/memory-disk.ts'
import { maxRecordBytes } from './index.ts'

test('records come back in order, with dense offsets, after a restart too', async () => {
  const disk = new MemoryDisk()
  {
    await using journal = await openOn(disk)
    say(journal, 'a', 'b')
    await journal.flushed()
    say(journal, 'c')
    await journal.flushed()
    assert.deepEqual((await readAll(journal)).map(show), ['0 a', '1 b', '2 c'])
  }
  await using journal = await openOn(disk)
  assert.equal(journal.end, 3)
  say(journal, 'd')
  await journal.flushed()
  assert.deepEqual((await readAll(journal)).map(show), ['0 a', '1 b', '2 c', '3 d'])
})

test('nobody is told before the disk has it, and one turn shares one flush', async () => {
  const disk = new MemoryDisk()
  await using journal = await openOn(disk)
  const told: number[] = []
  journal.onDurable((end) => told.push(end))
  for (let i = 0; i < 500; i++) say(journal, `record ${i}`)
  assert.equal(journal.durableEnd, 0)
  assert.deepEqual((await journal.read(0, { records: 10, bytes: 1_000 })).records, [])
  await journal.flushed()
  assert.deepEqual(told, [500])
  assert.equal(journal.state().flushes, 1)
})

test('what was appended while a flush ran is told with the next flush, in order', async () => {
  await using journal = await openOn(new MemoryDisk())
  const told: number[] = []
  journal.onDurable((end) => {
    told.push(end)
    if (end < 5) say(journal, 'more')
  })
  say(journal, 'first')
  while (journal.durableEnd < 5) await turns()
  assert.deepEqual(told, [1, 2, 3, 4, 5])
})

test('on a busy loop a flush behind another waits for company while every turn brings some, a millisecond at most, and never for nobody', async () => {
  const clock = new FakeClock()
  const disk = new MemoryDisk()
  await using journal = await openOn(disk, { clock })
  say(journal, 'opens the segment')
  await journal.flushed()
  /** Ends a flush behind which something waits already. */
  const flushWithCompany = async () => {
    const goOn = disk.stallSyncs(0)
    for (let i = 0; i < 16; i++) say(journal, 'first')
    await turns(5)
    say(journal, 'meanwhile')
    const { flushes } = journal.state()
    goOn()
    while (journal.state().flushes === flushes) await Promise.resolve()
    return flushes + 1
  }
  const sayEachTurn = async (count: number) => {
    for (let turn = 0; turn < count; turn++) {
      say(journal, 'company')
      await turns()
    }
  }

  const first = await flushWithCompany()
  await sayEachTurn(50)
  assert.equal(journal.state().flushes, first, 'every turn brought some')
  await turns(20)
  assert.deepEqual([journal.durableEnd, journal.state().flushes], [journal.end, first + 1], 'then none did')

  const second = await flushWithCompany()
  await sayEachTurn(10)
  assert.equal(journal.state().flushes, second)
  clock.advance(1)
  await sayEachTurn(10)
  assert.ok(journal.state().flushes > second, 'its time was over')
})

test('a full batch buffer goes on in the next one; the largest record fits and a larger one is a bug', async () => {
  await using journal = await openOn(new MemoryDisk())
  const sizes = [700_000, 600_000, 1, maxRecordBytes, 10]
  for (const [index, size] of sizes.entries()) assert.equal(journal.append(Buffer.alloc(size, index)), index)
  await journal.flushed()
  const records = await readAll(journal)
  assert.deepEqual(
    records.map((record) => ('bytes' in record ? [record.bytes.length, record.bytes[0]] : record)),
    sizes.map((size, index) => [size, index]),
  )
  assert.throws(() => journal.append(Buffer.alloc(maxRecordBytes + 1)), /bug/)
  assert.throws(() => journal.append(Buffer.alloc(0)), /bug/)
})

test('segments end at their size and reading goes over them', async () => {
  const disk = new MemoryDisk()
  await using journal = await openOn(disk, { segmentBytes: 20_000 })
  const words = Array.from({ length: 100 }, (_, i) => `word ${i} ${'x'.repeat(500)}`)
  for (const word of words) {
    say(journal, word)
    await journal.flushed()
  }
  assert.ok(journal.state().segments >= 4)
  assert.deepEqual(
    (await readAll(journal)).map(show),
    words.map((word, i) => `${i} ${word}`),
  )
  assert.deepEqual((await readAll(journal, 77)).map(show), words.map((word, i) => `${i} ${word}`).slice(77))
})

test('reading heeds its limits but gives at least one record', async () => {
  await using journal = await openOn(new MemoryDisk())
  say(journal, 'aaaa', 'bbbb', 'cccc')
  await journal.flushed()
  const read = async (records: number, bytes: number, from = 0) => {
    const answer = await journal.read(from, { records, bytes })
    return [...answer.records.map(show), answer.next]
  }
  assert.deepEqual(await read(2, 100), ['0 aaaa', '1 bbbb', 2])
  assert.deepEqual(await read(9, 8), ['0 aaaa', '1 bbbb', 2])
  assert.deepEqual(await read(9, 1), ['0 aaaa', 1])
  assert.deepEqual(await read(9, 100, 3), [3])
  assert.deepEqual(await read(9, 100, 2), ['2 cccc', 3])
})

test('a follower at the end is served from memory, without gaps', async () => {
  const disk = new MemoryDisk()
  await using journal = await openOn(disk)
  let at = 0
  const seen: string[] = []
  let operations = 0
  for (let i = 0; i < 50; i++) {
    say(journal, `w${i}`)
    await journal.flushed()
    operations = disk.operations
    const { records, next } = await journal.read(at, { records: 10, bytes: 1_000 })
    seen.push(...records.map(show))
    at = next
    if (i > 2) assert.equal(disk.operations, operations, 'the disk was read')
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 50 }, (_, i) => `${i} w${i}`),
  )
})

test('too much pending pauses, far too much is refused and counted, and it resumes once', async () => {
  await using journal = await openOn(new MemoryDisk())
  let resumed = 0
  journal.onResume(() => resumed++)
  const record = Buffer.alloc(500_000)
  while (journal.pendingBytes <= limits.journalPendingBytes) journal.append(record)
  assert.equal(journal.paused, true)
  let accepted = 0
  while (journal.append(record) >= 0) accepted++
  assert.ok(journal.pendingBytes <= 2 * limits.journalPendingBytes)
  assert.ok(accepted > 0)
  assert.equal(journal.state().refused, 1)
  await journal.flushed()
  assert.equal(journal.paused, false)
  assert.equal(resumed, 1)
  assert.equal(journal.pendingBytes, 0)
})

test('nothing on disk can be read without the key, and another vault is refused', async () => {
  const disk = new MemoryDisk()
  {
    await using journal = await openOn(disk)
    say(journal, 'PLAINTEXT-MARKER')
    await journal.flushed()
  }
  for (const name of disk.names(directory)) assert.equal(disk.content(`${directory}/${name}`).includes('PLAINTEXT'), false)
  await assert.rejects(openOn(disk, { vault: 'another' }), { code: 'journal/wrong-key' })
  await using journal = await openOn(disk)
  assert.deepEqual((await readAll(journal)).map(show), ['0 PLAINTEXT-MARKER'])
})

test('no two segments share a key, and no two blocks of a segment a nonce', async () => {
  const disk = new MemoryDisk()
  for (let run = 0; run < 3; run++) {
    await using journal = await openOn(disk, { seed: run + 1 })
    for (let i = 0; i < 3; i++) {
      say(journal, 'the same words')
      await journal.flushed()
    }
  }
  const bodies = new Set<string>()
  let blocks = 0
  for (const name of disk.names(directory)) {
    const bytes = disk.content(`${directory}/${name}`)
    for (let at = bytes.indexOf('TWB1'); at !== -1; at = bytes.indexOf('TWB1', at + 1)) {
      bodies.add(bytes.toString('hex', at + 64, at + 64 + bytes.readUInt32LE(at + 20)))
      blocks++
    }
  }
  assert.equal(bodies.size, blocks)
})

test('restarts without new records do not pile up segments', async () => {
  const disk = new MemoryDisk()
  for (let run = 0; run < 10; run++) {
    await using journal = await openOn(disk, { seed: run + 1 })
    if (run === 0) say(journal, 'only')
    await journal.flushed()
    await turns(3)
  }
  assert.ok(disk.names(directory).length <= 2, disk.names(directory).join(' '))
  await using journal = await openOn(disk)
  assert.deepEqual((await readAll(journal)).map(show), ['0 only'])
})

test('retention by bytes drops whole segments from the oldest on, counts them, and never the active one', async () => {
  const disk = new MemoryDisk()
  await using journal = await openOn(disk, { segmentBytes: 12_000, retentionBytes: 40_000 })
  for (let i = 0; i < 60; i++) {
    say(journal, `${i} ${'x'.repeat(1_000)}`)
    await journal.flushed()
  }
  await turns(5)
  const state = journal.state()
  assert.ok(state.bytes <= 40_000 + 12_000)
  assert.equal(state.droppedRecords, journal.start)
  assert.ok(journal.start > 0 && state.droppedSegments > 0)
  const kept = await readAll(journal, 0)
  assert.equal(kept[0]?.offset, journal.start)
  assert.equal(kept.length, 60 - journal.start)
  assert.ok(kept.every((record) => 'bytes' in record))
})

test('retention by age drops what is older, also when little is written', async () => {
  const clock = new FakeClock()
  const day = 86_400_000
  const disk = new MemoryDisk()
  await using journal = await openOn(disk, { clock, retentionMs: 8 * day })
  for (let i = 0; i < 20; i++) {
    say(journal, `day ${i}`)
    await journal.flushed()
    clock.advance(day + 60_001)
    await turns(3)
  }
  assert.deepEqual((await readAll(journal, 0)).map(show).at(-1), '19 day 19')
  assert.ok(journal.start >= 11 && journal.start <= 13, String(journal.start))
})

test('a wall clock set forward does not age records past keeping', async () => {
  const clock = new FakeClock()
  await using journal = await openOn(new MemoryDisk(), { clock, segmentBytes: 9_000, retentionMs: 86_400_000 })
  for (let i = 0; i < 10; i++) {
    say(journal, 'x'.repeat(400))
    await journal.flushed()
  }
  clock.jump(clock.now() + 365 * 86_400_000)
  clock.advance(120_000)
  await turns(5)
  assert.equal(journal.start, 0)
})

test('offsets go on after retention has dropped everything else and the hub restarts', async () => {
  const disk = new MemoryDisk()
  for (let run = 0; run < 4; run++) {
    await using journal = await openOn(disk, { segmentBytes: 12_000, retentionBytes: 1, seed: run + 1 })
    assert.equal(journal.end, run * 20)
    for (let i = 0; i < 20; i++) {
      say(journal, 'x'.repeat(1_000))
      await journal.flushed()
    }
    await turns(3)
  }
})

test('files have mode 0600 and the directory 0700', async () => {
  const disk = new MemoryDisk()
  await using journal = await openOn(disk)
  say(journal, 'a')
  await journal.flushed()
  assert.deepEqual([...new Set(disk.modes.values())], [0o700, 0o600])
})

test('a closed journal refuses, and tells those who wait that it does not know', async () => {
  const disk = new MemoryDisk()
  const journal = await openOn(disk)
  say(journal, 'a')
  const waiting = journal.flushed()
  await journal[Symbol.asyncDispose]()
  await waiting // written on the way out
  assert.equal(journal.append(Buffer.from('b')), -1)
})

test('what nobody waits for is on disk a moment later, in one flush; who waits takes it along at once', async () => {
  const clock = new FakeClock()
  await using journal = await openOn(new MemoryDisk(), { clock })
  for (const word of ['a', 'b', 'c']) journal.appendSoon(Buffer.from(word))
  await turns(20)
  assert.deepEqual([journal.durableEnd, journal.state().flushes], [0, 0])
  clock.advance(20)
  await turns(20)
  assert.deepEqual([journal.durableEnd, journal.state().flushes], [3, 1])
  journal.appendSoon(Buffer.from('d'))
  say(journal, 'e')
  await turns(20)
  assert.equal(journal.durableEnd, 5)
  journal.appendSoon(Buffer.from('f'))
  await journal.flushed()
  assert.equal(journal.durableEnd, 6)
})

test('what nobody waits for survives an orderly end', async () => {
  const disk = new MemoryDisk()
  {
    await using journal = await openOn(disk)
    journal.appendSoon(Buffer.from('a'))
  }
  await using journal = await openOn(disk)
  assert.deepEqual((await readAll(journal)).map(show), ['0 a'])
})
