import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../test/fake-clock.ts'
import { Admission, type AdmissionLimits, type NotAdmitted, type Ticket, defaultAdmissionLimits } from './admission.ts'

const roomy = { takesConnections: true }

function admission(bounds: Partial<AdmissionLimits> = {}, load = roomy) {
  const clock = new FakeClock()
  return {
    clock,
    door: new Admission({ ...defaultAdmissionLimits, connects: undefined, connectsPerAddress: undefined, ...bounds }, clock, load),
  }
}

function ticket(entered: Ticket | NotAdmitted): Ticket {
  assert.ok('leave' in entered, 'code' in entered ? entered.code : '')
  return entered
}

const codeOf = (entered: Ticket | NotAdmitted): string =>
  'leave' in entered ? (entered.late?.code ?? 'welcome') : `closed ${entered.code}`

test('strangers are counted in all and per address until they prove who they are or leave', () => {
  const { door } = admission({ strangers: 3, strangersPerAddress: 2 })
  const first = ticket(door.enter('192.0.2.1', false))
  ticket(door.enter('192.0.2.1', false))
  assert.equal(codeOf(door.enter('192.0.2.1', false)), 'closed gateway/too-many-strangers')
  const other = ticket(door.enter('192.0.2.2', false))
  assert.equal(codeOf(door.enter('192.0.2.3', false)), 'closed gateway/too-many-strangers')
  first.proven()
  first.proven()
  assert.equal(door.strangers, 2)
  other.leave()
  other.leave()
  assert.equal(door.strangers, 1)
  assert.equal(codeOf(door.enter('192.0.2.1', false)), 'welcome')
})

test('connections of one address are bounded, proven ones too, and the peer over the bound is told [0x97]', () => {
  const { door } = admission({ connectionsPerAddress: 2 })
  const open = [1, 2].map(() => ticket(door.enter('192.0.2.1', false)))
  for (const each of open) each.proven()
  const over = ticket(door.enter('192.0.2.1', false))
  assert.equal(over.late?.reasonCode, 0x97)
  assert.equal(codeOf(door.enter('192.0.2.2', false)), 'welcome')
  over.leave()
  open[0]?.leave()
  assert.equal(codeOf(door.enter('192.0.2.1', false)), 'welcome')
})

test('a whole /64 counts as one IPv6 address, and IPv4 in IPv6 clothes as itself', () => {
  const { door } = admission({ connectionsPerAddress: 1 })
  ticket(door.enter('2001:db8::1', false))
  assert.equal(codeOf(door.enter('2001:db8:0:0:ffff::2', false)), 'gateway/too-many-from-address')
  assert.equal(codeOf(door.enter('2001:db8:0:1::1', false)), 'welcome')
  ticket(door.enter('192.0.2.1', false))
  assert.equal(codeOf(door.enter('::ffff:192.0.2.1', false)), 'gateway/too-many-from-address')
})

test('connects beyond the rate are told [0x9F], then closed unheard, and time brings them back', () => {
  const { clock, door } = admission({ connectsPerAddress: { perSecond: 10, burst: 5 } })
  const seen = new Map<string, number>()
  for (let i = 0; i < 300; i++) {
    const entered = door.enter('192.0.2.1', false)
    const code = codeOf(entered)
    seen.set(code, (seen.get(code) ?? 0) + 1)
    if ('leave' in entered) {
      assert.equal(entered.late?.reasonCode, code === 'welcome' ? undefined : 0x9f)
      entered.leave()
    }
  }
  assert.deepEqual(Object.fromEntries(seen), { welcome: 5, 'gateway/connect-rate': 200, 'closed gateway/connect-rate': 95 })
  assert.equal(codeOf(door.enter('192.0.2.2', false)), 'welcome', 'another address has its own')
  clock.advance(1_000)
  assert.equal(codeOf(door.enter('192.0.2.1', false)), 'welcome')
})

test('one address over its rate does not eat what all addresses share', () => {
  const { door } = admission({ connectsPerAddress: { perSecond: 1, burst: 2 }, connects: { perSecond: 1, burst: 10 } })
  for (let i = 0; i < 100; i++) door.enter('192.0.2.1', false)
  const others = Array.from({ length: 10 }, (_, i) => codeOf(door.enter(`192.0.2.${i + 2}`, false)))
  assert.equal(others.filter((code) => code === 'welcome').length, 8)
})

test('ten thousand devices behind one address come back at once, with the defaults', () => {
  const clock = new FakeClock()
  const door = new Admission(defaultAdmissionLimits, clock, roomy)
  for (let i = 0; i < 10_000; i++) {
    const entered = ticket(door.enter('127.0.0.1', false))
    assert.equal(entered.late, undefined)
    entered.proven()
  }
})

test('after ten denied CONNECTs in a minute answers take longer, up to five seconds [edge 1.5]', () => {
  const { clock, door } = admission()
  const deny = () => ticket(door.enter('192.0.2.1', false)).denied()
  const delays = Array.from({ length: 20 }, deny)
  assert.deepEqual(
    delays.slice(0, 10),
    Array.from({ length: 10 }, () => 0),
  )
  assert.deepEqual(delays.slice(10), [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000])
  assert.equal(ticket(door.enter('192.0.2.2', false)).denied(), 0, 'another address pays nothing')
  clock.advance(60_000)
  assert.equal(deny(), 0)
})

test('a strained hub takes no connections; a listener with a health page keeps a little room for that', () => {
  const load = { takesConnections: true }
  const { door } = admission({}, load)
  const here = ticket(door.enter('192.0.2.1', false))
  load.takesConnections = false
  assert.equal(codeOf(door.enter('192.0.2.1', false)), 'closed gateway/server-busy')
  const probes = Array.from({ length: 70 }, () => door.enter('192.0.2.1', true))
  assert.equal(probes.filter((entered) => codeOf(entered) === 'gateway/server-busy').length, 64)
  assert.equal(probes.filter((entered) => codeOf(entered) === 'closed gateway/server-busy').length, 6)
  const [first] = probes
  if (first !== undefined) ticket(first).leave()
  assert.equal(codeOf(door.enter('192.0.2.1', true)), 'gateway/server-busy')
  here.leave()
})

test('memory of addresses is bounded: those with nothing left to know are forgotten, the rest share one', () => {
  const { clock, door } = admission({ addresses: 100, connectsPerAddress: { perSecond: 1, burst: 2 } })
  const address = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
  for (let i = 0; i < 10_000; i++) {
    const entered = door.enter(address(i), false)
    if ('leave' in entered) entered.leave()
    if (i % 50 === 0) clock.advance(1_000)
  }
  assert.ok(door.remembered <= 100)
  // A hundred that hold on: everybody else is counted together.
  const { door: full } = admission({ addresses: 100, strangersPerAddress: 2 })
  for (let i = 0; i < 100; i++) ticket(full.enter(address(i), false))
  ticket(full.enter(address(200), false))
  ticket(full.enter(address(201), false))
  assert.equal(codeOf(full.enter(address(202), false)), 'closed gateway/too-many-strangers')
  assert.equal(full.remembered, 100)
})
