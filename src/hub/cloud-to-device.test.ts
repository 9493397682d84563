import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { systemGrant } from '#access'
import { type DeviceId, type Result, identityOf, instant, parseModuleId } from '#base'
import { type Fact, decodeRecord } from '#journal'
import { idOf, openDomainScene, registryGrants } from '../../test/domain-scene.ts'
import type { CloudMessage } from './cloud-to-device.ts'

const sending = systemGrant('c2d.send', 'devices')
const purging = systemGrant('c2d.purge', 'devices')
const reading = systemGrant('c2d.feedback', 'feedback')
const scopes: AsyncDisposableStack[] = []
afterEach(async () => void (await Promise.all(scopes.splice(0).map((scope) => scope.disposeAsync()))))

const minute = 60_000
const hour = 60 * minute

function message(more: Partial<CloudMessage> = {}): CloudMessage {
  return {
    messageId: 'm1',
    correlationId: undefined,
    userId: undefined,
    contentType: undefined,
    contentEncoding: undefined,
    to: '/devices/a/messages/devicebound',
    ack: 'none',
    expiresAt: undefined,
    properties: {},
    body: Buffer.from('open'),
    ...more,
  }
}

async function scene(...names: readonly string[]) {
  const domain = await openDomainScene()
  scopes.push(new AsyncDisposableStack())
  scopes.at(-1)?.use(domain)
  const added = await domain.hub.devices.add(
    registryGrants.write,
    ['a', ...names].map((name) => ({ id: idOf(name), authentication: { type: 'certificateAuthority' } as const })),
  )
  assert.ok(added.ok)
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    domain,
    clock: domain.clock,
    get messages() {
      return domain.hub.messages
    },
    /** Lets time pass in steps of a second, with what happens then. */
    pass: async (ms: number) => {
      for (let left = ms; left > 0; left -= 1000) {
        domain.clock.advance(Math.min(1000, left))
        await settle()
      }
    },
    leap: async (ms: number) => {
      domain.clock.advance(ms)
      await settle()
      domain.clock.advance(1000)
      await settle()
    },
    send: (more: Partial<CloudMessage> = {}, identity = a) => domain.hub.messages.send(sending, identity, message(more)),
    feedback: async () => {
      const batch = await domain.hub.feedback.receive(reading)
      if (batch !== undefined) assert.ok((await domain.hub.feedback.settle(reading, batch.lockToken, 'complete')).ok)
      return batch?.content.map(({ originalMessageId, statusCode }) => `${originalMessageId} ${statusCode}`)
    },
    facts: async (kind: string): Promise<readonly Fact[]> => {
      await domain.journal.flushed()
      const { records } = await domain.journal.read(0, { records: 1000, bytes: 1e7 })
      return records
        .flatMap((record) => ('bytes' in record ? [decodeRecord(record.bytes)] : []))
        .flatMap((fact) => (fact.ok && fact.value.kind === kind ? [fact.value] : []))
    },
  }
}

const a = idOf('a')
const code = (result: Result<unknown>) => (result.ok ? 'ok' : result.error.code)

test('a message comes as it was sent, once, and is gone when completed [azure-wire 5.9]', async () => {
  const { messages, send, facts, clock } = await scene()
  const properties = { none: null, empty: '', text: 'a b', ['__proto__']: 'own' }
  const whole = { correlationId: 'c', userId: 'u', contentType: 'application/json', contentEncoding: 'utf-8', properties }
  assert.deepEqual(await send(whole), { ok: true, value: { sequenceNumber: 1 } })
  const received = await messages.receive(a)
  assert.ok(received)
  const { lockToken, lockedUntil, ...rest } = received
  assert.match(lockToken, /^[0-9a-f-]{36}$/)
  assert.equal(lockedUntil, clock.now() + minute)
  assert.deepEqual(rest, {
    ...message(whole),
    expiresAt: clock.now() + hour,
    sequenceNumber: 1,
    enqueuedAt: clock.now(),
    deliveryCount: 0,
  })
  assert.equal(await messages.receive(a), undefined, 'it is locked')
  assert.equal(messages.count(a), 1)
  assert.equal(code(await messages.settle(a, lockToken, 'complete')), 'ok')
  assert.equal(code(await messages.settle(a, lockToken, 'complete')), 'hub/lock-lost')
  assert.equal(messages.count(a), 0)
  assert.equal((await facts('c2d-enqueued')).length, 1)
  assert.equal((await facts('c2d-completed')).length, 1)
})

