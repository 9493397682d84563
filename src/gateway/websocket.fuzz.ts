import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TLSSocket, connect as connectTls } from 'node:tls'
import { FrameReader, encode } from '#wire/mqtt'
import { gateway } from './gateway-scene.test.ts'
import { makeDer } from '../../test/throwaway-ca.ts'
import { defaultAdmissionLimits } from './admission.ts'
import { openGateway } from './gateway.io.ts'
import { defaultListenerLimits } from './listener-limits.ts'
import { defaultLoadBounds } from './overload.ts'

/*
 * WebSocket frames around MQTT packets, against the real listener: TLS, upgrade, framing and connection are those of the hub. An input
 * is what a client sends after its upgrade: its first byte says how the rest is cut into writes. Nothing may throw, the connection must
 * come to its end when the client has ended, and everything that came back must be whole frames that a server may send.
 */

const patienceMs = 5_000
const eachServed = 100

type Door = { readonly port: number; readonly settle: () => void; readonly strangers: () => number; readonly close: () => Promise<void> }

let door: Promise<Door> | undefined
let runs = 0

async function openDoor(): Promise<Door> {
  const world = gateway()
  const { der, key } = makeDer({ name: 'localhost' })
  const cert = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`
  const tls = { key: key.export({ type: 'pkcs8', format: 'pem' }), cert, clientCa: cert }
  const limits = { ...defaultListenerLimits, connectionsPerIdentity: 10_000, sessionsPerIdentity: 2 * eachServed, maxPacketBytes: 10_000 }
  // The clock stands still, so nothing may be counted by time.
  const admission = {
    ...defaultAdmissionLimits,
    connects: undefined,
    connectsPerAddress: undefined,
    deniedConnects: Number.MAX_SAFE_INTEGER,
  }
  const { ports } = world.desk
  const opened = await openGateway(
    {
      host: '127.0.0.1',
      mqttPort: 0,
      httpsPort: 0,
      amqpPort: 0,
      mqttLimits: limits,
      httpsLimits: limits,
      amqpLimits: limits,
      amqp: { names: ['hub.example'], partitions: 4, createdAt: 0 },
      admission,
      overload: defaultLoadBounds,
      memoryBytes: undefined,
      workers: 0,
    },
    // Nobody shows a certificate here: all are one device.
    {
      ...ports,
      serverTls: () => tls,
      authenticate: (credentials) => ports.authenticate({ ...credentials, certificates: [Buffer.from('device')] }),
    },
    new AbortController().signal,
  )
  return {
    port: opened.httpsPort,
    strangers: () => opened.strangers,
    close: async () => opened[Symbol.asyncDispose](),
    settle: () => {
      world.journal.flush()
      world.journal.records.length = 0
      world.journal.durableEnd = 0
    },
  }
}

const upgrade = `GET /mqtt HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: mqtt\r\n\r\n`

/** What came back before the connection closed, without the answer to the upgrade. The client leaves when it has `wanted` bytes of MQTT. */
async function converse({ port, settle }: Door, writes: readonly Buffer[], wanted: number): Promise<Buffer> {
  const socket: TLSSocket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
  const chunks: Buffer[] = []
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  let isLate = false
  const late = setTimeout(() => {
    isLate = true
    socket.destroy()
  }, patienceMs)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'secureConnect')
  socket.write(upgrade)
  await Promise.race([once(socket, 'data').catch(() => undefined), closed])
  for (const bytes of writes) socket.write(bytes)
  const mqtt = () => unframed(afterUpgrade(Buffer.concat(chunks)))
  while (mqtt().length < wanted && !socket.closed) await Promise.race([once(socket, 'data').catch(() => undefined), closed])
  settle()
  socket.end()
  await closed
  clearTimeout(late)
  assert.ok(!isLate, 'the connection ends when its client has')
  return mqtt()
}

function afterUpgrade(all: Buffer): Buffer {
  const end = all.indexOf('\r\n\r\n')
  assert.match(all.toString('latin1', 0, end), /^HTTP\/1\.1 101 /)
  return all.subarray(end + 4)
}

/** The MQTT in a server's frames. Throws where a server may not say this; a frame that the end cut off is no fault. */
function unframed(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at + 2 <= bytes.length;) {
    const [first = 0, second = 0] = bytes.subarray(at)
    assert.ok([0x82, 0x88, 0x89, 0x8a].includes(first), `opcode ${first.toString(16)}`)
    assert.ok(second < 0x80, 'a server masks nothing')
    const wide = second === 126 ? 2 : second === 127 ? 8 : 0
    if (at + 2 + wide > bytes.length) break
    const length = wide === 0 ? second : wide === 2 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
    if (first === 0x82) parts.push(bytes.subarray(at + 2 + wide, at + 2 + wide + length))
    at += 2 + wide + length
  }
  return Buffer.concat(parts)
}

/** One frame of a client. */
export function frame(opcode: number, payload: Buffer, isLast = true, mask = 0): Buffer {
  const length = payload.length < 126 ? Buffer.of(0x80 | payload.length) : Buffer.of(0xfe, payload.length >> 8, payload.length & 0xff)
  const key = Buffer.alloc(4, mask)
  return Buffer.concat([
    Buffer.of((isLast ? 0x80 : 0) | opcode),
    length,
    key,
    Buffer.from(payload.map((byte, at) => byte ^ (key[at & 3] ?? 0))),
  ])
}

/** What MQTT the hub answers to these writes. With `wanted` 0 the client leaves at once: it may never be answered. */
export async function answerTo(writes: readonly Buffer[], wanted: number): Promise<Buffer> {
  return converse(await (door ??= openDoor()), writes, wanted)
}

/** See above. */
export async function target(input: Buffer): Promise<void> {
  const size = 1 + ((input[0] ?? 0) & 63)
  const isCut = ((input[0] ?? 0) & 64) !== 0
  const rest = input.subarray(1)
  const writes: Buffer[] = []
  for (let at = 0; at < rest.length; at += isCut ? size : rest.length) writes.push(rest.subarray(at, at + (isCut ? size : rest.length)))
  await answerTo(writes, 0)
  if (runs++ % eachServed !== 0) return
  await served()
  // The clock stands still, so sessions that inputs leave would stay for ever, until there is no room for the good client.
  await close()
}

/** Closes what the runs opened. */
export async function close(): Promise<void> {
  await (await door)?.close()
  door = undefined
}

/** A good client gets its CONNACK and PINGRESP, and nobody is left behind. */
async function served(): Promise<void> {
  const packets = [
    encode({ type: 'connect', version: 4, clientId: 'good', cleanStart: true, keepAliveSeconds: 10 }, 4),
    encode({ type: 'pingreq' }, 4),
  ]
  const reader = new FrameReader({ role: 'client', version: 4 })
  reader.push(await answerTo([frame(2, Buffer.concat(packets), true, 0x5a)], 6))
  assert.deepEqual([reader.next()?.type, reader.next()?.type], ['connack', 'pingresp'])
  const { strangers } = await (door ??= openDoor())
  assert.equal(strangers(), 0)
}

const connect5 = encode({ type: 'connect', version: 5, clientId: 'five', cleanStart: true, keepAliveSeconds: 10 }, 5)
const connect4 = encode({ type: 'connect', version: 4, clientId: 'four', cleanStart: false, keepAliveSeconds: 10 }, 4)
const publish = encode(
  { type: 'publish', topic: 'devices/device/x', payload: Buffer.from('hello'), qos: 1, retain: false, dup: false, packetId: 7 },
  4,
)
const subscribe = encode(
  {
    type: 'subscribe',
    packetId: 3,
    subscriptions: [{ filter: 'devices/device/#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  },
  4,
)

/** Good conversations in frames of several shapes, from which others are bred. */
const conversations = [
  [Buffer.of(0), frame(2, connect4), frame(2, subscribe), frame(2, publish), frame(8, Buffer.of(3, 0xe8))],
  [Buffer.of(0), frame(2, Buffer.concat([connect4, subscribe, publish]))],
  [
    Buffer.of(66),
    frame(2, connect5, false),
    frame(9, Buffer.from('x')),
    frame(0, encode({ type: 'pingreq' }, 5)),
    frame(10, Buffer.alloc(0)),
  ],
  [
    Buffer.of(64),
    frame(2, connect4.subarray(0, 5), false),
    frame(0, connect4.subarray(5, 9), false),
    frame(0, connect4.subarray(9), true, 0x77),
  ],
  [Buffer.of(0), frame(1, connect4), frame(9, Buffer.alloc(125))],
  [Buffer.of(0), Buffer.from('82ff7fffffffffffffff00000000', 'hex')],
  [Buffer.of(0), Buffer.from('c2fe000000000000', 'hex'), frame(3, publish)],
  [Buffer.of(0), frame(2, connect4), Buffer.from('8280', 'hex')],
]

/** The same as inputs. */
export function seeds(): readonly Buffer[] {
  return conversations.map((parts) => Buffer.concat(parts))
}
