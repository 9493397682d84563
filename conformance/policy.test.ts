import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type IClientOptions, type MqttClient, connectAsync } from 'mqtt'
import { HubProcess, type TestDevice } from './hub.ts'
import { until, within } from './until.ts'

const damage = fileURLToPath(new URL('../test/policy-damage.ts', import.meta.url))

/** A document of ours with these rules, and tests beside them. */
const document = (rules: readonly string[], tests: readonly string[] = [], name = 'site-rules') => `apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthorization
metadata: {name: ${name}}
spec:
  authorizationPolicies:
    rules:
${rules.map((rule) => `      - ${rule}`).join('\n')}
tests: [${tests.join(', ')}]
`
const rule = (name: string, device: string, method: string, topic: string) =>
  `{name: ${name}, principals: {attributes: [{thingwall.device: ${device}}]}, brokerResources: [{method: ${method}, topics: ["${topic}"]}]}`
const mayWrite = rule('write', 'dev-a', 'Publish', 'plant/a/#')
const mayRead = rule('read', 'dev-b', 'Subscribe', 'plant/#')
const bReads = '{name: b reads, as: {device: dev-b}, allow: subscribe, topic: "plant/#"}'
const wide = document([mayWrite, mayRead], [bReads])
const narrow = document([mayWrite])

