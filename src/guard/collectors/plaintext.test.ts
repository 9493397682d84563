import assert from 'node:assert/strict'
import { type Server, createServer } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '#base'
import { openWeakHub, weakPki } from '../../../test/weak-hub.ts'
import { brokenPlaintextProbe, collectPlaintext } from './plaintext.io.ts'
import { isTlsAlert, plaintextProbes } from './plaintext.ts'

const signal = new AbortController().signal
const listener = (port: number) => ({ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port })

async function withServer<T>(server: Server, work: (port: number) => Promise<T>): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  try {
    return await work(address.port)
  } finally {
    server.close()
  }
}

async function answersOf(port: number, within: AbortSignal = signal): Promise<Readonly<Record<string, string>>> {
  const [seen] = await collectPlaintext([listener(port)], within)
  assert.ok(seen !== undefined && seen.method === 'plaintext-probe' && 'observed' in seen, JSON.stringify(seen))
  return Object.fromEntries(seen.observed.answers.map(({ protocol, answer }) => [protocol, answer]))
}

test('a TLS listener answers plaintext MQTT, HTTP, AMQP and CoAP with an alert or a close', async () => {
  await using hub = await openWeakHub(weakPki(systemClock.now()))
  const answers = await answersOf(hub.port)
  assert.deepEqual(Object.keys(answers).toSorted(), ['amqp', 'coap', 'http', 'mqtt'])
  for (const answer of Object.values(answers)) assert.ok(answer === 'alert' || answer === 'closed', answer)
})

test('break-it: a broker that answers CONNECT in the clear is noticed, even when it refuses the client', async () => {
  const broker = createServer((socket) => void socket.once('data', () => socket.end(Buffer.from([0x20, 2, 0, 5]))))
  assert.equal((await withServer(broker, answersOf))['mqtt'], 'plaintext')
})

test('break-it: a web server in the clear is noticed; a refusal of plaintext is not service', async () => {
  const answering = (status: string) => createServer((socket) => void socket.once('data', () => socket.end(`HTTP/1.1 ${status}\r\n\r\n`)))
  assert.equal((await withServer(answering('200 OK'), answersOf))['http'], 'plaintext')
  assert.equal((await withServer(answering('302 Found'), answersOf))['http'], 'plaintext')
  assert.equal((await withServer(answering('400 Bad Request'), answersOf))['http'], 'closed')
})

test('a listener that takes everything and says nothing is silent, and one that is not there is a problem', async () => {
  const mute = createServer(() => undefined)
  const answers = await withServer(mute, (port) => answersOf(port, AbortSignal.timeout(400)))
  assert.equal(answers['mqtt'], 'silent')
  const [gone] = await collectPlaintext([listener(1)], signal)
  assert.ok(gone !== undefined && 'problem' in gone)
  assert.match(gone.problem, /unreachable/)
})

test('the plaintext probes notice servers that are known to answer [guard 0.2-6]', async () => {
  assert.equal(await brokenPlaintextProbe(signal), null)
  assert.match((await brokenPlaintextProbe(AbortSignal.abort())) ?? '', /not noticed/)
})

test('no probe takes junk for an answer', () => {
  for (const junk of [
    Buffer.alloc(0),
    Buffer.from([0x15, 3, 1, 0, 2, 2, 70]),
    Buffer.alloc(64, 0xff),
    Buffer.from('SSH-2.0-OpenSSH\r\n'),
    Buffer.from([0x20]),
  ])
    for (const probe of plaintextProbes) assert.equal(probe.answers(junk), false, `${probe.protocol} ${junk.toString('hex')}`)
  assert.equal(isTlsAlert(Buffer.from([21, 3, 3, 0, 2, 2, 40])), true)
})