test('messages come in order; an abandoned one comes again, counted; a rejected one is dead [azure-wire 5.9]', async () => {
  const { messages, send, facts } = await scene()
  for (const messageId of ['1', '2', '3']) await send({ messageId })
  const first = await messages.receive(a)
  const second = await messages.receive(a)
  assert.deepEqual([first?.messageId, second?.messageId], ['1', '2'])
  await messages.settle(a, first?.lockToken ?? '', 'abandon')
  const again = await messages.receive(a)
  assert.deepEqual([again?.messageId, again?.deliveryCount], ['1', 1])
  assert.equal(code(await messages.settle(a, second?.lockToken ?? '', 'reject')), 'ok')
  assert.equal(messages.count(a), 2)
  const [dead] = await facts('c2d-dead-lettered')
  assert.ok(dead?.kind === 'c2d-dead-lettered')
  assert.deepEqual([dead.messageId, dead.reason, dead.deliveryCount], ['2', 'rejected', 0])
})

test('a lock that nobody ends in a minute counts as a delivery in vain; then its token is worth nothing [azure-wire 5.9]', async () => {
  const { messages, send, pass, clock } = await scene()
  await send()
  const received = await messages.receive(a)
  let told = 0
  messages.onReady(a, () => told++)
  clock.advance(minute)
  assert.equal(code(await messages.settle(a, received?.lockToken ?? '', 'complete')), 'hub/lock-lost')
  await pass(2000)
  assert.equal(told, 1)
  const again = await messages.receive(a, 5)
  assert.deepEqual([again?.deliveryCount, again?.lockedUntil], [1, clock.now() + 5000])
  await pass(6000)
  assert.equal((await messages.receive(a))?.deliveryCount, 2)
})

test('a message that was handed out ten times in vain is given up [azure-wire 5.9]', async () => {
  const { messages, send, facts } = await scene()
  await send()
  for (let count = 0; count < 10; count++) {
    const received = await messages.receive(a)
    assert.equal(received?.deliveryCount, count)
    await messages.settle(a, received?.lockToken ?? '', 'abandon')
  }
  assert.equal(await messages.receive(a), undefined)
  assert.equal(messages.count(a), 0)
  const [dead] = await facts('c2d-dead-lettered')
  assert.ok(dead?.kind === 'c2d-dead-lettered')
  assert.deepEqual([dead.reason, dead.deliveryCount], ['delivery-count', 10])
})

test('the end of a connection gives a lock back at once, and counts only what was written [azure-wire 2.8]', async () => {
  const { messages, send, pass } = await scene()
  await send()
  messages.unlock(a, (await messages.receive(a))?.lockToken ?? '')
  await pass(1)
  const second = await messages.receive(a)
  assert.equal(second?.deliveryCount, 0)
  messages.unlock(a, second?.lockToken ?? '', true)
  await pass(1)
  assert.equal((await messages.receive(a))?.deliveryCount, 1)
  messages.unlock(a, 'no token of ours')
})

test('what nobody takes expires: by its own time, or after an hour, also while the hub was down [azure-wire 5.9]', async () => {
  const { domain, messages, send, leap, facts, clock, feedback, pass } = await scene()
  await send({ messageId: 'own', expiresAt: instant(clock.now() + 5 * minute), ack: 'negative' })
  await send({ messageId: 'default', ack: 'negative' })
  await leap(5 * minute)
  assert.equal(messages.count(a), 1)
  await leap(hour)
  assert.equal(messages.count(a), 0)
  await send({ messageId: 'down', ack: 'negative' })
  domain.clock.advance(2 * hour)
  await domain.reopen()
  assert.equal(await domain.hub.messages.receive(a), undefined, 'it is not handed out any more')
  await pass(3000)
  assert.equal(domain.hub.messages.count(a), 0)
  const dead = await facts('c2d-dead-lettered')
  assert.deepEqual(
    dead.map((fact) => fact.kind === 'c2d-dead-lettered' && [fact.messageId, fact.reason]),
    [
      ['own', 'expired'],
      ['default', 'expired'],
      ['down', 'expired'],
    ],
  )
  await pass(15_000)
  const told = [...((await feedback()) ?? []), ...((await feedback()) ?? [])]
  assert.ok(told.includes('down Expired'), String(told))
})

