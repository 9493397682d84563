import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeHelloAnswer, decodeServerCurve, encodeClientHello } from './hello.ts'
import { mountOf, parseMounts, parseSwaps } from './mounts.ts'
import { decodeReplies, encodeConnect, encodePublish } from './mqtt-probe.ts'
import { decodeFrames, decodeUpgrade, encodeFrame, encodeUpgrade } from './websocket.ts'

const random = Buffer.alloc(32, 7)
const offer = { version: 'TLSv1.2', suites: [0xc02b], groups: [23], schemes: [0x0403], serverName: 'localhost' } as const

test('a ClientHello says its own lengths and offers what it was asked to [RFC 5246 section 7.4.1.2]', () => {
  const hello = encodeClientHello(offer, random)
  assert.deepEqual([hello[0], hello.readUInt16BE(1), hello.readUInt16BE(3)], [22, 0x0301, hello.length - 5])
  assert.equal(hello[5], 1)
  assert.equal(hello.readUIntBE(6, 3), hello.length - 9)
  assert.equal(hello.readUInt16BE(9), 0x0303)
  assert.ok(hello.includes('localhost'))
  const old = encodeClientHello({ ...offer, version: 'SSLv3' }, random)
  assert.equal(old.readUInt16BE(1), 0x0300, 'SSLv3 in the record too')
  assert.ok(!old.includes('localhost'), 'SSLv3 has no extensions')
})

test('the answer to a ClientHello does not depend on how it was cut, and hostile bytes give no more than a verdict', () => {
  const hello = Buffer.concat([Buffer.from([22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3]), Buffer.alloc(32), Buffer.from([0, 0xc0, 0x2b, 0])])
  for (let length = 0; length < hello.length - 1; length++) assert.equal(decodeHelloAnswer(hello.subarray(0, length)).kind, 'more')
  assert.deepEqual(decodeHelloAnswer(hello), { kind: 'server-hello', version: 'TLSv1.2', suite: 0xc02b })
  assert.deepEqual(decodeHelloAnswer(Buffer.from([21, 3, 3, 0, 2, 2, 40])), { kind: 'alert', description: 40 })
  for (const other of ['HTTP/1.1 400 Bad Request', 'SSH-2.0', ' \x02\x00\x00'])
    assert.equal(decodeHelloAnswer(Buffer.from(other)).kind, 'not-tls')
  const longSession = Buffer.from(hello)
  longSession[43] = 33
  assert.equal(decodeHelloAnswer(longSession).kind, 'not-tls')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeHelloAnswer(Buffer.from(bytes))
      decodeServerCurve(Buffer.from(bytes))
      decodeServerCurve(Buffer.concat([Buffer.from([22, 3, 3, 0, bytes.length]), Buffer.from(bytes)]))
    }),
  )
})

test('a curve is read from a ServerKeyExchange across records, and none from a flight without one', () => {
  const record = (bytes: Buffer) => Buffer.concat([Buffer.from([22, 3, 3, bytes.length >> 8, bytes.length & 255]), bytes])
  const exchange = Buffer.from([12, 0, 0, 3, 3, 0, 21])
  const hello = Buffer.from([2, 0, 0, 1, 0])
  assert.equal(decodeServerCurve(Buffer.concat([record(hello), record(exchange)])), 21)
  assert.equal(
    decodeServerCurve(Buffer.concat([record(Buffer.concat([hello, exchange.subarray(0, 3)])), record(exchange.subarray(3))])),
    21,
  )
  assert.equal(decodeServerCurve(record(Buffer.from([14, 0, 0, 0]))), null)
  assert.equal(decodeServerCurve(Buffer.from([21, 3, 3, 0, 2, 2, 40])), null)
  assert.equal(decodeServerCurve(record(hello)), 'more')
})

