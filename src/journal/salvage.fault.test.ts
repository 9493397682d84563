import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directory, openOn, readAll, say, show, turns } from '../../test/journal-fixture.ts'
import { MemoryDisk } from '../../test/memory-disk.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import type { Journal } from './index.ts'
import { segmentHeaderBytes } from './segment.ts'

const said = ['alpha', 'bravo-bravo', 'c', 'delta', 'echo', 'foxtrot-foxtrot-foxtrot', 'golf']

type Written = { readonly disk: MemoryDisk; readonly path: string; readonly size: number }

/** Three flushes of 3, 1 and 3 records in one segment, `path`, of `size` bytes. */
async function written(): Promise<Written> {
  const disk = new MemoryDisk()
  await using journal = await openOn(disk)
  return await write(disk, journal)
}

/** The same, and then one more flush that the next run has written again in a segment of its own: `size` ends before it. */
async function writtenAndFollowed(): Promise<Written> {
  const disk = new MemoryDisk()
  const out = await (async () => {
    await using journal = await openOn(disk)
    const before = await write(disk, journal)
    say(journal, 'hotel')
    await journal.flushed()
    return before
  })()
  await using journal = await openOn(disk, { seed: 2 })
  say(journal, 'india')
  await journal.flushed()
  await turns(3)
  return out
}

async function write(disk: MemoryDisk, journal: Journal): Promise<Written> {
  for (const [from, to] of [
    [0, 3],
    [3, 4],
    [4, 7],
  ] as const) {
    say(journal, ...said.slice(from, to))
    await journal.flushed()
  }
  const path = `${directory}/${disk.names(directory)[0]}`
  return { disk, path, size: disk.content(path).length }
}

const expected = said.map((word, i) => `${i} ${word}`)

for (const [name, make] of [
  ['the last segment', written],
  ['an older segment', writtenAndFollowed],
] as const)
  test(`a flipped bit anywhere in ${name}: at most that record is lost, it is reported, and all others are served`, async () => {
    const { disk: whole, path, size } = await make()
    let lostSomething = 0
    let unreported = 0
    for (let at = 0; at < size; at++) {
      if (at > 200 && at < segmentHeaderBytes && !(at >= 4096 && at < 4296)) continue // padding of the header
      const disk = whole.clone()
      disk.corrupt(path, (bytes) => {
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
      })
      await using journal = await openOn(disk, { seed: 3 })
      const records = await readAll(journal)
      const shown = records.slice(0, said.length).map(show)
      assert.equal(shown.length, said.length, `byte ${at}: ${shown.join(', ')}`)
      let lost = 0
      for (const [i, line] of shown.entries()) {
        if (line === `${i} !`) lost++
        else assert.equal(line.replace(/\?$/, ''), expected[i], `byte ${at}`)
      }
      assert.ok(lost <= 1, `byte ${at} cost ${lost} records: ${shown.join(', ')}`)
      lostSomething += lost
      if (lost > 0) assert.ok(journal.state().damageFound > 0, `byte ${at} was lost in silence`)
      const inBlocks = at >= segmentHeaderBytes
      if (inBlocks && journal.state().damageFound === 0) unreported++
    }
    assert.ok(lostSomething > 50, `bodies were hit: ${lostSomething}`)
    assert.equal(unreported, 0)
  })

test('two neighbouring records hit at once are both reported, the others served', async () => {
  const { disk, path } = await writtenAndFollowed()
  disk.corrupt(path, (bytes) => {
    const body = segmentHeaderBytes + 64
    bytes.fill(0xff, body + 10, body + 15) // the end of the first record's check, its bytes and the length of the second
  })
  await using journal = await openOn(disk, { seed: 3 })
  const shown = (await readAll(journal)).map(show)
  assert.deepEqual(shown.slice(0, 3), ['0 !', '1 !', '2 c?'].slice(0, 3))
  assert.deepEqual(shown.slice(3), [...expected.slice(3), '7 hotel', '8 india'])
})

