import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Server, createServer } from 'node:net'
import { test } from 'node:test'
import { judgeControl } from '../fixtures/judge.ts'
import { parseSocketTable } from './socket-table.ts'
import { collectSockets, readSockets } from './sockets.io.ts'

const signal = new AbortController().signal

async function listening(host: string): Promise<AsyncDisposable & { readonly port: number; readonly server: Server }> {
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return { server, port: address.port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) }
}

test('the kernel shows what this process listens on, and that it is ours', async () => {
  await using one = await listening('127.0.0.1')
  const found = (await readSockets()).find((socket) => socket.port === one.port)
  assert.deepEqual(found, { transport: 'tcp', address: '127.0.0.1', port: one.port, own: true })
})

test('sockets that are the declared ones pass TW-CON-01', async () => {
  await using one = await listening('127.0.0.1')
  const measured = await collectSockets([{ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port: one.port }], signal, [])
  assert.equal(judgeControl('TW-CON-01', measured).verdict, 'pass')
})

test('break-it: an undeclared listener of our process fails TW-CON-01, on loopback and beyond', async () => {
  await using mqtt = await listening('127.0.0.1')
  const declared = [{ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port: mqtt.port }]
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    await using debug = await listening(host)
    const said = judgeControl('TW-CON-01', await collectSockets(declared, signal, []))
    assert.equal(said.verdict, 'fail')
    assert.match(said.reason, new RegExp(`${host}:${debug.port}, which no configuration declares`))
  }
})

test('break-it: a listener declared on loopback but bound to all addresses fails TW-CON-01', async () => {
  await using mqtt = await listening('0.0.0.0')
  const measured = await collectSockets([{ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port: mqtt.port }], signal, [])
  const said = judgeControl('TW-CON-01', measured)
  assert.equal(said.verdict, 'fail')
  assert.match(said.reason, /declared on 127\.0\.0\.1 but bound to 0\.0\.0\.0/)
})

test('a declared listener that the kernel does not show is unknown', async () => {
  const said = judgeControl(
    'TW-CON-01',
    await collectSockets([{ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port: 1 }], signal, []),
  )
  assert.equal(said.verdict, 'unknown')
})

test('break-it: a plaintext broker of another process on this host fails TW-CON-01', async () => {
  const program = `require('net').createServer((s) => s.once('data', () => s.end(Buffer.from([0x20, 2, 0, 0])))).listen(0, '0.0.0.0', function () { console.log(this.address().port) })`
  const broker = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = await once(broker.stdout, 'data')
    const port = Number(String(line))
    const measured = await collectSockets([], signal, [{ port, transport: 'tcp', protocol: 'mqtt' }])
    const said = judgeControl('TW-CON-01', measured)
    assert.equal(said.verdict, 'fail')
    assert.match(said.reason, new RegExp(`Another process of this host answers plaintext MQTT on 0\\.0\\.0\\.0:${port}`))
  } finally {
    broker.kill()
    await once(broker, 'exit')
  }
})

test('the kernel table is read in both families, and nonsense in it is left out', () => {
  const head = 'sl local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n'
  const row = (local: string, state: string, inode = '77', remote = '00000000:0000') =>
    ` 0: ${local} ${remote} ${state} 0:0 0:0 0 0 0 ${inode} 1`
  const read = (text: string, transport: 'tcp' | 'udp' = 'tcp') => parseSocketTable(transport, head + text)
  assert.deepEqual(read(row('0100007F:22B3', '0A')), [{ transport: 'tcp', address: '127.0.0.1', port: 8883, inode: '77' }])
  assert.equal(read(row('00000000000000000000000001000000:01BB', '0A'))[0]?.address, '::1')
  assert.equal(read(row('00000000000000000000000000000000:01BB', '0A'))[0]?.address, '::')
  assert.equal(read(row('0000000000000000FFFF00000100007F:01BB', '0A'))[0]?.address, '::ffff:127.0.0.1')
  assert.equal(read(row('B80D0120000000000000000001000000:01BB', '0A'))[0]?.address, '2001:db8:0:0:0:0:0:1')
  assert.deepEqual(read(row('0100007F:22B3', '01')), [], 'a connection is no listener')
  assert.deepEqual(read(row('0100007F:1633', '07', '5', '0100007F:0001'), 'udp'), [], 'a connected datagram socket is no listener')
  assert.equal(read(row('0100007F:1633', '07'), 'udp').length, 1)
  for (const junk of ['', 'x', ' 0: zz', row('0100007:22B3', '0A'), row('0100007F:22B', '0A'), '\0\0\0']) assert.deepEqual(read(junk), [])
})