test('replies are cut off the stream whatever the cuts, and junk ends the reading', () => {
  const stream = Buffer.concat([Buffer.from([0x20, 2, 0, 0]), Buffer.from([0x40, 2, 1, 2]), Buffer.from([0xd0, 0])])
  const whole = decodeReplies(stream)
  assert.deepEqual(whole.replies, [{ kind: 'connack', accepted: true }, { kind: 'puback', packetId: 258 }, { kind: 'other' }])
  for (let cut = 0; cut <= stream.length; cut++) {
    const first = decodeReplies(stream.subarray(0, cut))
    const second = decodeReplies(Buffer.concat([first.rest, stream.subarray(cut)]))
    assert.deepEqual([...first.replies, ...second.replies], whole.replies)
  }
  assert.equal(decodeReplies(Buffer.from([0x20, 2, 0, 5])).replies[0]?.kind, 'connack')
  assert.deepEqual(decodeReplies(Buffer.from([0x20, 2, 0, 5])).replies[0], { kind: 'connack', accepted: false })
  assert.equal(decodeReplies(Buffer.from([0x20, 0xff, 0xff, 0xff, 0xff, 1])).malformed, true)
  assert.equal(decodeReplies(Buffer.from([0x20, 0xff, 0xff, 0x7f])).malformed, true, 'no probe asks for two megabytes')
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeReplies(Buffer.from(bytes))))
})

test('packets that a probe writes are those of MQTT 3.1.1 [MQTT-3.1.2, MQTT-3.3.2]', () => {
  assert.equal(encodeConnect('a', 60).toString('hex'), '100d00044d5154540402003c000161')
  assert.equal(encodePublish('t', 7, Buffer.from('hi')).toString('hex'), '320700017400076869')
  assert.deepEqual([...encodePublish('t', 7, Buffer.alloc(200)).subarray(0, 3)], [0x32, 0xcd, 0x01], 'a length of two bytes')
})

test('frames of a WebSocket are masked on the way out and read whole on the way in [RFC 6455 section 5]', () => {
  const upgrade = encodeUpgrade('hub', '/x', Buffer.alloc(16)).toString()
  assert.match(upgrade, /^GET \/x HTTP\/1\.1\r\n[^]*Sec-WebSocket-Protocol: mqtt\r\n\r\n$/)
  assert.equal(decodeUpgrade(Buffer.from('HTTP/1.1 101 Switching Protocols\r\n')).kind, 'more')
  assert.equal(decodeUpgrade(Buffer.from('HTTP/1.1 403 Forbidden\r\n\r\n')).kind, 'refused')
  assert.equal(decodeUpgrade(Buffer.alloc(20_000)).kind, 'refused', 'an endless head')
  const open = decodeUpgrade(Buffer.from('HTTP/1.1 101 Switching Protocols\r\n\r\nrest'))
  assert.ok(open.kind === 'open' && open.rest.toString() === 'rest')
  const frame = encodeFrame(Buffer.from('abc'), Buffer.from([1, 2, 3, 4]))
  assert.deepEqual([...frame], [0x82, 0x83, 1, 2, 3, 4, 0x61 ^ 1, 0x62 ^ 2, 0x63 ^ 3])
  const incoming = Buffer.concat([Buffer.from([0x82, 3]), Buffer.from('abc'), Buffer.from([0x82, 126, 0, 200]), Buffer.alloc(200)])
  for (let cut = 0; cut <= incoming.length; cut++) {
    const first = decodeFrames(incoming.subarray(0, cut))
    const second = decodeFrames(Buffer.concat([first.rest, incoming.subarray(cut)]))
    assert.deepEqual(
      [...first.payloads, ...second.payloads].map((payload) => payload.length),
      [3, 200],
    )
  }
  for (const end of [
    [0x88, 0],
    [0x82, 127],
    [0x02, 3],
    [0x82, 0x83],
  ])
    assert.equal(decodeFrames(Buffer.from(end)).ended, true)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeFrames(Buffer.from(bytes))))
})

test('the volume of a path is the mount that is nearest above it [proc(5)]', () => {
  const mounts = parseMounts(
    [
      '21 1 8:1 / / rw - ext4 /dev/sda1 rw',
      '22 21 253:0 / /home rw,relatime shared:1 - ext4 /dev/mapper/home rw',
      '23 22 0:40 / /home/a\\040b rw - tmpfs tmpfs rw',
      'nonsense',
      '',
    ].join('\n'),
  )
  assert.equal(mountOf('/home/x/data', mounts)?.device, '253:0')
  assert.equal(mountOf('/homes/x', mounts)?.device, '8:1')
  assert.equal(mountOf('/home/a b/c', mounts)?.type, 'tmpfs')
  assert.deepEqual(parseSwaps('Filename Type Size\n/dev/sda2 partition 1\n/swap.img file 2\n'), ['/dev/sda2', '/swap.img'])
  assert.deepEqual(parseSwaps('Filename Type Size\n'), [])
})
