import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import type { Result } from '#base'
import type { FactOf } from '#journal'
import { idOf } from '../../test/domain-scene.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import type { AttachedMethodLink, MethodCall } from './method.ts'
import { openMethods } from './method-calls.ts'
import { methodDefaults } from './method-rules.ts'

const calling = systemGrant('method.invoke', 'devices')
const a = idOf('a')
const code = (result: Result<unknown>) => (result.ok ? 'ok' : result.error.code)
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

type Sent = { readonly rid: string; readonly name: string; readonly body: string }

function scene(settings = methodDefaults) {
  const clock = new FakeClock()
  const facts: FactOf<'method-called'>[] = []
  const audited: string[] = []
  const methods = openMethods({
    clock,
    isRegistered: (identity) => identity !== 'nobody',
    audit: async (_grant, { action, resource, detail }) => void audited.push(`${action} ${resource} ${String(detail?.['method'])}`),
    tell: (fact) => void facts.push(fact),
    settings,
  })
  /** A device that writes down what it is asked; answers are given by the test. */
  const device = (identity = a): { readonly link: AttachedMethodLink; readonly sent: Sent[] } => {
    const sent: Sent[] = []
    return { sent, link: methods.attach(identity, { call: (rid, name, body) => void sent.push({ rid, name, body }) }) }
  }
  const invoke = (call: Partial<MethodCall> = {}, identity = a) => methods.invoke(calling, identity, { name: 'reboot', ...call })
  return { clock, facts, audited, methods, device, invoke }
}

test('a call reaches the device as JSON and its answer comes back, told and audited [azure-wire 2.12]', async () => {
  const { device, invoke, facts, audited, clock } = scene()
  const { link, sent } = device()
  const answer = invoke({ payload: { delay: 5 } })
  await turn()
  assert.deepEqual(sent, [{ rid: '1', name: 'reboot', body: '{"delay":5}' }])
  assert.deepEqual(audited, ['method.invoke device:a reboot'], 'before the device hears of it')
  clock.advance(20)
  link.answer('1', -7, Buffer.from('{"done":true}'))
  assert.deepEqual(await answer, { ok: true, value: { status: -7, payload: { done: true } } })
  const [fact] = facts
  assert.deepEqual([fact?.method, fact?.status, fact?.code, fact?.durationMs, fact?.actor], ['reboot', -7, null, 20, 'system:hub'])
})

test('without a payload null is sent, never nothing; an empty answer is null [azure-wire 2.12]', async () => {
  const { device, invoke } = scene()
  const { link, sent } = device()
  const answer = invoke()
  await turn()
  assert.equal(sent[0]?.body, 'null')
  link.answer('1', 200, Buffer.alloc(0))
  assert.deepEqual(await answer, { ok: true, value: { status: 200, payload: null } })
})

test('a device that is not there: at once, or after the connect timeout; one that comes in time is called [azure-wire 2.12]', async () => {
  const { device, invoke, methods, clock, facts } = scene()
  assert.equal(code(await invoke()), 'hub/device-offline')
  const tooLate = invoke({ connectTimeoutSeconds: 10 })
  await turn()
  clock.advance(10_000)
  assert.equal(code(await tooLate), 'hub/device-offline')
  const inTime = invoke({ connectTimeoutSeconds: 10 })
  await turn()
  clock.advance(9_000)
  assert.equal(methods.isReachable(a), false)
  const { link, sent } = device()
  assert.equal(methods.isReachable(a), true)
  await turn()
  clock.advance(29_000)
  link.answer(sent[0]?.rid ?? '', 200, Buffer.from('1'))
  assert.equal(code(await inTime), 'ok')
  assert.deepEqual(
    facts.map((fact) => fact.code),
    ['hub/device-offline', 'hub/device-offline', null],
  )
})

test('a device that stays silent: the response timeout, 30 seconds unless said; what it says later is ignored [azure-wire 2.12]', async () => {
  const { device, invoke, clock } = scene()
  const { link } = device()
  const usual = invoke()
  const short = invoke({ responseTimeoutSeconds: 5 })
  await turn()
  clock.advance(5_000)
  assert.equal(code(await short), 'hub/method-timeout')
  link.answer('2', 200, Buffer.from('1'))
  clock.advance(24_999)
  assert.equal(await Promise.race([usual, turn()]), undefined)
  clock.advance(1)
  assert.equal(code(await usual), 'hub/method-timeout')
})

test('a device that disconnects while it is waited for [azure-wire 2.12]', async () => {
  const { device, invoke, methods } = scene()
  const { link } = device()
  const answer = invoke()
  await turn()
  link.detach()
  link.detach()
  assert.equal(code(await answer), 'hub/device-gone')
  assert.equal(methods.isReachable(a), false)
})

test('the newest connection is called, and only it can answer; identifiers are unique on each', async () => {
  const { device, invoke } = scene()
  const old = device()
  const recent = device()
  const calls = [invoke(), invoke()]
  await turn()
  assert.deepEqual([old.sent.length, recent.sent.map(({ rid }) => rid)], [0, ['1', '2']])
  old.link.answer('1', 1, Buffer.from('"forged"'))
  recent.link.answer('1', 2, Buffer.from('"true"'))
  recent.link.detach()
  assert.deepEqual(await calls[0], { ok: true, value: { status: 2, payload: 'true' } })
  assert.equal(code((await calls[1]) ?? { ok: true, value: 0 }), 'hub/device-gone')
  const third = invoke()
  await turn()
  assert.deepEqual(
    old.sent.map(({ rid }) => rid),
    ['1'],
  )
  old.link.answer('1', 3, Buffer.from('0'))
  assert.equal(code(await third), 'ok')
})

