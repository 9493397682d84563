import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { type TLSSocket, connect } from 'node:tls'
import { makeDer } from '../../../test/throwaway-ca.ts'
import { systemClock } from '#base'
import { defaultAdmissionLimits } from '../admission.ts'
import { gateway } from '../gateway-scene.test.ts'
import { openGateway } from '../gateway.io.ts'
import { defaultListenerLimits } from '../listener-limits.ts'
import { defaultLoadBounds } from '../overload.ts'

/** A real listener on a real clock, with little patience. */
async function door(more: { readonly handshakeMs?: number; readonly connectMs?: number } = {}) {
  const world = gateway()
  const { der, key } = makeDer({ name: 'localhost' })
  const cert = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`
  const tls = { key: key.export({ type: 'pkcs8', format: 'pem' }), cert, clientCa: cert }
  const limits = { ...defaultListenerLimits, ...more }
  const asked: string[] = []
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
      admission: defaultAdmissionLimits,
      overload: defaultLoadBounds,
      memoryBytes: undefined,
      workers: 0,
    },
    {
      ...world.desk.ports,
      clock: systemClock,
      serverTls: () => tls,
      http(request, response) {
        asked.push(`${request.method} ${request.url}`)
        response.end('others')
      },
    },
    new AbortController().signal,
  )
  const flush = setInterval(() => world.journal.flush(), 5)
  return {
    ...world,
    opened,
    asked,
    /** Says something, and everything that was answered until the connection closed or `enough` is true of it. */
    async say(text: string, enough: (answer: string) => boolean = () => false): Promise<string> {
      const socket: TLSSocket = connect({ host: '127.0.0.1', port: opened.httpsPort, rejectUnauthorized: false })
      socket.on('error', () => undefined)
      let answer = ''
      socket.setEncoding('latin1')
      const done = new Promise<void>((resolve) => {
        socket.on('data', (part: string) => {
          answer += part
          if (enough(answer)) resolve()
        })
        socket.once('close', () => resolve())
      })
      await once(socket, 'secureConnect')
      socket.write(text)
      await done
      socket.destroy()
      return answer
    },
    async [Symbol.asyncDispose]() {
      clearInterval(flush)
      await opened[Symbol.asyncDispose]()
    },
  }
}

const send = (body: string, more = '') =>
  `POST /devices/pump-1/messages/events?api-version=2021-04-12 HTTP/1.1\r\nhost: localhost\r\nauthorization: token of pump-1\r\n${more}content-length: ${body.length}\r\n\r\n${body}`
const whole = (count: number) => (answer: string) => answer.split('HTTP/1.1 204').length > count

test('requests of devices are answered here, in order, on one connection; the rest is for others', async () => {
  await using here = await door()
  assert.match(await here.say(send('a') + send('b') + send('c'), whole(3)), /^(HTTP\/1\.1 204 [^]*?\r\n\r\n){3}$/)
  const bodies = here.facts().flatMap((fact) => (fact.kind === 'telemetry' ? [fact.body.toString()] : []))
  assert.deepEqual(bodies, ['a', 'b', 'c'])
  assert.match(
    await here.say('GET /devices/pump-1?api-version=x HTTP/1.1\r\nhost: localhost\r\n\r\n', (answer) => answer.endsWith('others')),
    /200/,
  )
  assert.deepEqual(here.asked, ['GET /devices/pump-1?api-version=x'])
  assert.match(await here.say('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n', (answer) => answer.includes('ok"}')), /200/)
})

test('whoever has shown who they are is no stranger any more', async () => {
  await using here = await door()
  let strangers = -1
  await here.say(send('a'), (answer) => {
    strangers = here.opened.strangers
    return whole(1)(answer)
  })
  assert.equal(strangers, 0)
})

test('slowloris: headers that never end, and a body that never ends, are cut off in their time', async () => {
  await using here = await door({ handshakeMs: 200, connectMs: 300 })
  assert.match(await here.say('POST /devices/pump-1/messages/events HTTP/1.1\r\nhost: loc'), /^(HTTP\/1\.1 408|)/)
  await here.say(send('a').replace('content-length: 1', 'content-length: 1000'))
  await here.say('POST /messages/devicebound HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nx', () => false)
  assert.equal(here.opened.strangers, 0)
})

test('headers beyond the limit, a request that is none, and one of two lengths are refused and cut off', async () => {
  await using here = await door()
  for (const text of [
    `POST /devices/pump-1/messages/events HTTP/1.1\r\nhost: localhost\r\niothub-app-x: ${'x'.repeat(1_000_000)}\r\n\r\n`,
    'nonsense\r\n\r\n',
    'POST /devices/pump-1/messages/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ])
    assert.match(await here.say(text), /^(HTTP\/1\.1 4|$)/)
})

test('a large body that is refused before it was read ends the connection', async () => {
  await using here = await door()
  const answer = await here.say(send('x'.repeat(10), '').replace('content-length: 10', 'content-length: 100000000'))
  assert.match(answer, /^HTTP\/1\.1 413 [^]*connection: close/i)
})

test('idle connections do not keep the hub from going down', async () => {
  const here = await door()
  const socket = connect({ host: '127.0.0.1', port: here.opened.httpsPort, rejectUnauthorized: false })
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  socket.write(send('a'))
  await once(socket, 'data')
  const before = performance.now()
  await here[Symbol.asyncDispose]()
  assert.ok(performance.now() - before < 3_000)
  socket.destroy()
})
