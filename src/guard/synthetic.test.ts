import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, systemRandom } from '#base'
import { FakeClock } from '../../test/fake-clock.ts'
import { type Fault, type WeakHub, deviceCertificate, openWeakHub, weakPki } from '../../test/weak-hub.ts'
import { RoundTrips, lostMs, periodMs } from './round-trips.ts'
import { type Synthetic, openSynthetic } from './synthetic.io.ts'

const pki = weakPki(systemClock.now())
const identity = deviceCertificate(pki, 'probe', systemClock.now())

async function withSynthetic(
  fault: Fault,
  journal: boolean,
  work: (synthetic: Synthetic, clock: FakeClock, hub: WeakHub, troubles: unknown[]) => Promise<void>,
): Promise<void> {
  const clock = new FakeClock()
  const troubles: unknown[] = []
  await using hub = await openWeakHub(pki, fault)
  let heard: ((body: Uint8Array) => void) | undefined
  if (journal) hub.onPublish((payload) => heard?.(payload))
  await using synthetic = openSynthetic(
    {
      clock,
      random: systemRandom,
      listeners: () => [{ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port: hub.port }],
      advertisedNames: () => ['localhost'],
      synthetic: {
        identity: async () => identity,
        watch: (_device, tell) => {
          heard = tell
          return () => (heard = undefined)
        },
      },
      trouble: (what, error) => void troubles.push([what, error]),
    },
    new AbortController().signal,
  )
  await work(synthetic, clock, hub, troubles)
}

test('a message that is acknowledged and seen in the journal is a round trip', () =>
  withSynthetic({}, true, async (synthetic) => {
    assert.equal(typeof (await synthetic.beat()), 'number')
    assert.equal(typeof (await synthetic.beat()), 'number', 'on the same connection')
    assert.ok(synthetic.trips.summary().withinLimit >= 2)
  }))

test('break-it: a message that the journal never shows is lost after 30 s, and so is one that is not acknowledged', async () => {
  for (const [fault, journal] of [
    [{}, false],
    [{ mute: true }, true],
  ] as const)
    await withSynthetic(fault, journal, async (synthetic, clock, hub) => {
      const published = new Promise<void>((resolve) => hub.onPublish(() => resolve()))
      const beat = synthetic.beat()
      await published
      clock.advance(lostMs)
      assert.equal(await beat, null)
      assert.equal(synthetic.trips.summary().withinLimit, 0)
    })
})

test('break-it: a connection that ends after the acknowledgement and before the journal is a lost trip', () =>
  withSynthetic({ revocation: 'ignored' }, false, async (synthetic, clock, hub) => {
    const published = new Promise<void>((resolve) => hub.onPublish(() => resolve()))
    const beat = synthetic.beat()
    await published
    // One turn of the loop for the acknowledgement to leave.
    await new Promise((resolve) => setImmediate(resolve))
    hub.revoke(identity.serial)
    assert.equal(await beat, null)
    assert.ok(clock.monotonic() < lostMs, 'it was not waited for')
  }))

test('break-it: a hub that refuses the device loses the trip at once', () =>
  withSynthetic({ refuses: true }, true, async (synthetic) => assert.equal(await synthetic.beat(), null)))

test('a connection that broke is made anew', () =>
  withSynthetic({ revocation: 'ignored' }, true, async (synthetic, _clock, hub) => {
    assert.notEqual(await synthetic.beat(), null)
    hub.revoke(identity.serial)
    // Whether this one still meets the old connection depends on how fast its end is noticed.
    await synthetic.beat()
    assert.notEqual(await synthetic.beat(), null)
  }))

test('every minute expects a trip: a device that has stopped shows as lost trips, not as silence', () => {
  const clock = new FakeClock()
  const trips = new RoundTrips(clock)
  assert.equal(trips.summary().expected, 0)
  clock.advance(10)
  trips.record(clock.monotonic(), 10)
  assert.deepEqual([trips.summary().expected, trips.summary().withinLimit], [1, 1])
  clock.advance(10 * periodMs)
  const stopped = trips.summary()
  assert.deepEqual([stopped.expected, stopped.withinLimit, stopped.lost], [10, 1, 9])
  clock.jump(Date.UTC(2030, 0, 1))
  assert.equal(trips.summary().expected, 10, 'a clock that is set is no outage')
})

test('the window is 24 hours, and what is older is forgotten', () => {
  const clock = new FakeClock()
  const trips = new RoundTrips(clock)
  for (let i = 0; i < 3_000; i++) {
    trips.record(clock.monotonic(), i < 1_500 ? null : i % 50 === 0 ? 6_000 : 20)
    clock.advance(periodMs)
  }
  const { expected, slow, lost, p50Ms, p99Ms, windowMs } = trips.summary()
  assert.equal(windowMs, 24 * 60 * 60_000)
  assert.ok(expected >= 1_439 && expected <= 1_441, `${expected}`)
  assert.ok(lost <= 1 && slow >= 28 && slow <= 29)
  assert.deepEqual([p50Ms, p99Ms], [20, 6_000])
})
