import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import avro from 'avsc'
import { parquetReadObjects } from 'hyparquet'
import { type RoutedEvent } from '#egress'
import { FakeClock } from '../../../test/fake-clock.ts'
import { systemFiles } from './file.io.ts'
import { type FileOps, FileSink } from './file-sink.ts'
import { type FileFormat, parseFile } from './file.ts'

const clock = new FakeClock()
const event = (offset: number, body = `{"n":${offset}}`): RoutedEvent => ({
  offset,
  time: clock.now(),
  source: 'DeviceMessages',
  device: 'pump-1',
  module: undefined,
  system: { 'content-type': 'application/json' },
  properties: { level: 'hot', empty: null },
  body: Buffer.from(body),
})

async function folder(): Promise<{ readonly path: string; names(): Promise<readonly string[]> } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'thingwall-files-'))
  return {
    path,
    names: async () => (await readdir(path)).toSorted(),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

const settings = (format: FileFormat, rotateBytes = 1_024) => ({ format, rotateBytes, rotateMs: 60_000 })

async function rowsOf(path: string, format: FileFormat): Promise<readonly { readonly offset: number; readonly body: string }[]> {
  const bytes = await readFile(path)
  if (format === 'json-lines')
    return bytes
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ offset, body }) => ({ offset, body: JSON.stringify(body) }))
  if (format === 'parquet') {
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)
    const rows = await parquetReadObjects({ file, utf8: false })
    return rows.map((row) => ({ offset: Number(row['offset']), body: Buffer.from(row['body']).toString() }))
  }
  const rows: { offset: number; body: string }[] = []
  const stream = new PassThrough()
  stream.end(bytes)
  for await (const row of stream.pipe(new avro.streams.BlockDecoder())) rows.push({ offset: row.offset, body: row.body.toString() })
  return rows
}

for (const format of ['json-lines', 'avro', 'parquet'] as const) {
  test(`files of ${format} are made whole, named by endpoint, time and offsets, and hold every event in order`, async () => {
    await using place = await folder()
    {
      await using sink = new FileSink('lake', settings(format), place.path, systemFiles, clock)
      await sink.open()
      for (let at = 0; at < 60; at += 10)
        assert.deepEqual(await sink.deliver(Array.from({ length: 10 }, (_, i) => event(at + i))), { kind: 'ok' })
    }
    const names = (await place.names()).filter((name) => !name.endsWith('.part'))
    assert.ok(names.length >= 2)
    for (const name of names) assert.match(name, /^lake_20260101T000000Z_\d+-\d+\.(jsonl|avro|parquet)$/)
    const rows = (await Promise.all(names.map((name) => rowsOf(join(place.path, name), format))))
      .flat()
      .toSorted((a, b) => a.offset - b.offset)
    assert.deepEqual(
      rows,
      rows.map((_, i) => ({ offset: i, body: `{"n":${i}}` })),
    )
    assert.ok(rows.length >= 20)
  })
}

test('a file that is old enough is finished without another event', async () => {
  await using place = await folder()
  const time = new FakeClock()
  await using sink = new FileSink('lake', { ...settings('json-lines'), rotateBytes: 1_000_000 }, place.path, systemFiles, time)
  await sink.open()
  await sink.deliver([event(1)])
  time.advance(59_000)
  await sink.deliver([event(2)])
  assert.deepEqual(await place.names(), ['current.jsonl.part'])
  time.advance(11_000)
  for (let i = 0; i < 200 && (await place.names())[0]?.startsWith('current') === true; i++)
    await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(await place.names(), ['lake_20260101T000000Z_1-2.jsonl'])
})

