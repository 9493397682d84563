import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { mayWrite } from '../../test/routing-scene.ts'
import { openRoutesIn } from '../../test/routes-writer.ts'
import { eventSources } from './event.ts'

const writer = fileURLToPath(new URL('../../test/routes-writer.ts', import.meta.url))

test('a process that is killed while it delivers has delivered every message that was durable, in order for each device', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'thingwall-routes-'))
  try {
    {
      const { egress, close } = await openRoutesIn(directory)
      const settings = { rotateBytes: 16_384 }
      assert.ok((await egress.addEndpoint(mayWrite, { name: 'lake', kind: 'file', settings, sources: eventSources, condition: '' })).ok)
      const route = { name: 'all', source: 'DeviceMessages', condition: '', endpoint: 'lake', isEnabled: true } as const
      assert.ok((await egress.admin.addRoute(mayWrite, route)).ok)
      await close()
    }
    let durable = 0
    for (let cycle = 0; cycle < 3; cycle++) {
      const args = ['--conditions=source', writer, directory, String(durable)]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const gone = new Promise((resolve) => child.once('close', resolve))
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (said.split('\n').length > 40 + cycle * 30) child.kill('SIGKILL')
      })
      await gone
      durable = Number(said.trimEnd().split('\n').at(-1))
      assert.ok(durable > 0)
    }
    const { egress, journal, trouble, close } = await openRoutesIn(directory)
    const isBehind = () => (egress.states()[0]?.state.cursor ?? 0) < journal.durableEnd
    for (let i = 0; i < 500 && isBehind(); i++) await pause(20)
    assert.ok(!isBehind())
    await close()
    assert.deepEqual(trouble, [])
    const seen = new Map<string, Set<number>>()
    const names = await readdir(join(directory, 'routes', 'lake'))
    const offsets: { readonly offset: number; readonly device: string }[] = []
    for (const name of names) {
      const lines = (await readFile(join(directory, 'routes', 'lake', name), 'utf8')).trimEnd().split('\n')
      for (const { offset, device, body } of lines.map((line) => JSON.parse(line))) {
        const numbers = seen.get(device) ?? new Set()
        seen.set(device, numbers)
        numbers.add(JSON.parse(body).n)
        offsets.push({ offset, device })
      }
    }
    // A number may be used twice: what was durable and not yet told is written again by the next process under another offset.
    const all = [...seen.values()].reduce((every, numbers) => every.union(numbers), new Set<number>())
    for (let n = 0; n < durable; n++) assert.ok(all.has(n), `message ${n} of ${durable} is missing`)
    assert.ok(new Set(offsets.map(({ offset }) => offset)).size >= durable)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
