import azureDevice from 'azure-iot-device'
import azureHttp from 'azure-iot-device-http'
import { until, within } from '../../until.ts'
import { plain } from '../case.ts'
import { suiteHost } from '../suite-hub.ts'
import type { Answer } from './http-tape.ts'
import { device } from './mqtt-transcript.ts'

const { Client, Message } = azureDevice

/** The program of a device that the first lines of 12.4 are of. */
export async function runHttpDevice(connectionString: string, ca: string): Promise<readonly string[]> {
  const seen: string[] = []
  const see = (what: string, ...values: readonly unknown[]) => void seen.push(`${what} ${JSON.stringify(values)}`)
  const client = Client.fromConnectionString(connectionString, azureHttp.Http)
  await client.setOptions({ ca, http: { receivePolicy: { interval: 1 } } })
  await within('it opens', 15_000, client.open())
  const message = new Message('{"t":1}')
  message.messageId = 'i1'
  message.contentType = 'application/json'
  message.contentEncoding = 'utf-8'
  message.properties.add('k', 'v')
  await within('a message is sent', 15_000, client.sendEvent(message))
  const [one, two] = [new Message('{"x":1}'), new Message('b')]
  one.properties.add('k', 'v')
  two.properties.add('p', 'q')
  await within('a batch is sent', 15_000, client.sendEventBatch([one, two]))
  const verbs = ['complete', 'reject', 'abandon', 'complete'] as const
  client.on('message', (heard) => {
    const verb = verbs[seen.length]
    const properties = Array.from({ length: heard.properties.count() }, (_, at) => plain(heard.properties.getItem(at)))
    see('message', Buffer.from(heard.getBytes()).toString(), heard.messageId, properties)
    if (verb !== undefined) client[verb](heard).catch((error: unknown) => see('error', String(error)))
  })
  await until('each message is heard, and one twice', 15_000, () => seen.length === 4)
  const place = await within('a place is given', 15_000, client.getBlobSharedAccessSignature('my file.txt'))
  see('place', Object.keys(place).toSorted(), Object(place).containerName, Object(place).blobName)
  await within('the end is told', 15_000, client.notifyBlobUploadStatus(Object(place).correlationId, true, 201, ''))
  await within('it closes', 15_000, client.close())
  return seen
}

const lock = (n: number) => `00000000-0000-4000-8000-00000000000${n}`
const ok: Answer = { status: 204, headers: {}, body: '' }
/** With all that azure-wire 3.2 says of such an answer: the transcript is shortened. */
const bound = (n: number, text: string, deliveries: number, sequence: number): Answer => ({
  status: 200,
  headers: {
    etag: `"${lock(n)}"`,
    'iothub-messageid': text,
    'iothub-to': `/devices/${device}/messages/devicebound`,
    'iothub-app-foo': 'bar',
    'iothub-ack': 'none',
    'iothub-enqueuedtime': '2026-01-01T00:00:00.000Z',
    'iothub-deliverycount': `${deliveries}`,
    'iothub-sequencenumber': `${sequence}`,
  },
  body: text,
})

/** The server's part of 12.4, as far as devices go: by method and path, in their turn. */
export const httpTranscript: Readonly<Record<string, readonly Answer[]>> = {
  [`POST /devices/${device}/messages/events`]: [ok],
  [`GET /devices/${device}/messages/devicebound`]: [
    bound(1, 'c1', 0, 1),
    bound(2, 'c2', 0, 2),
    bound(3, 'c3', 0, 3),
    bound(4, 'c3', 1, 3),
    ok,
  ],
  [`DELETE /devices/${device}/messages/devicebound/${lock(1)}`]: [ok],
  [`DELETE /devices/${device}/messages/devicebound/${lock(2)}&reject`]: [ok],
  [`POST /devices/${device}/messages/devicebound/${lock(3)}/abandon`]: [ok],
  [`DELETE /devices/${device}/messages/devicebound/${lock(4)}`]: [ok],
  [`POST /devices/${device}/files`]: [
    {
      status: 200,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({
        correlationId: lock(5),
        hostName: suiteHost,
        containerName: 'uploads',
        blobName: `${device}/my file.txt`,
        sasToken: '?sv=2020-10-02&sr=b&sig=x&se=2026-01-01T00:00:00Z&sp=rw',
      }),
    },
  ],
  [`POST /devices/${device}/files/notifications/${lock(5)}`]: [ok],
}
