import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Holders, TakeoverHistory, certainSwaps, judgeTakeover, swapWindowMs } from './takeover.ts'

const here = { address: '192.0.2.1', thumbprint: 'aa', expiresAt: 2_000 }
const there = { ...here, address: '198.51.100.7' }
const lately = { silentMs: 5_000, keepAliveMs: 60_000 }
const silent = { silentMs: 60_001, keepAliveMs: 60_000 }

const rows = [
  [
    'the same key from the same place is a reconnect',
    here,
    { ...here, ...lately },
    { kind: 'reconnected', why: 'same-place', keyChanged: false },
  ],
  [
    'the same /64 is the same place',
    { ...here, address: '2001:db8::1' },
    { ...here, address: '2001:db8::2', ...lately },
    { kind: 'reconnected', why: 'same-place', keyChanged: false },
  ],
  [
    'the same key elsewhere, after silence, moved',
    there,
    { ...here, ...silent },
    { kind: 'reconnected', why: 'silent', keyChanged: false },
  ],
  [
    'the same key elsewhere, while the old one was heard, may be a clone',
    there,
    { ...here, ...lately },
    { kind: 'clone-suspected', certain: false },
  ],
  [
    'silence of exactly the keep alive is not silence yet',
    there,
    { ...here, silentMs: 60_000, keepAliveMs: 60_000 },
    { kind: 'clone-suspected', certain: false },
  ],
  [
    'a newer key is a renewal, wherever it comes from',
    { ...there, thumbprint: 'bb', expiresAt: 3_000 },
    { ...here, ...lately },
    { kind: 'reconnected', why: 'renewed', keyChanged: true },
  ],
  [
    'an older key elsewhere, while the newer one was heard, may be stolen',
    { ...there, thumbprint: 'bb', expiresAt: 1_000 },
    { ...here, ...lately },
    { kind: 'theft-suspected', why: 'older-key' },
  ],
  [
    'an older key in the same place was put back',
    { ...here, thumbprint: 'bb', expiresAt: 1_000 },
    { ...here, ...lately },
    { kind: 'reconnected', why: 'same-place', keyChanged: true },
  ],
  [
    'an older key elsewhere, after silence, was put back and moved',
    { ...there, thumbprint: 'bb', expiresAt: 1_000 },
    { ...here, ...silent },
    { kind: 'reconnected', why: 'silent', keyChanged: true },
  ],
  [
    'without certificates the identity is the key',
    { ...there, thumbprint: null },
    { ...here, thumbprint: null, ...lately },
    { kind: 'clone-suspected', certain: false },
  ],
] as const

for (const [name, fresh, former, wanted] of rows)
  test(name, () => {
    assert.deepEqual(judgeTakeover(fresh, former, 1), wanted)
  })

test('two places that take a session from each other again and again are certainly two devices', () => {
  const history = new TakeoverHistory()
  const seen: boolean[] = []
  for (let i = 0; i < 6; i++) {
    const [from, to] = i % 2 === 0 ? [here, there] : [there, here]
    const { swaps } = history.note('s', from.address, to.address, i * 1_000)
    const judged = judgeTakeover(to, { ...from, ...lately }, swaps)
    assert.equal(judged.kind, 'clone-suspected')
    seen.push(judged.kind === 'clone-suspected' && judged.certain)
  }
  assert.deepEqual(seen, [false, false, false, true, true, true])
})

test('a device that travels through many places, or seldom, is not a clone for certain', () => {
  const history = new TakeoverHistory()
  for (let i = 0; i < 20; i++) assert.ok(history.note('s', `192.0.2.${i}`, `192.0.2.${i + 1}`, i * 1_000).swaps < certainSwaps)
  for (let i = 0; i < 20; i++) assert.ok(history.note('slow', '192.0.2.1', '192.0.2.2', i * (swapWindowMs / 3 + 1)).swaps < certainSwaps)
})

test('the history and the holders are bounded', () => {
  const history = new TakeoverHistory(100)
  for (let i = 0; i < 1_000; i++) history.note(`s${i}`, 'a', 'b', i)
  assert.equal(history.size, 100)
  const holders = new Holders(2)
  const holder = { device: 'd', connection: 'c', address: 'a', thumbprint: null, expirySeconds: 0 }
  for (const id of ['one', 'two', 'three']) holders.entered(id, holder)
  assert.deepEqual(
    ['one', 'two', 'three'].map((id) => holders.other(id, 'x', 0)?.device),
    [undefined, 'd', 'd'],
  )
})

test('a long client identifier costs no more than a short one, and is told from others that begin alike', () => {
  const holders = new Holders()
  const long = 'x'.repeat(8_000)
  const holder = { device: 'pump-1', connection: 'c1', address: 'a', thumbprint: null, expirySeconds: 10 }
  holders.entered(long, holder)
  assert.equal(holders.other(long, 'pump-2', 0)?.device, 'pump-1')
  assert.equal(holders.other(`${long}y`, 'pump-2', 0), undefined)
  holders.left(long, 'c1', 0)
  assert.equal(holders.other(long, 'pump-2', 10_000), undefined)
})

test('a client identifier is held as long as its session lives, and by the last who used it', () => {
  const holders = new Holders()
  const holder = { device: 'pump-1', connection: 'c1', address: 'a', thumbprint: null, expirySeconds: 10 }
  holders.entered('id', holder)
  assert.equal(holders.other('id', 'pump-1', 0), undefined, 'its own')
  assert.equal(holders.other('id', 'pump-2', 0)?.device, 'pump-1')
  holders.left('id', 'another connection', 0)
  holders.left('id', 'c1', 1_000)
  assert.equal(holders.other('id', 'pump-2', 10_999)?.device, 'pump-1')
  assert.equal(holders.other('id', 'pump-2', 11_000), undefined)
  holders.entered('id', { ...holder, expirySeconds: 0 })
  holders.left('id', 'c1', 0)
  assert.equal(holders.other('id', 'pump-2', 0), undefined, 'a session without expiry ends with its connection')
})
