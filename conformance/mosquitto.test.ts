import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { HubProcess, type TestDevice } from './hub.ts'
import { until, within } from './until.ts'

/** mosquitto's name for a protocol version, and what it says when a publish is refused. */
const versions = ['mqttv311', 'mqttv5'] as const

type Run = { readonly child: ChildProcess; readonly done: Promise<{ readonly code: number; readonly out: string }> }

describe('mosquitto_pub and mosquitto_sub', () => {
  let hub: HubProcess
  let pump: TestDevice
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-mosquitto-'))

  before(async () => {
    hub = await HubProcess.open()
    pump = await hub.addDevice('pump-1')
    await hub.addDevice('pump-2')
    writeFileSync(join(folder, 'cert.pem'), pump.cert)
    writeFileSync(join(folder, 'key.pem'), pump.key)
    writeFileSync(join(folder, 'root.pem'), pump.ca)
  })
  after(async () => {
    await hub[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  function run(command: 'mosquitto_pub' | 'mosquitto_sub', version: string, ...args: readonly string[]): Run {
    const tls = ['--cafile', join(folder, 'root.pem'), '--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')]
    const child = spawn(command, ['-h', 'localhost', '-p', `${hub.ports.mqtt}`, '-V', version, ...tls, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (out += text))
    const done = new Promise<{ code: number; out: string }>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => resolve({ code: code ?? -1, out }))
    })
    return { child, done }
  }

  const pub = async (version: string, ...args: readonly string[]) =>
    within('mosquitto_pub', 15_000, run('mosquitto_pub', version, ...args).done)

  /** A subscriber that is known to be subscribed when this resolves. */
  async function sub(version: string, id: string, ...args: readonly string[]): Promise<Run> {
    const running = run('mosquitto_sub', version, '-i', id, '-W', '20', ...args)
    await until(`${id} is subscribed`, 10_000, async () => {
      const { text } = await hub.api('GET', '/api/v1/connections')
      const { connections }: { connections: readonly { clientId: string; subscriptions: readonly string[] }[] } = JSON.parse(text)
      return connections.some((one) => one.clientId === id && one.subscriptions.length > 0)
    })
    return running
  }

  for (const version of versions) {
    test(`${version}: what is published arrives at subscribers with wildcards, QoS 0 and 1`, async () => {
      const one = await sub(version, `${version}-plus`, '-t', 'devices/pump-1/+/flow', '-q', '1', '-C', '2', '-v')
      const all = await sub(version, `${version}-hash`, '-t', 'devices/pump-1/#', '-q', '1', '-C', '3', '-v')
      for (const [topic, qos] of [
        ['a/flow', '0'],
        ['b/flow', '1'],
        ['b/level', '1'],
      ] as const)
        assert.deepEqual(await pub(version, '-i', `${version}-pub`, '-t', `devices/pump-1/${topic}`, '-q', qos, '-m', `m ${topic}`), {
          code: 0,
          out: '',
        })
      assert.deepEqual((await one.done).out.trim().split('\n'), ['devices/pump-1/a/flow m a/flow', 'devices/pump-1/b/flow m b/flow'])
      assert.equal((await all.done).out.trim().split('\n').length, 3)
    })

    test(`${version}: a retained message waits for later subscribers until it is cleared`, async () => {
      const topic = `devices/pump-1/${version}/state`
      assert.equal((await pub(version, '-i', 'r', '-t', topic, '-q', '1', '-r', '-m', 'open')).code, 0)
      const later = run('mosquitto_sub', version, '-i', 'later', '-t', topic, '-q', '1', '-C', '1', '-W', '10', '-F', '%r %p')
      assert.equal((await later.done).out.trim(), '1 open')
      assert.equal((await pub(version, '-i', 'r', '-t', topic, '-q', '1', '-r', '-n')).code, 0)
      const never = run('mosquitto_sub', version, '-i', 'never', '-t', topic, '-q', '1', '-C', '1', '-W', '2')
      assert.equal((await never.done).code, 27, 'timed out: nothing is retained')
    })

    test(`${version}: the will of a client that vanishes is published`, async () => {
      const topic = `devices/pump-1/${version}/gone`
      const witness = await sub(version, `${version}-witness`, '-t', topic, '-q', '1', '-C', '1')
      const victim = await sub(
        version,
        `${version}-victim`,
        '-t',
        'devices/pump-1/nothing',
        '--will-topic',
        topic,
        '--will-payload',
        'vanished',
        '--will-qos',
        '1',
      )
      victim.child.kill('SIGKILL')
      assert.equal((await witness.done).out.trim(), 'vanished')
    })

    test(`${version}: a publish outside the policy is refused where the version can say so, recorded, and explained`, async () => {
      const from = (await hub.facts()).at(-1)?.offset ?? 0
      const topic = `devices/pump-2/${version}/flow`
      const { code, out } = await pub(version, '-i', `${version}-thief`, '-t', topic, '-q', '1', '-m', 'x')
      if (version === 'mqttv5') assert.match(out, /Not authorized|135/i, 'PUBACK carries reason code 135')
      else assert.deepEqual({ code, out }, { code: 0, out: '' }, '3.1.1 has no way to say no')
      await until('the denial is recorded', 5_000, async () => {
        const facts = await hub.facts(from)
        assert.ok(!facts.some((fact) => fact.kind === 'telemetry' && fact.topic === topic), 'a denied message is not telemetry')
        return facts.some(
          (fact) => fact.kind === 'denied' && fact.device === 'pump-1' && fact.topic === topic && fact['action'] === 'publish',
        )
      })
      const explained = await hub.command('explain', 'pump-1', 'publish', topic, '--json')
      assert.equal(explained.code, 0, explained.stderr)
      const decision: Record<string, unknown> = JSON.parse(explained.stdout)
      assert.equal(decision['allowed'], false)
      assert.match(JSON.stringify(decision['checked']), /own-topics/, 'names the rule that was looked at')
      assert.match(String(decision['change']), /devices\/pump-1\/#/, 'names the smallest change')
    })

    test(`${version}: a subscription outside the policy is refused`, async () => {
      for (const filter of ['#', '+/+/#', 'devices/#', 'devices/pump-2/#', '$SYS/#']) {
        const { code, out } = await within(
          'mosquitto_sub',
          15_000,
          run('mosquitto_sub', version, '-i', 'nosy', '-t', filter, '-q', '1', '-W', '5', '-E').done,
        )
        assert.ok(code !== 0 || /denied|refused|rejected|not authorized/i.test(out), `${filter}: ended with ${code} ${out}`)
      }
    })
  }
})
