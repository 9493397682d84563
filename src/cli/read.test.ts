import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Scene, openScene } from '../../test/hub-scene.ts'
import { runCommand } from '../../test/run-command.ts'

let scene: Scene
before(async () => void (scene = await openScene()))
after(() => scene.close())

test('lists every page, tab-separated in a pipe', async () => {
  const { code, stdout } = await scene.run('device', 'ls')
  assert.equal(code, 0)
  assert.deepEqual(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t').slice(0, 3)),
    [
      ['pump-1', 'enabled', 'yes'],
      ['pump-2', 'enabled', 'no'],
      ['pump-3', 'enabled', 'no'],
    ],
  )
  const json: unknown = JSON.parse((await scene.run('device', 'list', '--json')).stdout)
  assert.ok(Array.isArray(json) && json.length === 3)
  assert.equal((await scene.run('device', 'ls', '--limit', '1')).stdout.split('\n').length, 2)
})

const reads: readonly (readonly string[])[] = [
  ['device', 'ls'],
  ['device', 'show', 'pump-1'],
  ['device', 'certs', 'pump-1'],
  ['connections'],
  ['explain', 'pump-1', 'publish', 'plant/other/x'],
  ['check'],
  ['hub', 'show'],
  ['audit'],
  ['sign-in'],
  ['trust'],
  ['doctor'],
  ['watch', '--until', 'end'],
]
for (const words of reads)
  test(`"${words.join(' ')}" gives text, and JSON with --json, and obeys no terminal control of a peer`, async () => {
    const text = await scene.run(...words)
    const json = await scene.run(...words, '--json')
    assert.ok(text.stdout.length > 0 && json.stdout.length > 0, text.stderr + json.stderr)
    for (const line of words[0] === 'watch' ? json.stdout.trim().split('\n') : [json.stdout]) assert.doesNotThrow(() => JSON.parse(line))
    const said = text.stdout + text.stderr + json.stdout + json.stderr
    assert.ok(!said.includes('\u001b') && !said.includes('\u0007'))
  })

test('watch reads one kind, and passes offset and device on', async () => {
  const { stdout } = await scene.run('watch', '--json', '--from', '1', '--until', 'end', '--device', 'pump-1', '--kind', 'telemetry')
  assert.equal(JSON.parse(stdout).body, '{"t":1}')
  assert.equal(scene.hub.calls.at(-1)?.query.toString(), 'from=1&until=end&device=pump-1&kind=telemetry')
})

test('watch waits for a hub that went away, and Ctrl-C ends it well', async () => {
  const { code, stdout, stderr } = await runCommand(['--data', scene.hub.directory, 'watch', '--json', '--from', 'start'], {
    async meanwhile(child, soFar) {
      const lines = async (count: number) => {
        while (soFar().split('\n').length <= count) await new Promise((resolve) => child.stdout?.once('data', resolve))
      }
      await lines(2)
      await scene.hub.close()
      const away = new Promise<void>((resolve) => child.stderr?.on('data', (text) => String(text).includes('The hub is back') && resolve()))
      await scene.hub.listen()
      await away
      child.kill('SIGINT')
    },
  })
  assert.equal(code, 0)
  assert.equal(stdout.trim().split('\n').length, 2, 'no fact twice')
  assert.match(stderr, /The hub is away\. Going on after offset 2[\s\S]*The hub is back/)
})

test('a reader that leaves ends the command quietly', async () => {
  const { stderr, code } = await runCommand(['--data', scene.hub.directory, 'device', 'ls'], {
    meanwhile: async (child) => {
      child.stdout?.destroy()
    },
  })
  assert.deepEqual([code, stderr], [0, ''])
})

test('watching ends when nobody reads any more', async () => {
  const { code, stderr } = await runCommand(['--data', scene.hub.directory, 'watch', '--json', '--device', 'chatty'], {
    async meanwhile(child) {
      await new Promise((resolve) => child.stdout?.once('data', resolve))
      child.stdout?.destroy()
    },
  })
  assert.deepEqual([code, stderr], [0, ''])
})

test('NO_COLOR wins over FORCE_COLOR, and colours are the only control characters', async () => {
  const words = ['--data', scene.hub.directory, 'explain', 'pump-1', 'publish', 'own']
  const coloured = await runCommand(words, { environment: { NO_COLOR: '', FORCE_COLOR: '1' } })
  assert.ok(coloured.stdout.includes('\u001b[32m'))
  const bare = await runCommand(words, { environment: { NO_COLOR: '1', FORCE_COLOR: '1' } })
  assert.ok(!bare.stdout.includes('\u001b'))
})

test('the hub is found by THINGWALL_DATA, and --data wins', async () => {
  const environment = { THINGWALL_DATA: scene.hub.directory }
  assert.equal((await runCommand(['device', 'ls'], { environment })).code, 0)
  assert.equal((await runCommand(['device', 'ls', '--data', scene.folder], { environment })).code, 6)
})
