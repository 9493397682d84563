import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { Fault } from '#base'
import type { Statement, Store } from '#store'
import { idOf } from '../../test/domain-scene.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { openTestStore } from '../../test/open-test-store.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import type { CloudMessage, Outcome } from './cloud-to-device.ts'
import { openMessages } from './cloud-to-device-queue.ts'
import { hubQueueMigrations } from './queue-rows.ts'

const sending = systemGrant('c2d.send', 'devices')
const reading = systemGrant('c2d.feedback', 'feedback')
const a = idOf('a')
const { signal } = new AbortController()

/** A store whose nth commit from now fails, before it is done or after: the one who asked cannot tell which. */
class FaultyStore implements Store {
  readonly #store: Store
  readonly #when: 'before' | 'after'
  readonly #always: boolean
  #left: number
  failures = 0

  constructor(store: Store, nth: number, when: 'before' | 'after', always: boolean) {
    this.#store = store
    this.#left = nth
    this.#when = when
    this.#always = always
  }

  query(...args: Parameters<Store['query']>) {
    if (this.#always && this.#left <= 0) return Promise.reject(new Fault('store/disk', 'the disk is gone'))
    return this.#store.query(...args)
  }

  async commit(statements: readonly Statement[]) {
    this.#left--
    const fails = this.#left === 0 || (this.#always && this.#left < 0)
    if (!fails) return this.#store.commit(statements)
    this.failures++
    if (this.#when === 'after' && this.#left === 0) await this.#store.commit(statements)
    throw new Fault('store/disk', 'the disk failed')
  }

  heal(): void {
    this.#left = Infinity
  }

  async [Symbol.asyncDispose]() {}
}

const message = (messageId: string): CloudMessage => ({
  messageId,
  correlationId: undefined,
  userId: undefined,
  contentType: undefined,
  contentEncoding: undefined,
  to: undefined,
  ack: 'full',
  expiresAt: undefined,
  properties: {},
  body: Buffer.from(messageId),
})

async function open(store: Store, clock: FakeClock, seed: number) {
  const completed: string[] = []
  const opened = await openMessages(
    {
      store,
      clock,
      random: new SeededRandom(seed),
      commit: (_grant, _what, statements) => store.commit(statements),
      tell: (fact) => void (fact.kind === 'c2d-completed' && completed.push(fact.messageId ?? '')),
      generationOf: () => '1',
      trouble: () => {},
    },
    signal,
  )
  return { ...opened, completed }
}

const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function tolerate<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return undefined
  }
}

type Told = { readonly sent: Set<string>; readonly tried: Set<string>; readonly ended: Map<string, Outcome> }

/** Sends, receives, completes, rejects and abandons, and writes down what was acknowledged. */
async function work({ messages }: Awaited<ReturnType<typeof open>>, clock: FakeClock): Promise<Told> {
  const told: Told = { sent: new Set(), tried: new Set(), ended: new Map() }
  const outcomes: readonly Outcome[] = ['complete', 'reject', 'abandon', 'complete']
  for (let n = 0; n < 8; n++) {
    if ((await tolerate(messages.send(sending, a, message(`${n}`))))?.ok === true) told.sent.add(`${n}`)
    if (n % 2 === 0) continue
    const received = await tolerate(messages.receive(a))
    if (received === undefined) continue
    const id = received.messageId ?? ''
    const outcome = outcomes[n % outcomes.length] ?? 'complete'
    if (outcome !== 'abandon') told.tried.add(id)
    assert.ok(!told.ended.has(id), `${id} was handed out after it had ended`)
    const settled = await tolerate(messages.settle(a, received.lockToken, outcome))
    if (settled?.ok === true && outcome !== 'abandon') told.ended.set(id, outcome)
  }
  clock.advance(16_000)
  await settle()
  return told
}

/** Empties queue and feedback, and holds them against what was acknowledged. */
async function check(hub: Awaited<ReturnType<typeof open>>, told: Told, clock: FakeClock): Promise<void> {
  clock.advance(61_000)
  await settle()
  const left = new Set<string>()
  for (;;) {
    const received = await hub.messages.receive(a)
    if (received === undefined) break
    const id = received.messageId ?? ''
    assert.ok(!left.has(id), `${id} is there twice`)
    assert.equal(received.body.toString(), id)
    left.add(id)
    assert.ok((await hub.messages.settle(a, received.lockToken, 'complete')).ok)
  }
  for (const id of told.sent) if (!told.tried.has(id)) assert.ok(left.has(id), `${id} was acknowledged and is lost`)
  for (const id of told.ended.keys()) assert.ok(!left.has(id), `${id} had ended and is there again`)
  assert.equal(hub.messages.count(a), 0)
  for (let n = 0; n < 3; n++) {
    clock.advance(16_000)
    await settle()
  }
  const feedback: string[] = []
  for (;;) {
    const batch = await hub.feedback.receive(reading)
    if (batch === undefined) break
    feedback.push(...batch.content.map(({ originalMessageId, statusCode }) => `${originalMessageId} ${statusCode}`))
    assert.ok((await hub.feedback.settle(reading, batch.lockToken, 'complete')).ok)
  }
  const ids = feedback.map((line) => line.split(' ')[0])
  assert.equal(new Set(ids).size, ids.length, `told twice: ${String(feedback)}`)
  for (const [id, outcome] of told.ended)
    assert.ok(feedback.includes(`${id} ${outcome === 'complete' ? 'Success' : 'Rejected'}`), `no feedback on ${id}`)
  for (const id of left) assert.ok(feedback.includes(`${id} Success`), `no feedback on ${id}`)
}

for (const when of ['before', 'after'] as const) {
  test(`a commit that fails ${when} it is done loses nothing acknowledged and ends nothing twice; the hub goes on`, async () => {
    for (let nth = 1; ; nth++) {
      await using held = await openTestStore(hubQueueMigrations)
      const clock = new FakeClock()
      const store = new FaultyStore(held.store, nth, when, false)
      using hub = await open(store, clock, nth)
      const told = await work(hub, clock)
      store.heal()
      await check(hub, told, clock)
      if (store.failures === 0) return
    }
  })

  test(`a hub killed at any commit, ${when} it is done, finds everything acknowledged when it comes back`, async () => {
    for (let nth = 1; ; nth++) {
      await using held = await openTestStore(hubQueueMigrations)
      const clock = new FakeClock()
      const store = new FaultyStore(held.store, nth, when, true)
      let told: Told
      {
        using hub = await open(store, clock, nth)
        told = await work(hub, clock)
      }
      using again = await open(await held.reopen(), clock, nth + 1000)
      await check(again, told, clock)
      if (store.failures === 0) return
    }
  })
}
