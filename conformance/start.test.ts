import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { HubProcess, type TestDevice } from './hub.ts'
import { RawClient, connectPacket } from './raw-client.ts'
import { within } from './until.ts'

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

describe('starting and stopping a hub', () => {
  let hub: HubProcess
  let device: TestDevice
  const secret = 'a body that nobody may read from the disk: 7d1f0b'

  before(async () => {
    hub = await HubProcess.open()
    device = await hub.addDevice('pump-1')
  })
  after(() => hub[Symbol.asyncDispose]())

  const ports = (): readonly string[] => ['--mqtt-port', '0', '--https-port', '0', '--amqp-port', '0', '--console-port', '0']

  /** What a start says that is expected to end by itself. */
  function start(...args: readonly string[]): Promise<{ readonly code: number | null; readonly stderr: string }> {
    const child = spawn(process.execPath, [main, 'start', ...args], { env: hub.environment, stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
    const ended = new Promise<{ code: number | null; stderr: string }>((resolve) => child.on('close', (code) => resolve({ code, stderr })))
    return within('the start that cannot succeed ends', 20_000, ended).finally(() => child.kill('SIGKILL'))
  }

  test('a second hub on the same directory is refused and told who has it; the first one does not notice', async () => {
    const { code, stderr } = await start('--data', hub.directory, '--key-file', hub.keyFile, ...ports())
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`\\b${hub.pid}\\b`))
    assert.match(stderr, /store\/in-use/)
    assert.match(stderr, /fix: |--data/)
    assert.equal((await hub.api('GET', '/healthz')).status, 200)
    assert.equal(JSON.parse(readFileSync(join(hub.directory, 'hub.json'), 'utf8')).pid, hub.pid)
  })

  test('a port that is taken is named, with the option that chooses another', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const taken = typeof address === 'object' && address !== null ? address.port : 0
    for (const option of ['--mqtt-port', '--https-port', '--amqp-port', '--console-port']) {
      const { code, stderr } = await start(
        '--data',
        `${hub.directory}-${option}`,
        '--key-file',
        `${hub.keyFile}${option}`,
        ...ports(),
        option,
        `${taken}`,
      )
      assert.equal(code, 1, option)
      assert.match(stderr, new RegExp(`${taken}`), option)
      assert.match(stderr, new RegExp(option), `${option}: ${stderr}`)
      assert.doesNotMatch(stderr, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace')
    }
    server.close()
  })

  test('a setting that cannot be is refused by name, with exit code 2', async () => {
    for (const args of [['--mqtt-port', '70000'], ['--host', 'nowhere'], ['--retention-days', '-1'], ['--nonsense']]) {
      const { code, stderr } = await start('--data', `${hub.directory}-never`, ...args)
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`)
      assert.match(stderr, new RegExp(args[0] ?? ''))
    }
  })

  test('what lies on disk is for the owner alone, and cannot be read without the key', async () => {
    using client = await RawClient.open(hub, 'mqtts', { cert: device.cert, key: device.key })
    client.send(connectPacket('writer'))
    assert.equal((await client.next())?.cmd, 'connack')
    client.send({ cmd: 'publish', topic: 'devices/pump-1/note', payload: secret, qos: 1, messageId: 1, dup: false, retain: true })
    assert.equal((await client.next())?.cmd, 'puback')
    let bytes = 0
    for (const entry of readdirSync(hub.directory, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.name !== 'root.pem') assert.equal(statSync(path).mode & 0o077, 0, path)
      if (!entry.isFile()) continue
      const content = readFileSync(path)
      bytes += content.length
      assert.ok(!content.includes(secret), `${path} holds a body`)
      assert.ok(!content.includes('PRIVATE KEY'), `${path} holds a key`)
    }
    assert.ok(bytes > 50_000)
    assert.equal(statSync(hub.keyFile).mode & 0o777, 0o600)
  })

  test('a stop tells MQTT 5 clients, ends at once with exit code 0, and the next start is the same hub', async () => {
    const rootPem = hub.rootPem
    using client = await RawClient.open(hub, 'mqtts', { cert: device.cert, key: device.key }, 5)
    client.send(connectPacket('stays', { protocolVersion: 5 }))
    assert.equal((await client.next())?.cmd, 'connack')
    const started = performance.now()
    assert.equal(await hub.stop(), 0)
    assert.ok(performance.now() - started < 5_000)
    const last = await client.next()
    assert.equal(last?.cmd === 'disconnect' ? last.reasonCode : last?.cmd, 0x8b, 'server shutting down')
    await hub.start()
    assert.equal(hub.rootPem, rootPem)
    using again = await RawClient.open(hub, 'mqtts', { cert: device.cert, key: device.key })
    again.send(connectPacket('again'))
    assert.equal((await again.next())?.cmd, 'connack')
    again.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'devices/pump-1/note', qos: 1 }] })
    assert.equal((await again.next())?.cmd, 'suback')
    const retained = await again.next()
    assert.equal(retained?.cmd === 'publish' ? String(retained.payload) : retained?.cmd, secret, 'the retained message is still there')
  })

  test('without its key a hub does not start, makes no other key, and starts again when it is back', async () => {
    await hub.stop()
    const away = `${hub.keyFile}.away`
    renameSync(hub.keyFile, away)
    const missing = await start('--data', hub.directory, '--key-file', hub.keyFile, ...ports())
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /vault\/key-missing/)
    assert.throws(() => statSync(hub.keyFile), 'no new key was made over data that it cannot open')

    writeFileSync(hub.keyFile, readFileSync(away), { mode: 0o644 })
    const exposed = await start('--data', hub.directory, '--key-file', hub.keyFile, ...ports())
    assert.equal(exposed.code, 1)
    assert.match(exposed.stderr, /vault\/key-exposed/)
    assert.match(exposed.stderr, /chmod 600/)

    rmSync(hub.keyFile)
    const stranger = await HubProcess.open()
    writeFileSync(hub.keyFile, readFileSync(stranger.keyFile), { mode: 0o600 })
    await stranger[Symbol.asyncDispose]()
    const foreign = await start('--data', hub.directory, '--key-file', hub.keyFile, ...ports())
    assert.equal(foreign.code, 1)
    assert.match(foreign.stderr, /(store|vault|journal)\/(wrong-key|other-key)/)

    rmSync(hub.keyFile)
    renameSync(away, hub.keyFile)
    await hub.start()
    assert.equal((await hub.api('GET', '/api/v1/devices/pump-1')).status, 200)
  })

  test('of two starts at the same moment on one new directory, one becomes the hub', async () => {
    const directory = `${hub.directory}-race`
    const race = Array.from({ length: 2 }, () => {
      const child = spawn(process.execPath, [main, 'start', '--data', directory, '--key-file', `${hub.keyFile}.race`, ...ports()], {
        env: hub.environment,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let said = ''
      const ended = new Promise<string>((resolve) => child.on('close', (code) => resolve(`ended ${code}: ${said}`)))
      const up = new Promise<string>((resolve) => {
        for (const stream of [child.stdout, child.stderr])
          stream.setEncoding('utf8').on('data', (text) => {
            said += text
            if (said.includes('Thingwall is up')) resolve('up')
          })
      })
      return { child, ended, outcome: Promise.race([up, ended]) }
    })
    const outcomes = await within('both starts have an outcome', 30_000, Promise.all(race.map((one) => one.outcome)))
    for (const { child } of race) child.kill()
    await Promise.all(race.map((one) => one.ended))
    assert.equal(outcomes.filter((outcome) => outcome === 'up').length, 1, outcomes.join('\n'))
    assert.match(outcomes.find((outcome) => outcome !== 'up') ?? '', /ended 1: [\s\S]*store\/in-use/)
  })
})