test('what a crash left behind the last whole line is cut off, and nothing before it', async () => {
  await using place = await folder()
  const open = async () => {
    const sink = new FileSink('lake', settings('json-lines'), place.path, systemFiles, clock)
    await sink.open()
    return sink
  }
  {
    await using sink = await open()
    await sink.deliver([event(1)])
  }
  await appendFile(join(place.path, 'current.jsonl.part'), '{"offset":2,"time":"2026-01-0')
  {
    await using sink = await open()
    await sink.deliver([event(2)])
  }
  const rows = await rowsOf(join(place.path, 'current.jsonl.part'), 'json-lines')
  assert.deepEqual(
    rows.map(({ offset }) => offset),
    [1, 2],
  )
})

/** The disk, whose nth operation fails, half done where it writes; and every one after it: the plug was pulled. */
function failing(nth: number): { readonly ops: FileOps; failed: boolean } {
  const state = { left: nth, failed: false }
  const step = async <T>(work: () => Promise<T>, half: () => Promise<unknown> = async () => undefined): Promise<T> => {
    if (--state.left > 0) return await work()
    if (state.left === 0) await half()
    state.failed = true
    throw Object.assign(new Error('EIO'), { code: 'EIO' })
  }
  const ops: FileOps = {
    makeDirectory: (path) => step(() => systemFiles.makeDirectory(path)),
    async grow(path) {
      const file = await step(() => systemFiles.grow(path))
      return {
        bytes: file.bytes,
        append: (bytes) =>
          step(
            () => file.append(bytes),
            () => file.append(bytes.subarray(0, bytes.length >> 1)),
          ),
        truncate: (bytes) => step(() => file.truncate(bytes)),
        close: () => file.close(),
      }
    },
    read: (path) => step(() => systemFiles.read(path)),
    write: (path, bytes) =>
      step(
        () => systemFiles.write(path, bytes),
        () => systemFiles.write(`${path}.draft`, bytes.subarray(0, bytes.length >> 1)),
      ),
    rename: (from, to) => step(() => systemFiles.rename(from, to)),
    remove: (path) => step(() => systemFiles.remove(path)),
  }
  return {
    ops,
    get failed() {
      return state.failed
    },
  }
}

for (const format of ['json-lines', 'avro'] as const) {
  test(`a disk that dies at any operation costs no event of ${format} that was delivered, and no file is half`, async () => {
    for (let nth = 1; nth < 80; nth++) {
      await using place = await folder()
      const disk = failing(nth)
      const delivered: number[] = []
      const first = new FileSink('lake', settings(format), place.path, disk.ops, clock)
      try {
        await first.open()
        for (let at = 0; at < 30; at += 5) {
          const batch = Array.from({ length: 5 }, (_, i) => event(at + i))
          await first.deliver(batch)
          delivered.push(...batch.map(({ offset }) => offset))
        }
      } catch {
        // The hub dies here; what was not delivered comes again.
      }
      await first[Symbol.asyncDispose]()
      {
        await using second = new FileSink('lake', settings(format), place.path, systemFiles, clock)
        await second.open()
        for (let at = delivered.length; at < 35; at += 5) await second.deliver(Array.from({ length: 5 }, (_, i) => event(at + i)))
      }
      const seen = new Set<number>()
      for (const name of await place.names()) {
        if (name.endsWith('.draft')) continue
        const isPart = name.endsWith('.part')
        for (const { offset } of await rowsOf(join(place.path, name), isPart ? 'json-lines' : format)) seen.add(offset)
      }
      assert.deepEqual(
        [...seen].toSorted((a, b) => a - b),
        Array.from({ length: 35 }, (_, i) => i),
        `operation ${nth}`,
      )
      if (!disk.failed) return
    }
    assert.fail('the run never came to its end')
  })
}

test('settings are read strictly', () => {
  assert.equal(parseFile({}).ok, true)
  for (const bad of [{ format: 'csv' }, { rotateBytes: 1 }, { rotateSeconds: 0 }, { path: '/etc' }, null, []]) {
    const parsed = parseFile(bad)
    assert.equal(!parsed.ok && parsed.error.code, 'egress/endpoint-malformed', JSON.stringify(bad))
  }
})