describe('policies of a running hub, by the command line', () => {
  let hub: HubProcess
  const devices = new Map<string, TestDevice>()
  const clients: MqttClient[] = []
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-policy-'))

  before(async () => {
    hub = await HubProcess.open()
    for (const name of ['dev-a', 'dev-b', 'dev-c']) devices.set(name, await hub.addDevice(name))
  })
  after(async () => {
    for (const client of clients) client.end(true)
    await hub[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  function file(name: string, text: string): string {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }

  async function connect(name: string, options: IClientOptions = {}): Promise<MqttClient> {
    const { cert, key, ca } = devices.get(name) ?? assert.fail(name)
    const tls = { cert, key, ca, host: hub.host, port: hub.ports.mqtt, servername: 'localhost' }
    const client = await connectAsync({ protocol: 'mqtts', ...tls, protocolVersion: 5, reconnectPeriod: 0, clientId: name, ...options })
    clients.push(client)
    return client
  }

  const stored: IClientOptions = { clean: false, properties: { sessionExpiryInterval: 3_600 } }
  const ended = (client: MqttClient) =>
    within(
      'the hub ends it',
      10_000,
      new Promise<number | undefined>((resolve) => client.once('disconnect', (packet) => resolve(packet.reasonCode))),
    )

  async function explain(...words: readonly string[]) {
    const { code, stdout, stderr } = await hub.command('explain', ...words, '--json')
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout)
  }

  test('a file is tested, planned and applied; what it allows flows', { timeout: 60_000 }, async () => {
    const path = file('wide.yaml', wide)
    const tested = await hub.command('policy', 'test', path)
    assert.equal(tested.code, 0, tested.stderr)
    const b = await connect('dev-b', stored)
    const planned = await hub.command('policy', 'plan', path)
    assert.equal(planned.code, 0, planned.stderr)
    assert.match(planned.stdout, /site-rules {2}added[\s\S]*1 session judged: 0 may not connect any more, 0 lose rights, 1 gain rights/)
    const asked = await hub.command('policy', 'apply', path)
    assert.equal(asked.code, 2, 'nobody was asked and nobody said --yes')
    assert.match(asked.stderr, /there is no terminal to ask on/)
    const applied = await hub.command('policy', 'apply', path, '--yes')
    assert.equal(applied.code, 0, applied.stderr)
    assert.match(applied.stdout, /^policy version 1 is in force: closed 0 sessions, .* in \d+ ms\n$/)
    const heard = new Promise<string>((resolve) => b.once('message', (topic, body) => resolve(`${topic} ${body.toString()}`)))
    await b.subscribeAsync('plant/#', { qos: 1 })
    const a = await connect('dev-a')
    await a.publishAsync('plant/a/t', '21', { qos: 1 })
    assert.equal(await within('the message', 10_000, heard), 'plant/a/t 21')
    const again = await hub.command('policy', 'apply', path, '--yes')
    assert.deepEqual([again.code, again.stdout], [0, ''])
  })

  test(
    'a change meets who is there: the reader is closed [0x98], what was stored for it is gone, others stay',
    { timeout: 60_000 },
    async () => {
      const b = clients[0] ?? assert.fail('connected above')
      const [a, c] = [await connect('dev-a'), await connect('dev-c')]
      const closed = ended(b)
      const applied = await hub.command('policy', 'apply', file('narrow.yaml', narrow), '--yes', '--json')
      assert.equal(applied.code, 0, applied.stderr)
      const { effect, version } = JSON.parse(applied.stdout)
      assert.deepEqual([version, effect.sessionsClosed, effect.subscriptionsRemoved], [2, 1, 1])
      assert.equal(await closed, 0x98)
      assert.deepEqual([a.connected, c.connected], [true, true])
      await a.publishAsync('plant/a/t', '22', { qos: 1 })
      const back = await connect('dev-b', stored)
      const heard: string[] = []
      back.on('message', (topic) => heard.push(topic))
      await assert.rejects(back.subscribeAsync('plant/#', { qos: 1 }))
      await back.publishAsync('devices/dev-b/x', 'own topics are as before', { qos: 1 })
      assert.deepEqual(heard, [])
    },
  )

  test('messages that wait for a session are dropped with the right to them', { timeout: 60_000 }, async () => {
    assert.equal((await hub.command('policy', 'apply', file('wide2.yaml', wide), '--yes')).code, 0)
    const b = await connect('dev-b', stored)
    await b.subscribeAsync('plant/#', { qos: 1 })
    await b.endAsync()
    const a = await connect('dev-a')
    await a.publishAsync('plant/a/t', 'waits', { qos: 1 })
    const planned = await hub.command('policy', 'plan', file('narrow2.yaml', narrow), '--json')
    assert.equal(JSON.parse(planned.stdout).queuedAtRisk, 1)
    const applied = await hub.command('policy', 'apply', file('narrow3.yaml', narrow), '--yes', '--json')
    const { effect } = JSON.parse(applied.stdout)
    assert.deepEqual([effect.subscriptionsRemoved, effect.messagesDropped], [1, 1])
    const facts = (await hub.facts()).filter(({ kind }) => kind === 'policy-changed')
    assert.deepEqual(
      facts.map((fact) => fact['version']),
      [1, 2, 3, 4],
    )
  })

  test(
    'a document whose test fails is refused, and so is one that is no policy: nothing of them is applied',
    { timeout: 60_000 },
    async () => {
      const failing = await hub.command('policy', 'apply', file('failing.yaml', document([mayWrite], [bReads])), '--yes')
      assert.equal(failing.code, 1)
      assert.match(failing.stderr, /fails {2}site-rules\/tests\[0\] {2}b reads: expects allow subscribe plant\/#/)
      const wrong = await hub.command('policy', 'apply', file('wrong.yaml', narrow.replace('plant/a/#', 'plant/#/a')), '--yes')
      assert.equal(wrong.code, 2)
      assert.match(wrong.stderr, /line 7, spec\.authorizationPolicies\.rules\[0\]/)
      const { status, json } = await hub.api('POST', '/api/v1/policies', { text: document([mayWrite], [bReads]) })
      assert.deepEqual([status, json['code']], [422, 'access/policy-test-failed'])
      assert.equal(JSON.parse((await hub.command('policy', 'ls', '--json')).stdout).version, 4)
    },
  )

  test(
    'explain names the rule and the smallest change; a past denial is found; following the change allows it',
    { timeout: 60_000 },
    async () => {
      assert.equal((await explain('dev-a', 'publish', 'plant/a/t')).rule, 'site-rules/write')
      const b = await connect('dev-b')
      await assert.rejects(b.publishAsync('plant/b/t', 'x', { qos: 1 }))
      let decision = ''
      await until('the denial is kept', 10_000, async () => {
        const denied = (await hub.facts()).findLast(({ kind, topic }) => kind === 'denied' && topic === 'plant/b/t')
        decision = typeof denied?.['decision'] === 'string' ? denied['decision'] : ''
        return decision !== ''
      })
      const past = await explain('--decision', decision)
      assert.deepEqual([past.id, past.allowed, past.patch.document, past.patch.isNew], [decision, false, 'site-rules', false])
      const { json } = await hub.api('GET', '/api/v1/devices/dev-b/denials')
      assert.ok(JSON.stringify(json).includes(decision))
      const rules = narrow.replace('    rules:\n', `    rules:\n${indented(past.patch.yaml)}\n`)
      const applied = await hub.command('policy', 'apply', file('followed.yaml', rules), '--yes')
      assert.equal(applied.code, 0, applied.stderr)
      await b.publishAsync('plant/b/t', 'x', { qos: 1 })
      const now = await explain('--decision', decision)
      assert.equal(now.allowed, true)
      assert.match(now.reason, /The policy was version 4 when it was denied, and is version 5 now/)
      assert.equal((await hub.command('explain', '--decision', '00000000-0000-4000-8000-000000000000/1')).code, 4)
    },
  )

  test('shrink proposes what can be applied, and what is used stays allowed', { timeout: 60_000 }, async () => {
    const unused = rule('unused', 'dev-c', 'Publish', 'never/#')
    const wider = file('wider.yaml', document([mayWrite, unused]))
    assert.equal((await hub.command('policy', 'apply', wider, '--yes')).code, 0)
    const out = join(folder, 'smaller.yaml')
    const shrunk = await hub.command('policy', 'shrink', 'site-rules', '--days', '1', '--out', out)
    assert.equal(shrunk.code, 0, shrunk.stderr)
    assert.match(shrunk.stderr, /- site-rules\/unused {2}the whole rule/)
    assert.equal((await hub.command('policy', 'shrink', 'site-rules', '--out', out)).code, 5, 'nothing is overwritten')
    assert.equal((await hub.command('policy', 'apply', out, '--yes')).code, 0)
    const a = await connect('dev-a')
    await a.publishAsync('plant/a/t', 'still', { qos: 1 })
    assert.equal((await explain('dev-c', 'publish', 'never/x')).allowed, false)
  })

  test('a restart keeps the policy; a row that is damaged on disk denies, and the hub says so', { timeout: 120_000 }, async () => {
    await hub.stop()
    await hub.start()
    const a = await connect('dev-a')
    await a.publishAsync('plant/a/t', 'kept', { qos: 1 })
    await hub.stop()
    // Wider than what was applied, as a failing disk or a thief of the key could make it.
    execFileSync(process.execPath, [damage, hub.directory, hub.keyFile, 'plant/a', 'plant'], { env: hub.environment })
    // It is not ready before it is well, and it is not well before the policy is mended.
    const started = hub.start()
    await until('the hub says what is wrong', 30_000, async () => {
      const health = await Promise.try(() => hub.api('GET', '/healthz')).catch(() => undefined)
      return health?.status === 503 && health.text.includes('policy site-rules allows nothing')
    })
    const { code, stdout } = await hub.command('policy', 'ls')
    assert.equal(code, 0)
    assert.match(stdout, /^site-rules\tbroken\t/m)
    const again = await connect('dev-a')
    await assert.rejects(again.publishAsync('plant/a/t', 'x', { qos: 1 }))
    await again.publishAsync('devices/dev-a/x', 'its own is another document', { qos: 1 })
    assert.equal((await hub.command('policy', 'apply', file('mended.yaml', narrow), '--yes')).code, 0)
    await started
    await again.publishAsync('plant/a/t', 'mended', { qos: 1 })
    const removed = await hub.command('policy', 'rm', 'site-rules', '--yes')
    assert.equal(removed.code, 0, removed.stderr)
    await assert.rejects(again.publishAsync('plant/a/t', 'x', { qos: 1 }))
    assert.equal((await hub.command('policy', 'rm', 'site-rules', '--yes')).code, 4)
  })
})

/** A rule of a patch as an entry of a list six columns deep. */
function indented(yaml: string): string {
  return yaml
    .replace(/\n+$/, '')
    .split('\n')
    .map((line) => `      ${line}`)
    .join('\n')
}