test('a message that expires while it is locked can still be completed, and is dead when it is given back', async () => {
  const { messages, send, leap, clock } = await scene()
  for (const messageId of ['1', '2']) await send({ messageId, expiresAt: instant(clock.now() + 10_000) })
  const one = await messages.receive(a)
  const two = await messages.receive(a)
  await leap(20_000)
  assert.equal(messages.count(a), 2)
  assert.equal(code(await messages.settle(a, one?.lockToken ?? '', 'complete')), 'ok')
  assert.equal(code(await messages.settle(a, two?.lockToken ?? '', 'abandon')), 'ok')
  assert.equal(messages.count(a), 0)
})

test('each outcome is told to those who asked for it: positive success, negative failure, full both [azure-wire 5.10]', async () => {
  const { domain, messages, send, leap, pass, feedback } = await scene()
  for (const ack of ['none', 'positive', 'negative', 'full'] as const) {
    for (const [why, outcome] of [
      ['done', 'complete'],
      ['refused', 'reject'],
    ] as const) {
      await send({ messageId: `${ack} ${why}`, ack })
      await messages.settle(a, (await messages.receive(a))?.lockToken ?? '', outcome)
    }
  }
  for (const messageId of ['purged', 'purged too']) await send({ messageId, ack: 'full' })
  assert.deepEqual(await messages.purge(purging, a), { ok: true, value: 2 })
  await send({ messageId: 'late', ack: 'full' })
  assert.equal(await feedback(), undefined, 'a batch waits for 15 seconds')
  await pass(16_000)
  assert.deepEqual(await feedback(), [
    'positive done Success',
    'negative refused Rejected',
    'full done Success',
    'full refused Rejected',
    'purged Purged',
    'purged too Purged',
  ])
  await leap(hour)
  await pass(16_000)
  assert.deepEqual(await feedback(), ['late Expired'])
  const [record] = (await domain.store.query('SELECT COUNT(*) AS n FROM feedback_records')).map((row) => row['n'])
  assert.equal(record, 0)
})

test('64 records make a batch at once, and feedback survives a restart in its rows or in its queue', async () => {
  const { domain, messages, send, pass } = await scene()
  const end = async (count: number) => {
    for (let n = 0; n < count; n++) {
      await send({ messageId: `${n}`, ack: 'full' })
      await messages.settle(a, (await messages.receive(a))?.lockToken ?? '', 'complete')
    }
  }
  await end(70)
  await pass(1)
  const batch = await domain.hub.feedback.receive(reading)
  assert.equal(batch?.content.length, 64)
  assert.equal(await domain.hub.feedback.receive(reading), undefined)
  await domain.reopen()
  const again = await domain.hub.feedback.receive(reading)
  assert.deepEqual(again?.content, batch?.content, 'the lock ended with the hub')
  await pass(16_000)
  const rest = await domain.hub.feedback.receive(reading)
  assert.equal(rest?.content.length, 6)
  const generation = domain.hub.devices.find('a')?.generationId
  assert.deepEqual([rest.content[0]?.deviceId, rest.content[0]?.deviceGenerationId], ['a', generation])
})

test('feedback that nobody reads is dropped after an hour, and that is counted', async () => {
  const { messages, send, pass, leap, facts, feedback } = await scene()
  await send({ ack: 'full' })
  await messages.settle(a, (await messages.receive(a))?.lockToken ?? '', 'complete')
  await pass(16_000)
  await leap(hour)
  assert.equal(await feedback(), undefined)
  const [dropped] = await facts('service-messages-dropped')
  assert.ok(dropped?.kind === 'service-messages-dropped')
  assert.deepEqual([dropped.queue, dropped.reason, dropped.count], ['feedback', 'expired', 1])
})

test('several readers of feedback compete; who abandons leaves it to the others', async () => {
  const { domain, messages, send, pass } = await scene()
  await send({ ack: 'full' })
  await messages.settle(a, (await messages.receive(a))?.lockToken ?? '', 'complete')
  await pass(16_000)
  const queue = domain.hub.feedback
  const [one, two] = await Promise.all([queue.receive(reading), queue.receive(reading)])
  assert.notEqual(one === undefined, two === undefined)
  let told = 0
  queue.onReady(() => told++)
  await queue.settle(reading, (one ?? two)?.lockToken ?? '', 'abandon')
  assert.equal(told, 1)
  assert.equal((await queue.receive(reading))?.deliveryCount, 1)
})

