import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemGrant } from '#access'
import { identity } from '../../test/device-rows.ts'
import { openHubIn, writtenDevices } from '../../test/twin-writer.ts'

const writer = fileURLToPath(new URL('../../test/twin-writer.ts', import.meta.url))

test('a process that is killed in a burst of reports leaves every one that it answered, cycle after cycle', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'thingwall-twins-'))
  try {
    {
      const { hub, close } = await openHubIn(directory)
      const devices = Array.from({ length: writtenDevices }, (_, n) => ({
        id: identity(`d${n}`),
        authentication: { type: 'certificateAuthority' as const },
      }))
      assert.ok((await hub.devices.add(systemGrant('device.write', 'devices'), devices)).ok)
      await close()
    }
    for (let cycle = 0; cycle < 3; cycle++) {
      const child = spawn(process.execPath, ['--conditions=source', writer, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      const gone = new Promise((resolve) => child.once('close', resolve))
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text
        // Past a second or so rows are being written as well.
        if (said.length > 20_000 + cycle * 70_000) child.kill('SIGKILL')
      })
      await gone
      const answered = new Map(
        said
          .split('\n')
          .slice(0, -1)
          .map((line) => [line.split(' ', 1)[0] ?? '', line.split(' ').map(Number)] as const),
      )
      assert.ok(answered.size > writtenDevices / 2)
      const { hub, trouble, close } = await openHubIn(directory)
      for (const [n, [, count = 0, version = 0]] of answered) {
        const twin = await hub.twins.get(identity(`d${n}`))
        const is = Number(twin?.reported.properties['count'])
        // A device has one report under way, and the next only when its answer is in the pipe.
        assert.ok(is >= count && is <= count + 1, `device ${n}: ${count} answered, ${is} there`)
        assert.equal(twin?.reported.version, version + (is - count))
        assert.equal(twin?.reported.properties[`k${is % 5}`], is)
      }
      assert.deepEqual(trouble, [])
      await close()
    }
  } finally {
    await rm(directory, { recursive: true })
  }
})
