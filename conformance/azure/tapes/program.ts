import azureDevice from 'azure-iot-device'
import { until, within } from '../../until.ts'
import { plain, report, transportOf } from '../case.ts'

const { Client, Message } = azureDevice

/** What the other side does in the meantime. */
export type OtherSide = { method(): Promise<void>; message(): Promise<void>; desired(): Promise<void> }

/** The program of a device that 12.1 and 12.5 are of, as its maker wrote it: what it is told and what it sees, in its order. */
export async function runDevice(
  over: 'mqtt' | 'amqp',
  connectionString: string,
  ca: string,
  otherSide: OtherSide,
): Promise<readonly string[]> {
  const seen: string[] = []
  const see = (what: string, ...values: readonly unknown[]) => void seen.push(`${what} ${JSON.stringify(values)}`)
  const count = (what: string) => seen.filter((line) => line.startsWith(what)).length
  const client = Client.fromConnectionString(connectionString, transportOf[over])
  await client.setOptions({ ca, modelId: 'dtmi:com:example:T;1' })
  see('opened', Object(await within('it opens', 15_000, client.open())).constructor.name)
  client.onDeviceMethod('reboot', (request, response) => {
    see('method', request.methodName, request.payload)
    void response.send(200, { ok: true })
  })
  client.on('message', (message) => {
    const properties = Array.from({ length: message.properties.count() }, (_, at) => plain(message.properties.getItem(at)))
    see('message', Buffer.from(message.getBytes()).toString(), message.messageId, message.to, properties)
    void client.complete(message)
  })
  const message = new Message('{"t":1}')
  message.messageId = 'm/1'
  message.contentType = 'application/json'
  message.contentEncoding = 'utf-8'
  message.properties.add('a b', 'c&d=é')
  see('sent', Object(await within('the first is sent', 15_000, client.sendEvent(message))).constructor.name)
  see('sent', Object(await within('the second is sent', 15_000, client.sendEvent(new Message('x')))).constructor.name)
  const twin = await within('the twin is read', 15_000, client.getTwin())
  see('twin', plain(twin.properties.desired), twin.properties.reported['$version'])
  const subscribed = new Promise<void>((resolve) => setTimeout(resolve, 200))
  twin.on('properties.desired', (delta) => see('desired', plain(delta)))
  await subscribed
  await report(twin, { b: 2, c: null })
  see('reported', twin.properties.reported['b'])
  await otherSide.method()
  await until('the method is called', 15_000, () => count('method') === 1)
  await otherSide.message()
  await until('the message is heard', 15_000, () => count('message') === 1)
  await otherSide.desired()
  // Of what is desired the SDK tells first all that it knows, then each change.
  await until('the change is heard', 15_000, () => count('desired') === 2)
  await within('it closes', 15_000, client.close())
  see('closed')
  return seen
}
