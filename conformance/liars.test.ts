import assert from 'node:assert/strict'
import { type Socket, connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { type TLSSocket, connect as connectTls } from 'node:tls'
import { HubProcess } from './hub.ts'
import { connackOf, connectPacket } from './raw-client.ts'
import { until } from './until.ts'

/** Connections in all; THINGWALL_LIARS=100000 for the long run. At most `atOnce` are open at a time, as one machine allows. */
const liars = Number(process.env['THINGWALL_LIARS'] ?? 10_000)
const atOnce = 2_000
/**
 * What the hub may grow by: 2,000 unproven sockets at a time with their TLS, and garbage. The number of liars must not matter: it was
 * 270 MB at most in runs of 10,000, 100,000 and 200,000.
 */
const allowedBytes = 352 * 1024 * 1024

/** A peer that opens a connection and then does not do its part. Each kind stops at another place. */
const kinds: readonly ((port: number, address: string) => Socket)[] = [
  // Connects and says nothing.
  (port, address) => connectTcp({ port, host: '127.0.0.1', localAddress: address }),
  // Begins a TLS record of 16 KB and stops after its header.
  (port, address) => {
    const socket = connectTcp({ port, host: '127.0.0.1', localAddress: address })
    socket.write(Buffer.from('1603014000010000', 'hex'))
    return socket
  },
  // Completes TLS, announces a CONNECT of 256 MB and sends one byte of it.
  (port, address) => {
    const tcp = connectTcp({ port, host: '127.0.0.1', localAddress: address })
    const socket: TLSSocket = connectTls({ socket: tcp, rejectUnauthorized: false })
    socket.on('error', () => undefined)
    socket.on('secureConnect', () => socket.write(Buffer.from('10ffffff7f00', 'hex')))
    return tcp
  },
  // Completes TLS and sends a CONNECT that never ends, a byte short of the limit.
  (port, address) => {
    const tcp = connectTcp({ port, host: '127.0.0.1', localAddress: address })
    const socket: TLSSocket = connectTls({ socket: tcp, rejectUnauthorized: false })
    socket.on('error', () => undefined)
    socket.on('secureConnect', () => socket.write(Buffer.concat([Buffer.from('10f03e00044d515454', 'hex'), Buffer.alloc(7_900, 0x61)])))
    return tcp
  },
]

test(`${liars} half-open liars cost bounded memory, and an honest device still gets in`, { timeout: 1_200_000 }, async () => {
  await using hub = await HubProcess.open()
  const device = await hub.addDevice('honest')
  const before = hub.rssBytes()
  let peak = before
  const open: Socket[] = []
  let opened = 0
  try {
    while (opened < liars) {
      for (let i = 0; i < 100 && opened < liars; i++, opened++) {
        const address = `127.0.${1 + (opened % 8)}.${1 + (opened % 250)}`
        const kind = kinds[opened % kinds.length]
        const socket = kind?.(opened % 2 === 0 ? hub.ports.mqtt : hub.ports.https, address)
        if (socket === undefined) continue
        socket.on('error', () => undefined)
        open.push(socket)
      }
      await new Promise((resolve) => setImmediate(resolve))
      while (open.length > atOnce) open.shift()?.destroy()
      if (opened % 1_000 === 0) {
        await until('the hub answers', 10_000, async () => (await hub.api('GET', '/healthz')).status === 200)
        peak = Math.max(peak, hub.rssBytes())
      }
    }
    for (const transport of ['mqtts', 'wss'] as const)
      assert.equal(await connackOf(hub, transport, { cert: device.cert, key: device.key }, connectPacket('honest')), 0, `over ${transport}`)
    peak = Math.max(peak, hub.rssBytes())
  } finally {
    for (const socket of open) socket.destroy()
  }
  const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`
  console.log(`  ${liars} liars: ${mebibytes(before)} before, ${mebibytes(peak)} at most`)
  assert.ok(peak - before <= allowedBytes, `grew by ${mebibytes(peak - before)}`)
})
