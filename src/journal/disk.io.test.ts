import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, stat, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock, systemRandom } from '#base'
import { readAll, say, show } from '../../test/journal-fixture.ts'
import { keyWrap } from '../../test/key-wrap.ts'
import { type Journal, openJournal, systemDisk } from './index.ts'

const writer = fileURLToPath(new URL('../../test/journal-writer.ts', import.meta.url))

/** Runs `work` with a directory on the real disk that is gone afterwards. */
function inDirectory(sentence: string, work: (directory: string) => Promise<void>): void {
  test(sentence, async () => {
    const parent = await mkdtemp(join(tmpdir(), 'thingwall-journal-'))
    try {
      await work(join(parent, 'deep', 'journal'))
    } finally {
      await rm(parent, { recursive: true })
    }
  })
}

function open(directory: string): Promise<Journal> {
  const ports = { disk: systemDisk, clock: systemClock, random: systemRandom, ...keyWrap('vault', systemRandom) }
  const config = { directory, segmentBytes: 256 * 1024, retentionBytes: Infinity, retentionMs: Infinity }
  return openJournal(config, ports, new AbortController().signal)
}

inDirectory('a journal on a real disk comes back, with files of mode 0600 in a directory of mode 0700', async (directory) => {
  const words = Array.from({ length: 3_000 }, (_, i) => `${i} ${'x'.repeat(i % 500)}`)
  {
    await using journal = await open(directory)
    for (let i = 0; i < words.length; i += 100) {
      say(journal, ...words.slice(i, i + 100))
      await journal.flushed()
    }
    assert.ok(journal.state().segments > 2)
  }
  await using journal = await open(directory)
  assert.deepEqual(
    (await readAll(journal)).map(show),
    words.map((word, i) => `${i} ${word}`),
  )
  assert.equal((await stat(directory)).mode & 0o777, 0o700)
  for (const name of await readdir(directory)) assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600)
})

inDirectory('a flush of more buffers than one system call takes is written whole', async (directory) => {
  await systemDisk.makeDirectory(directory)
  const path = join(directory, 'many')
  const file = await systemDisk.create(path)
  const buffers = Array.from({ length: 2_500 }, (_, i) => Buffer.alloc(1 + (i % 7), i % 251))
  await file.write(buffers, 10)
  await file.sync()
  const whole = Buffer.concat(buffers)
  assert.equal(await file.size(), whole.length + 10)
  await file.close()
  const again = await systemDisk.open(path)
  assert.deepEqual(await again.read(10, whole.length + 100), whole)
  await again.close()
  await assert.rejects(systemDisk.create(path), { code: 'EEXIST' })
})

inDirectory('kill -9 at any moment loses no acknowledged record, over many lives of one journal', async (directory) => {
  let expected = 0
  for (let cycle = 0; cycle < 6; cycle++) {
    const child = spawn(process.execPath, ['--conditions=source', writer, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    const gone = new Promise((resolve) => child.once('close', resolve))
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.length > 2_000 + cycle * 1_234) child.kill('SIGKILL')
    })
    await gone
    const acknowledged = Number(said.split('\n').at(-2))
    assert.ok(acknowledged > expected, `${acknowledged} after ${expected}`)
    await using journal = await open(directory)
    assert.ok(journal.end >= acknowledged, `${acknowledged} acknowledged, ${journal.end} there`)
    const { records } = await journal.read(Math.max(0, acknowledged - 5_000), { records: 6_000, bytes: 10_000_000 })
    for (const record of records) assert.equal(show(record), `${record.offset} record ${record.offset}`)
    expected = acknowledged
    assert.equal(journal.state().damage.filter((damage) => !damage.reason.includes('unfinished')).length, 0)
  }
})
