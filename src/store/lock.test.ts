import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { lockDirectory } from './index.ts'

const holder = fileURLToPath(new URL('../../test/lock-holder.ts', import.meta.url))
const made: string[] = []
after(() => {
  for (const directory of made) rmSync(directory, { recursive: true })
})

function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'thingwall-lock-'))
  made.push(directory)
  return directory
}

/** Starts a process that asks for the lock; resolves with what it says. */
async function hold(directory: string): Promise<{ child: ChildProcessByStdio<Writable, Readable, null>; says: string }> {
  const child = spawn(process.execPath, ['--conditions=source', holder, directory], { stdio: ['pipe', 'pipe', 'inherit'] })
  const says = await new Promise<string>((resolve) => child.stdout.setEncoding('utf8').once('data', resolve))
  return { child, says: says.trim() }
}

function gone(child: ChildProcessByStdio<Writable, Readable, null>): Promise<unknown> {
  return new Promise((resolve) => child.once('close', resolve))
}

test('a second hub on one directory is refused and told which process has it', async () => {
  const directory = makeDirectory()
  const { child, says } = await hold(directory)
  assert.equal(says, 'held')
  const refused = lockDirectory(directory)
  assert.equal(refused.ok ? '' : refused.error.code, 'store/in-use')
  assert.match(refused.ok ? '' : refused.error.message, new RegExp(`process ${child.pid}\\b`))
  const third = await hold(directory)
  assert.match(third.says, new RegExp(`process ${child.pid}\\b`))
  third.child.kill()
  child.stdin.end()
  await gone(child)
  using lock = taken(directory)
  assert.ok(lock)
})

test('kill -9 leaves nothing to clean up', async () => {
  const directory = makeDirectory()
  const { child } = await hold(directory)
  child.kill('SIGKILL')
  await gone(child)
  assert.ok(readdirSync(directory).includes('hub.pid'), 'the dead process could not tidy')
  using lock = taken(directory)
  assert.ok(lock)
})

test('a living process that has the number of the dead owner by chance is no owner', () => {
  const directory = makeDirectory()
  writeFileSync(join(directory, 'hub.pid'), `${process.ppid}\n`)
  using lock = taken(directory)
  assert.ok(lock)
})

test('one process cannot take it twice, a released one is free, and the files are ours alone', () => {
  const directory = makeDirectory()
  {
    using lock = taken(directory)
    assert.ok(lock)
    assert.equal(lockDirectory(directory).ok, false)
    assert.equal(lockDirectory(directory).ok, false, 'asking does not release it')
    for (const name of readdirSync(directory)) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name)
  }
  assert.equal(taken(directory) === undefined, false)
})

test('a directory that cannot be written is a fault, not a refusal', () => {
  assert.throws(() => lockDirectory('/proc/nowhere'), { code: 'store/disk' })
})

function taken(directory: string): Disposable | undefined {
  const lock = lockDirectory(directory)
  return lock.ok ? lock.value : undefined
}
