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
    const numbers = new Set<number>()
    const offsets = new Set<number>()
    const latest = new Map<string, number>()
    for (const { offset, device, body } of await linesOf(join(directory, 'routes', 'lake'))) {
      numbers.add(JSON.parse(body).n)
      // Delivered again is behind what it was; what comes for the first time is ahead of all before it of its device.
      assert.ok(offsets.has(offset) || offset > (latest.get(device) ?? -1), `${offset} of ${device} came after ${latest.get(device)}`)
      if (!offsets.has(offset)) latest.set(device, offset)
      offsets.add(offset)
    }
    // A number may be used twice: what was durable and not yet told is written again by the next process under another offset.
    for (let n = 0; n < durable; n++) assert.ok(numbers.has(n), `message ${n} of ${durable} is missing`)
    assert.ok(offsets.size >= durable)
    assert.equal(latest.size, 4)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

type Line = { readonly offset: number; readonly device: string; readonly body: string }

/** What a folder of the file endpoint holds, in the order in which its files were begun. */
async function linesOf(folder: string): Promise<readonly Line[]> {
  const places = (await readdir(folder)).map((name) => {
    const [, first = NaN, last = NaN] = (/_([0-9]+)-([0-9]+)\.jsonl$/.exec(name) ?? []).map(Number)
    return { name, first, last }
  })
  assert.ok(places.every(({ first, last }) => first <= last))
  const texts = places.toSorted((a, b) => a.first - b.first || a.last - b.last).map(({ name }) => readFile(join(folder, name), 'utf8'))
  return (await Promise.all(texts)).flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line))
}
