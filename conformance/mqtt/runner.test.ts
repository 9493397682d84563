import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Packet, generate, parser } from 'mqtt-packet'
import { bytes, encode } from './runner-encode.ts'
import { readSteps } from './runner-line.ts'
import { fieldsOf, mismatch } from './runner-match.ts'
import { brokenRule } from './runner-rules.ts'

/** What a line says, as bytes. */
function written(line: string, version: 4 | 5 = 5): string {
  const [step] = readSteps(`A > ${line}`)
  assert.ok(step)
  return encode(step.what, step.words, version).toString('hex')
}

const read = (raw: Buffer): Packet => {
  const packets: Packet[] = []
  const reading = parser({ protocolVersion: 5 })
  reading.on('packet', (packet) => packets.push(packet))
  reading.parse(raw)
  const [packet] = packets
  assert.ok(packet)
  return packet
}

/** What a line finds wrong with a packet of the hub. */
function judged(line: string, packet: Packet, memory = new Map<string, string>()): string | undefined {
  const raw = generate(packet, { protocolVersion: 5 })
  const [step] = readSteps(`A < ${line}`)
  assert.ok(step)
  return mismatch(step.what, step.words, fieldsOf({ raw, packet: read(raw) }), memory)
}

test('packets are written as another encoder writes them', () => {
  const same = (line: string, packet: Packet, version: 4 | 5 = 5): void =>
    assert.equal(written(line, version), generate(packet, { protocolVersion: version }).toString('hex'))
  const connect = { cmd: 'connect', protocolId: 'MQTT', clientId: 'a', keepalive: 60 } as const
  const will = { topic: 'w', payload: Buffer.from('bye'), qos: 1, retain: true } as const
  same('CONNECT clean id=a will=w willPayload=bye willQos=1 willRetain', { ...connect, protocolVersion: 4, clean: true, will }, 4)
  const properties = { sessionExpiryInterval: 60, receiveMaximum: 2 }
  same('CONNECT id=a sessionExpiryInterval=60 receiveMaximum=2', { ...connect, protocolVersion: 5, clean: false, properties })
  same('CONNECT clean id=a user=u pass=p', { ...connect, protocolVersion: 4, clean: true, username: 'u', password: Buffer.from('p') }, 4)
  const publish = { cmd: 'publish', topic: 't/a', payload: 'two words', qos: 2, dup: true, retain: true, messageId: 7 } as const
  same('PUBLISH t/a "two words" qos=2 dup retain id=7 contentType=x', { ...publish, properties: { contentType: 'x' } })
  same('SUBSCRIBE 9 a/#:2,nl,rap,rh1 subscriptionIdentifier=300', {
    cmd: 'subscribe',
    messageId: 9,
    subscriptions: [{ topic: 'a/#', qos: 2, nl: true, rap: true, rh: 1 }],
    properties: { subscriptionIdentifier: 300 },
  })
  same('UNSUBSCRIBE 9 a b', { cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['a', 'b'], properties: {} })
  same('PINGREQ', { cmd: 'pingreq' })
  assert.equal(written('PUBREL 258 0x92'), '6203010292')
  assert.equal(written('DISCONNECT'), 'e000')
  assert.equal(written('AUTH 0x19 authenticationMethod=x'), 'f006190415000178')
})

test('what no client should send is written as it is said', () => {
  assert.equal(written('PINGREQ flags=1'), 'c100')
  assert.equal(written('PUBLISH a x qos=3 id=0'), '360700016100000078')
  assert.equal(written('SUBSCRIBE 1 a:0xC1'), '8207000100000161c1')
  assert.equal(bytes(['30', '[', '"ab"', '[', '03', ']', "'x'", ']']).toString('hex'), '300700026162010378')
  assert.equal(bytes(['ff', '"a b"']).toString('hex'), 'ff0003612062')
  assert.throws(() => bytes(['zz']), /no byte/)
  assert.throws(() => written('NONSENSE'), /no packet is called NONSENSE/)
})

test('only what a line names is compared, and what differs is found', () => {
  const publish = { cmd: 'publish', topic: 't', payload: 'hello', qos: 1, dup: false, retain: false, messageId: 7 } as const
  assert.equal(judged('PUBLISH', publish), undefined)
  assert.equal(judged('PUBLISH t hello qos=1 id=7 dup=0 contentType=absent', publish), undefined)
  for (const wrong of ['topic=x', 'payload=hell', 'qos=0', 'dup=1', 'contentType=present', 'id=!7', 'id=8..9', 'qos=0|2', 'contains=ffff'])
    assert.equal(judged(`PUBLISH ${wrong}`, publish), wrong)
  assert.equal(judged('PUBLISH t hello retain', publish), 'retain=1')
  assert.equal(judged('PUBACK 7', publish), 'a PUBACK')
  assert.equal(judged('SUBACK 1 1 0x87', { cmd: 'suback', messageId: 1, granted: [1, 0x87] }), undefined)
  assert.equal(judged('SUBACK 1 1', { cmd: 'suback', messageId: 1, granted: [1, 0x87] }), 'granted=1')
  assert.equal(judged('SUBACK 1 0x87 1', { cmd: 'suback', messageId: 1, granted: [1, 0x87] }), 'granted=0x87,1')
})

test('what is remembered must stay the same', () => {
  const memory = new Map<string, string>()
  const ack = (messageId: number): Packet => ({ cmd: 'puback', messageId, reasonCode: 0 })
  assert.equal(judged('PUBACK ?m', ack(7), memory), undefined)
  assert.equal(memory.get('?m'), '7')
  assert.equal(judged('PUBACK ?m', ack(7), memory), undefined)
  assert.equal(judged('PUBACK ?m', ack(8), memory), 'id=?m')
  assert.equal(judged('PUBACK !?m', ack(8), memory), undefined)
})

test('rules that hold for every packet are seen broken', () => {
  const broken = (hex: string, version: 4 | 5 = 5, size = 1_000): string | undefined => {
    const raw = Buffer.from(hex, 'hex')
    return brokenRule(raw, read(raw), version, size)
  }
  assert.equal(broken('30050001610078'), undefined)
  assert.match(broken('30050001610078', 5, 6) ?? '', /MQTT-3\.1\.2-24/)
  assert.match(broken('300500012b0078') ?? '', /MQTT-3\.3\.2-2/)
  assert.match(broken('320700016100000078') ?? '', /MQTT-2\.2\.1-4/)
  assert.match(broken('300a00016105180000000178') ?? '', /willDelayInterval in publish/)
  assert.match(broken('e00182', 4) ?? '', /3\.1\.1/)
})

test('lines that nobody can read are refused, comments and air are not', () => {
  assert.deepEqual(
    readSteps('\n  # a title\n\n A closed 0x82 # why\n').map(({ line, number }) => [line, number]),
    [['A closed 0x82', 4]],
  )
  assert.throws(() => readSteps('closed'), /names no connection/)
})
