import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemGrant } from '#access'
import { jobDevice, jobDevices, openJobHub } from '../../test/job-writer.ts'

const writer = fileURLToPath(new URL('../../test/job-writer.ts', import.meta.url))
const job = systemGrant('job.write', 'x')
const read = systemGrant('job.read', 'x')

/** Runs the process until it has called so many methods, or has nothing left to call, and kills it. Resolves to whom it called. */
async function runAndKill(directory: string, calls: number): Promise<readonly number[]> {
  const child = spawn(process.execPath, ['--conditions=source', writer, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  const gone = new Promise((resolve) => child.once('close', resolve))
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (said.split('\n').length > calls) child.kill('SIGKILL')
  })
  await gone
  return said.split('\n').filter(Boolean).map(Number)
}

test(
  'a process that is killed again and again amid its jobs changes every twin and calls no method twice',
  { timeout: 60_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'thingwall-jobs-'))
    try {
      {
        const { hub, close } = await openJobHub(directory, 1)
        const devices = Array.from({ length: jobDevices }, (_, n) => ({
          id: jobDevice(n),
          authentication: { type: 'certificateAuthority' as const },
        }))
        assert((await hub.devices.add(systemGrant('device.write', 'x'), devices)).ok)
        const twins = { type: 'scheduleUpdateTwin', patch: { desired: { level: 7 } } } as const
        const methods = { type: 'scheduleDeviceMethod', call: { name: 'reboot' } } as const
        assert((await hub.jobs.create({ job, work: systemGrant('twin.write', 'x') }, { id: 'twins', work: twins, condition: '*' })).ok)
        assert(
          (await hub.jobs.create({ job, work: systemGrant('method.invoke', 'x') }, { id: 'methods', work: methods, condition: '*' })).ok,
        )
        await close()
      }
      const called: number[] = []
      for (const calls of [5, 60, 90]) called.push(...(await runAndKill(directory, calls)))
      assert.equal(new Set(called).size, called.length, 'a method was called twice')
      const { hub, trouble, close } = await openJobHub(directory, 5_000)
      for (const id of ['twins', 'methods']) {
        for (;;) {
          const found = await hub.jobs.find(read, id)
          assert(found.ok)
          if (found.value.status === 'completed') {
            assert.equal(found.value.progress.deviceCount, jobDevices)
            break
          }
          await new Promise<void>((resolve) => void hub.jobs.watch(id, () => resolve()))
        }
      }
      for (let n = 0; n < jobDevices; n++) assert.deepEqual((await hub.twins.get(jobDevice(n)))?.desired.properties, { level: 7 })
      // Who was called either answered, or is said to have an unknown outcome; whoever was not called is offline now.
      const devices = await hub.jobs.devices(read, 'methods', { limit: 1_000 })
      assert(devices.ok)
      for (const [n, { status, error }] of devices.value.devices.entries())
        if (status === 'completed') assert(called.includes(n))
        else assert.equal(error?.code === 'hub/outcome-unknown' || !called.includes(n), true, `${n} ${error?.code}`)
      assert.deepEqual(trouble, [])
      await close()
    } finally {
      await rm(directory, { recursive: true })
    }
  },
)
