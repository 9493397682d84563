import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { systemGrant } from '#access'
import { type DeviceId, type Result, identityOf, instant, parseModuleId } from '#base'
import { type Fact, decodeRecord } from '#journal'
import { idOf, openDomainScene, registryGrants } from '../../test/domain-scene.ts'
import type { CloudMessage } from './cloud-to-device.ts'
import { decodeHead, encodeHead } from './cloud-to-device-message.ts'

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
    async pass(ms: number) {
      for (let left = ms; left > 0; left -= 1000) {
        domain.clock.advance(Math.min(1000, left))
        await settle()
      }
    },
    async leap(ms: number) {
      domain.clock.advance(ms)
      await settle()
      domain.clock.advance(1000)
      await settle()
    },
    send: (more: Partial<CloudMessage> = {}, identity = a) => domain.hub.messages.send(sending, identity, message(more)),
    async feedback() {
      const batch = await domain.hub.feedback.receive(reading)
      if (batch !== undefined) assert.ok((await domain.hub.feedback.settle(reading, batch.lockToken, 'complete')).ok)
      return batch?.content.map(({ originalMessageId, statusCode }) => `${originalMessageId} ${statusCode}`)
    },
    async facts(kind: string): Promise<readonly Fact[]> {
      await domain.journal.flushed()
      const { records } = await domain.journal.read(0, { records: 1000, bytes: 1e7 })
      return records.map((record) => decodeRecord(record.bytes)).flatMap((fact) => (fact.ok && fact.value.kind === kind ? [fact.value] : []))
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
