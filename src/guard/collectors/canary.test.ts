import assert from 'node:assert/strict'
import { createCipheriv, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock, systemRandom } from '#base'
import { judgeControl } from '../fixtures/judge.ts'
import { collectCanary, searchFiles, searchFinds } from './canary.io.ts'
import { needlesOf } from './needle.ts'

const signal = new AbortController().signal

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'thingwall-test-'))
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const judge = async (directory: string, write: (canary: string) => Promise<void>) => {
  const canary = randomBytes(16).toString('hex')
  const port = {
    dataDirectory: directory,
    write: async () => {
      await write(canary)
      return canary
    },
  }
  return judgeControl('TW-DAR-01', [await collectCanary(port, systemClock.now(), systemRandom, signal)])
}

test('an encrypted file does not show the canary and passes TW-DAR-01', () =>
  inDirectory(async (directory) => {
    const said = await judge(directory, async (canary) => {
      const cipher = createCipheriv('aes-256-gcm', randomBytes(32), randomBytes(12))
      await writeFile(join(directory, 'hub.db'), Buffer.concat([cipher.update(`row ${canary} row`), cipher.final()]))
    })
    assert.equal(said.verdict, 'pass', said.reason)
  }))

for (const [encoding, write] of [
  ['utf-8', (canary: string) => canary],
  ['utf-16', (canary: string) => Buffer.from(canary, 'utf16le')],
  ['hex', (canary: string) => Buffer.from(canary).toString('hex')],
  ['base64', (canary: string) => Buffer.from(`{"tag":"${canary}"}`).toString('base64')],
  ['base64', (canary: string) => Buffer.from(canary).toString('base64')],
  ['base64', (canary: string) => Buffer.from(`x${canary}y`).toString('base64')],
] as const)
  test(`break-it: a store without encryption shows the canary as ${encoding} and fails TW-DAR-01`, () =>
    inDirectory(async (directory) => {
      await mkdir(join(directory, 'journal'))
      const said = await judge(directory, async (canary) => {
        const bytes = Buffer.concat([Buffer.alloc(1024 * 1024 - 11, 0x20), Buffer.from(write(canary)), Buffer.alloc(9)])
        await writeFile(join(directory, 'journal', '0001.seg'), bytes)
      })
      assert.equal(said.verdict, 'fail')
      assert.match(said.reason, new RegExp(`journal/0001\\.seg \\(${encoding}\\)`))
    }))

test('a text is found at every place around a cut between two reads', () =>
  inDirectory(async (directory) => {
    const text = 'abcdefghijklmnop'
    for (let shift = -18; shift <= 2; shift++) {
      const before = Buffer.alloc(1024 * 1024 + shift, 0x2e)
      await writeFile(join(directory, 'file'), Buffer.concat([before, Buffer.from(text), Buffer.alloc(3)]))
      const { found } = await searchFiles(directory, needlesOf(text), { bytes: 1e9, files: 10, since: 0 }, signal)
      assert.equal(found.length, 1, `shift ${shift}`)
    }
  }))

test('files that changed since the canary was written must be searched whole: else unknown, never a pass', () =>
  inDirectory(async (directory) => {
    await writeFile(join(directory, 'new'), Buffer.alloc(3 * 1024 * 1024))
    await writeFile(join(directory, 'old'), Buffer.alloc(3 * 1024 * 1024))
    await utimes(join(directory, 'old'), 1, 1)
    const search = (bytes: number, files: number, since: number) =>
      searchFiles(directory, needlesOf('0123456789abcdef'), { bytes, files, since }, signal)
    assert.equal((await search(1024 * 1024, 10, 1_000_000)).complete, false)
    assert.equal((await search(1e9, 1, 1_000_000)).complete, true, 'the old file cannot hold it')
    assert.equal((await search(1e9, 1, 0)).complete, false)
    const partial = await search(1024 * 1024, 10, 1_000_000)
    assert.equal(
      judgeControl('TW-DAR-01', [{ method: 'canary', subject: { kind: 'hub', id: 'hub' }, observed: partial }]).verdict,
      'unknown',
    )
    const stopped = await searchFiles(directory, needlesOf('0123456789abcdef'), { bytes: 1e9, files: 10, since: 0 }, AbortSignal.abort())
    assert.equal(stopped.complete, false)
  }))

test('links are not followed out of the data directory', () =>
  inDirectory(async (directory) => {
    await mkdir(join(directory, 'elsewhere'))
    await mkdir(join(directory, 'data'))
    await writeFile(join(directory, 'elsewhere', 'secret'), '0123456789abcdef')
    await symlink(join(directory, 'elsewhere', 'secret'), join(directory, 'data', 'link'))
    await symlink(join(directory, 'elsewhere'), join(directory, 'data', 'folder'))
    const { found, files } = await searchFiles(
      join(directory, 'data'),
      needlesOf('0123456789abcdef'),
      { bytes: 1e9, files: 10, since: 0 },
      signal,
    )
    assert.deepEqual([found, files], [[], 0])
  }))

test('the search finds what was planted [guard 0.2-6]; a canary that is too short, or nowhere to look, is unknown', () =>
  inDirectory(async (directory) => {
    assert.equal(await searchFinds(systemRandom, signal), true)
    assert.equal(await searchFinds(systemRandom, AbortSignal.abort()), false)
    const port = (canary: string) => ({ dataDirectory: directory, write: async () => canary })
    for (const canary of ['short', '0123456789abcdef']) {
      const said = judgeControl('TW-DAR-01', [await collectCanary(port(canary), systemClock.now(), systemRandom, signal)])
      assert.equal(said.verdict, 'unknown')
      assert.match(said.reason, /probe-broken/)
    }
  }))
