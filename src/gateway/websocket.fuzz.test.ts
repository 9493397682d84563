import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { encode } from '#wire/mqtt'
import { replayAsync } from '../../test/fuzz.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import { answerTo, close, frame, seeds, target } from './websocket.fuzz.ts'

after(close)

test('CVE-2026-25627: frames that lie, overlap, nest or end early are refused or read, and others are served', () =>
  replayAsync(target, seeds(), 250, 0x25627))

test('packets in frames cut, merged, masked, fragmented, with control frames between: the answers are the same [MQTT-6.0.0-2]', async () => {
  const own = 'devices/device/cut'
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const message = { type: 'publish', topic: own, retain: false, dup: false } as const
  const stream = Buffer.concat([
    encode({ type: 'connect', version: 4, clientId: 'cut', cleanStart: true, keepAliveSeconds: 10 }, 4),
    encode({ type: 'subscribe', packetId: 1, subscriptions: [{ filter: 'devices/device/none', ...options }] }, 4),
    encode({ ...message, payload: Buffer.alloc(300, 'm'), qos: 0, packetId: undefined }, 4),
    encode({ type: 'pingreq' }, 4),
    encode({ type: 'unsubscribe', packetId: 2, filters: ['devices/device/none'] }, 4),
    encode({ type: 'pingreq' }, 4),
  ])
  // CONNACK, SUBACK, PINGRESP, UNSUBACK, PINGRESP.
  const wanted = 4 + 5 + 2 + 4 + 2
  const whole = await answerTo([frame(2, stream)], wanted)
  assert.equal(whole.length, wanted)
  const random = new SeededRandom(0x6002)
  for (let round = 0; round < 60; round++) {
    const frames: Buffer[] = []
    let isInside = false
    for (let at = 0; at < stream.length;) {
      const size = random.integer(random.integer(3) === 0 ? 200 : 12)
      const isLast = random.integer(2) === 0 || at + size >= stream.length
      frames.push(frame(isInside ? 0 : 2, stream.subarray(at, at + size), isLast, random.integer(256)))
      if (random.integer(4) === 0) frames.push(frame(9, random.bytes(random.integer(126)), true, random.integer(256)))
      isInside = !isLast
      at += size
    }
    const bytes = Buffer.concat(frames)
    const writes: Buffer[] = []
    for (let at = 0; at < bytes.length;) {
      const size = 1 + random.integer(80)
      writes.push(bytes.subarray(at, at + size))
      at += size
    }
    assert.deepEqual(await answerTo(round % 2 === 0 ? writes : [bytes], wanted), whole, `round ${round}`)
  }
})