test('another device cannot answer', async () => {
  const { device, invoke, clock } = scene()
  device()
  const other = device(idOf('b'))
  const answer = invoke()
  await turn()
  other.link.answer('1', 200, Buffer.from('1'))
  clock.advance(30_000)
  assert.equal(code(await answer), 'hub/method-timeout')
})

test('ten calls wait for one device, whether it is there or not; others are not held up [azure-wire 2.12]', async () => {
  const { device, invoke } = scene()
  const { link, sent } = device()
  const calls = Array.from({ length: 10 }, () => invoke())
  assert.equal(code(await invoke()), 'hub/too-many-calls')
  device(idOf('b'))
  void invoke({}, idOf('b'))
  await turn()
  for (const { rid } of sent) link.answer(rid, 200, Buffer.from('1'))
  for (const call of calls) assert.equal(code(await call), 'ok')
  const away = Array.from({ length: 11 }, () => invoke({ connectTimeoutSeconds: 300 }, idOf('c')))
  assert.equal(code(await Promise.race(away)), 'hub/too-many-calls')
})

test('what waits for devices to come is bounded in the whole hub, in calls and in bytes', async () => {
  const { invoke } = scene({ ...methodDefaults, pending: 3, waitingBytes: 1000 })
  const payload = 'x'.repeat(600)
  void invoke({ connectTimeoutSeconds: 300, payload }, idOf('c'))
  await turn()
  assert.equal(code(await invoke({ connectTimeoutSeconds: 300, payload }, idOf('d'))), 'hub/too-many-calls')
  void invoke({ connectTimeoutSeconds: 300 }, idOf('d'))
  void invoke({ connectTimeoutSeconds: 300 }, idOf('e'))
  await turn()
  assert.equal(code(await invoke({ connectTimeoutSeconds: 300 }, idOf('f'))), 'hub/too-many-calls')
})

const malformed: readonly (readonly [string, Partial<MethodCall>])[] = [
  ['no name', { name: '' }],
  ['a slash in the name', { name: 'a/b' }],
  ['a wildcard in the name', { name: '#' }],
  ['a plus in the name', { name: '+' }],
  ['a query in the name', { name: 'a?$rid=1' }],
  ['a line break in the name', { name: 'a\nb' }],
  ['101 characters of name', { name: 'x'.repeat(101) }],
  ['a payload beyond 128 KiB', { payload: 'x'.repeat(128 * 1024) }],
  ['4 seconds for a response', { responseTimeoutSeconds: 4 }],
  ['301 seconds for a response', { responseTimeoutSeconds: 301 }],
  ['no number for a response', { responseTimeoutSeconds: NaN }],
  ['-1 seconds to connect', { connectTimeoutSeconds: -1 }],
  ['301 seconds to connect', { connectTimeoutSeconds: 301 }],
]

for (const [what, call] of malformed)
  test(`refuses ${what}, and nothing is sent or audited [azure-wire 5.6]`, async () => {
    const { device, invoke, audited } = scene()
    const { sent } = device()
    assert.equal(code(await invoke(call)), 'hub/method-malformed')
    assert.deepEqual([sent, audited], [[], []])
  })

test('names of components, and payloads of 128 KiB to the byte, are taken', async () => {
  const { device, invoke } = scene()
  const { sent, link } = device()
  const answer = invoke({ name: 'thermostat1*getMaxMin_.-$', payload: 'x'.repeat(128 * 1024 - 2) })
  await turn()
  link.answer(sent[0]?.rid ?? '', 200, Buffer.from(JSON.stringify('y'.repeat(128 * 1024 - 2))))
  assert.equal(code(await answer), 'ok')
})

test('nobody is called who is not registered', async () => {
  const { invoke, audited } = scene()
  assert.equal(code(await invoke({}, idOf('nobody'))), 'hub/device-not-found')
  assert.deepEqual(audited, [])
})

const answers: readonly (readonly [string, number, Buffer])[] = [
  ['no JSON', 200, Buffer.from('{')],
  ['no UTF-8', 200, Buffer.from([0x22, 0xff, 0x22])],
  ['a key that pollutes', 200, Buffer.from('{"__proto__":{}}')],
  ['a million brackets', 200, Buffer.from('['.repeat(100_000))],
  ['more than 128 KiB', 200, Buffer.from(JSON.stringify('x'.repeat(128 * 1024)))],
  ['no integer for a status', 1.5, Buffer.from('1')],
  ['no number for a status', NaN, Buffer.from('1')],
]

for (const [what, status, body] of answers)
  test(`an answer with ${what} is the device's fault, and said so [azure-wire 2.12]`, async () => {
    const { device, invoke, facts } = scene()
    const { link } = device()
    const answer = invoke()
    await turn()
    link.answer('1', status, body)
    assert.equal(code(await answer), 'hub/method-answer-malformed')
    assert.equal(facts[0]?.code, 'hub/method-answer-malformed')
  })

test('a call that cannot be audited is not made', async () => {
  const clock = new FakeClock()
  const sent: string[] = []
  const methods = openMethods({
    clock,
    isRegistered: () => true,
    audit: () => Promise.reject(new Error('disk')),
    tell: () => {},
  })
  methods.attach(a, { call: (rid) => void sent.push(rid) })
  await assert.rejects(methods.invoke(calling, a, { name: 'x' }), /disk/)
  for (let n = 0; n < 20; n++) await assert.rejects(methods.invoke(calling, a, { name: 'x' }), /disk/, 'and holds no place')
  assert.deepEqual(sent, [])
})
