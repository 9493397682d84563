import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { HubProcess, type TestDevice } from './hub.ts'
import { Publishers } from './publishers.ts'
import { until } from './until.ts'

const diskBytes = 48 * 1024 * 1024

/** A disk of its own, small enough to fill, in memory. Undefined where we may not mount. */
function smallDisk(): (Disposable & { readonly directory: string }) | undefined {
  const mounted = mkdtempSync(join(tmpdir(), 'thingwall-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', mounted], { stdio: 'ignore' })
  } catch {
    rmSync(mounted, { recursive: true })
    return undefined
  }
  const directory = join(mounted, 'data')
  mkdirSync(directory, { mode: 0o700 })
  return {
    directory,
    [Symbol.dispose]: () => {
      execFileSync('umount', ['-l', mounted])
      rmSync(mounted, { recursive: true, force: true })
    },
  }
}

/** Takes the last free byte. */
function fillUp(file: string): void {
  const handle = openSync(file, 'w')
  try {
    for (const size of [64 * 1024, 4 * 1024, 1]) writeUntilFull(handle, Buffer.alloc(size))
  } finally {
    closeSync(handle)
  }
}

function writeUntilFull(handle: number, chunk: Buffer): void {
  for (;;) {
    try {
      writeSync(handle, chunk)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return
      throw error
    }
  }
}

test(
  'a full disk: no acknowledgement, a clear state, and recovery without a restart when space returns',
  { timeout: 180_000 },
  async (t) => {
    using disk = smallDisk()
    if (disk === undefined) return t.skip('a small disk can be mounted by root only')
    await using hub = await HubProcess.open({ directory: disk.directory })
    const devices: TestDevice[] = []
    for (let i = 1; i <= 4; i++) devices.push(await hub.addDevice(`writer-${i}`))
    const ballast = join(disk.directory, '..', 'ballast')
    writeFileSync(ballast, Buffer.alloc(Math.max(0, hub.freeBytes() - 12 * 1024 * 1024)))

    const publishers = await Publishers.open(hub, devices, 'full', 8 * 1024)
    await until('the hub says that the disk is full', 60_000, async () => (await hub.api('GET', '/healthz')).status === 503)
    const health = await hub.api('GET', '/healthz')
    assert.match(health.text, /disk|full|space/i, 'the reason is said')
    await pause(500)
    const acknowledged = publishers.acknowledged.length
    assert.ok(acknowledged > 0)
    await pause(2_000)
    assert.equal(publishers.acknowledged.length, acknowledged, 'nothing is acknowledged while the disk is full')
    assert.ok(publishers.inFlight > 0, 'and clients are waiting')
    const { text: metrics } = await hub.api('GET', '/metrics')
    assert.match(metrics, /^thingwall_journal_state\{state="full"\} 1$/m, 'metrics say so too')
    assert.match(metrics, /^thingwall_healthy 0$/m)

    const rest = join(disk.directory, '..', 'rest')
    fillUp(rest)
    const late = await hub.api('POST', '/api/v1/devices', { id: 'late' })
    assert.ok(late.status >= 500, `a change that cannot be stored is refused, not ${late.status}`)
    assert.match(late.text, /"code"/, 'with a code')

    unlinkSync(rest)
    unlinkSync(ballast)
    await until('the hub is well again', 60_000, async () => (await hub.api('GET', '/healthz')).status === 200)
    assert.equal((await hub.api('POST', '/api/v1/devices', { id: 'late' })).status, 201, 'changes are taken again')
    await until('acknowledgements go on', 30_000, () => publishers.acknowledged.length > acknowledged)
    publishers.pause()
    await until('everything in flight is acknowledged', 30_000, () => publishers.inFlight === 0)
    publishers.end()

    await hub.stop()
    await hub.start()
    assert.deepEqual(publishers.missingFrom(await hub.watched('start')), [])
  },
)