test('a queue holds 50 messages, however they come [azure-wire 10]', async () => {
  const { messages, send } = await scene()
  const outcomes = await Promise.all(Array.from({ length: 60 }, () => send()))
  assert.equal(outcomes.filter((outcome) => outcome.ok).length, 50)
  assert.equal(code(outcomes.find((outcome) => !outcome.ok) ?? outcomes[0] ?? (await send())), 'hub/queue-full')
  assert.equal(messages.count(a), 50)
  await messages.settle(a, (await messages.receive(a))?.lockToken ?? '', 'complete')
  assert.equal(code(await send()), 'ok')
})

test('nobody settles what another was handed', async () => {
  const { messages, send } = await scene('b')
  await send()
  const token = (await messages.receive(a))?.lockToken ?? ''
  assert.equal(code(await messages.settle(idOf('b'), token, 'complete')), 'hub/lock-lost')
  assert.equal(code(await messages.settle(a, '', 'complete')), 'hub/lock-lost')
  assert.equal(code(await messages.settle(a, token, 'complete')), 'ok')
})

test('a removed device takes its messages with it, also those on their way, and its name does not inherit', async () => {
  const { domain, messages, send } = await scene()
  await send()
  const locked = await messages.receive(a)
  const late = send({ messageId: 'late' })
  const removal = domain.hub.devices.remove(registryGrants.erase, a)
  await Promise.all([late, removal])
  await domain.hub.devices.add(registryGrants.write, [{ id: a, authentication: { type: 'certificateAuthority' } }])
  assert.equal(code(await messages.settle(a, locked?.lockToken ?? '', 'complete')), 'hub/lock-lost')
  assert.equal(await messages.receive(a), undefined)
  await send({ messageId: 'new' })
  assert.equal((await messages.receive(a))?.messageId, 'new')
  assert.equal(code(await send({}, idOf('nobody'))), 'hub/device-not-found')
})

test('a module has a queue of its own', async () => {
  const { domain, messages, send } = await scene()
  const module = parseModuleId('vision')
  assert.ok(module.ok)
  const added = await domain.hub.modules.add(registryGrants.write, { device: a, id: module.value, authentication: { type: 'none' } })
  assert.ok(added.ok)
  const identity: DeviceId = identityOf(a, module.value)
  assert.equal(code(await send({ messageId: 'for the module' }, identity)), 'ok')
  assert.equal(await messages.receive(a), undefined)
  assert.equal((await messages.receive(identity))?.messageId, 'for the module')
})

test('operators see a queue without its bodies, and empty what waits; what is locked stays', async () => {
  const { domain, messages, send, facts } = await scene()
  for (const messageId of ['1', '2', '3']) await send({ messageId, properties: { k: 'v' } })
  const locked = await messages.receive(a)
  const listed = await messages.list(sending, a)
  assert.deepEqual(
    listed.map(({ messageId, isLocked, bytes, properties }) => [messageId, isLocked, bytes, properties]),
    [
      ['1', true, 4, { k: 'v' }],
      ['2', false, 4, { k: 'v' }],
      ['3', false, 4, { k: 'v' }],
    ],
  )
  assert.deepEqual(await messages.purge(purging, a), { ok: true, value: 2 })
  assert.equal(messages.count(a), 1)
  assert.equal(code(await messages.settle(a, locked?.lockToken ?? '', 'complete')), 'ok')
  assert.equal((await facts('c2d-purged')).length, 1)
  const { records } = await domain.audit.read(systemGrant('audit.read', 'audit'), { before: null, limit: 1 })
  assert.deepEqual([records[0]?.action, records[0]?.resource], ['c2d.purge', 'device:a'])
})

test('numbers go on after a restart, even when every message is gone', async () => {
  const { domain, send } = await scene()
  await send()
  await domain.hub.messages.purge(purging, a)
  await domain.reopen()
  assert.deepEqual(await domain.hub.messages.send(sending, a, message()), { ok: true, value: { sequenceNumber: 2 } })
})