test('a last flush cut at any byte is dropped whole or kept whole, and reported; what came before stays', async () => {
  const { disk: whole, path, size } = await written()
  const blocks = [...whole.content(path).toString('latin1').matchAll(/TWB1/g)].map((match) => match.index)
  const last = blocks.at(-1) ?? 0
  for (let length = last; length < size; length++) {
    const disk = whole.clone()
    disk.corrupt(path, (bytes) => bytes.subarray(0, length))
    await using journal = await openOn(disk, { seed: 3 })
    assert.deepEqual((await readAll(journal)).map(show), expected.slice(0, 4), `cut at ${length}`)
    if (length > last) assert.match(journal.state().damage[0]?.reason ?? '', /unfinished write/)
    say(journal, 'next')
    await journal.flushed()
    assert.deepEqual((await readAll(journal)).map(show), [...expected.slice(0, 4), '4 next'])
  }
})

test('a lost segment file is a reported gap, never a silent one', async () => {
  const disk = new MemoryDisk()
  {
    await using journal = await openOn(disk, { segmentBytes: 9_000 })
    for (let i = 0; i < 30; i++) {
      say(journal, `${i} ${'x'.repeat(200)}`)
      await journal.flushed()
    }
  }
  const names = disk.names(directory)
  assert.ok(names.length > 3)
  disk.lose(`${directory}/${names[1]}`)
  await using journal = await openOn(disk, { seed: 2 })
  const records = await readAll(journal)
  assert.deepEqual(
    records.map((record) => record.offset),
    Array.from({ length: 30 }, (_, i) => i),
  )
  assert.ok(records.some((record) => 'damaged' in record))
  assert.ok(journal.state().damageFound > 0)
})

test('a segment whose header is lost twice is reported record by record, and its offsets are not used again', async () => {
  const { disk, path } = await written()
  disk.corrupt(path, (bytes) => {
    bytes.fill(0, 0, segmentHeaderBytes)
  })
  await using journal = await openOn(disk, { seed: 2 })
  assert.equal(journal.end, said.length)
  assert.deepEqual(
    (await readAll(journal)).map(show),
    said.map((_, i) => `${i} !`),
  )
  say(journal, 'next')
  await journal.flushed()
  assert.deepEqual((await readAll(journal, 7)).map(show), ['7 next'])
})

test('a payload that imitates records is not taken for one when the block is hit', async () => {
  const disk = new MemoryDisk()
  const forged = Buffer.alloc(64)
  for (let at = 0; at + 9 <= forged.length; at += 9) forged.writeUInt32LE(1, at)
  {
    await using journal = await openOn(disk)
    journal.append(forged)
    say(journal, 'genuine')
    await journal.flushed()
    say(journal, 'later')
    await journal.flushed()
  }
  const path = `${directory}/${disk.names(directory)[0]}`
  disk.corrupt(path, (bytes) => {
    bytes[segmentHeaderBytes + 64] = (bytes[segmentHeaderBytes + 64] ?? 0) ^ 4 // the length of the first record
  })
  await using journal = await openOn(disk, { seed: 2 })
  assert.deepEqual((await readAll(journal)).map(show), ['0 !', '1 genuine?', '2 later'])
})

test('whatever is done to a segment file, every offset is answered, truly or as damaged', async () => {
  const { disk: whole, path } = await writtenAndFollowed()
  const all = [...expected, '7 hotel', '8 india']
  for (let seed = 1; seed <= 300; seed++) {
    const disk = whole.clone()
    const random = new SeededRandom(seed * 7919)
    disk.corrupt(path, (bytes) => {
      let damaged = bytes
      for (let hits = 1 + random.integer(3); hits > 0; hits--) {
        const at = random.integer(2) === 0 ? random.integer(300) : segmentHeaderBytes + random.integer(damaged.length - segmentHeaderBytes)
        const length = random.integer(200)
        const kind = random.integer(3)
        if (kind === 0) random.bytes(length).copy(damaged, at)
        if (kind === 1) damaged.fill(0, at, Math.min(at + length, damaged.length))
        if (kind === 2) damaged = Buffer.concat([damaged.subarray(0, at), damaged.subarray(at + 1)])
      }
      return damaged
    })
    await using journal = await openOn(disk, { seed })
    const shown = (await readAll(journal)).map(show)
    assert.equal(shown.length, all.length, `seed ${seed}`)
    for (const [i, line] of shown.entries()) if (line !== `${i} !`) assert.equal(line.replace(/\?$/, ''), all[i], `seed ${seed}`)
  }
})
