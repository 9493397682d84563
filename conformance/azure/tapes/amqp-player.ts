import { randomBytes, randomUUID } from 'node:crypto'
import rhea, { type EventContext, type Message, type Sender } from 'rhea'
import { tapeHost } from '../suite-hub.ts'
import type { Behind } from './amqp-tape.ts'
import { device } from './mqtt-transcript.ts'
import type { OwnCertificate } from './tape.ts'

/** The server's part of azure-wire 12.5, played with the library that the transcript was captured with. */
export async function playAmqp(own: OwnCertificate): Promise<Behind & AsyncDisposable> {
  const container = rhea.create_container({ id: 'transcript' })
  const senders = new Map<string, Sender>()
  const tell = (address: string, message: Message) => void senders.get(address)?.send(message)
  const [twin, methods, bound] = ['twin', 'methods/devicebound', 'messages/devicebound'].map((path) => `/devices/${device}/${path}`)
  if (twin === undefined || methods === undefined || bound === undefined) throw new Error('no addresses')
  const desired = '/notifications/twin/properties/desired'
  container.on('sender_open', ({ sender }: EventContext) => {
    if (sender === undefined) return
    sender.set_source({ address: sender.source.address })
    senders.set(sender.source.address, sender)
  })
  container.on('receiver_open', ({ receiver }: EventContext) => {
    receiver?.set_target({ address: receiver.target.address })
  })
  container.on('message', ({ message, receiver }: EventContext) => {
    const address = receiver?.target.address
    if (message === undefined) return
    if (address === '$cbs') {
      const properties = { 'status-code': 200, 'status-description': 'OK' }
      tell('$cbs', { ...reply(message.message_id), application_properties: properties, body: undefined })
    }
    if (address === twin) {
      const { operation } = Object(message.message_annotations)
      const answer = (annotations: Record<string, unknown>, body = '') =>
        tell(twin, { ...reply(message.correlation_id), message_annotations: annotations, body: data(body) })
      if (operation === 'GET') answer({ status: 200 }, '{"desired":{"a":1,"$version":2},"reported":{"$version":1}}')
      if (operation === 'PUT') answer({ status: 200 })
      if (operation !== 'PATCH') return
      answer({ status: 200, version: 2 })
      tell(methods, {
        correlation_id: randomUUID(),
        application_properties: { 'IoThub-methodname': 'reboot' },
        body: data('{"x":1}'),
      })
    }
    if (address !== methods) return
    // With the annotations of azure-wire 4.4: the transcript is shortened.
    const annotations = {
      'iothub-enqueuedtime': rhea.types.wrap_timestamp(1_700_000_000_000),
      'iothub-deliverycount': rhea.types.wrap_ubyte(0),
      'x-opt-lock-token': rhea.types.wrap_uuid(randomBytes(16)),
      'x-opt-sequence-number': rhea.types.wrap_ulong(1),
    }
    tell(bound, {
      message_annotations: annotations,
      message_id: 'abc',
      to: bound,
      application_properties: { p2: '', p3: 'a b' },
      body: data('hi'),
    })
    tell(twin, { message_annotations: { resource: desired }, body: data('{"a":3,"$version":3}') })
  })
  const server = container.listen({ host: '127.0.0.1', port: 0, transport: 'tls', cert: own.cert, key: own.key })
  await new Promise<void>((resolve) => server.once('listening', () => resolve()))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    host: '127.0.0.1',
    port,
    ca: own.cert,
    servername: tapeHost,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => void server.close(() => done())),
  }
}

const reply = (to: unknown): { correlation_id?: string } => (typeof to === 'string' ? { correlation_id: to } : {})
const data = (text: string): unknown => rhea.message.data_section(Buffer.from(text))
