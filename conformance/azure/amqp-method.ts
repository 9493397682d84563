import { createHmac } from 'node:crypto'
import { request } from 'node:https'
import type { AmqpHub } from './amqp-hub.ts'

/** Calls a method by the REST interface for back ends, whichever port it has: the SDK would insist on 443. */
export function callMethod(
  { hub, service }: AmqpHub,
  device: string,
  methodName: string,
  payload: unknown,
): Promise<{ readonly status: number; readonly json: unknown }> {
  const key = /SharedAccessKey=(.*)$/.exec(service)?.[1] ?? ''
  const [resource, expiry] = ['localhost', String(Math.floor(Date.now() / 1000) + 600)]
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(`${resource}\n${expiry}`).digest('base64')
  const authorization = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&skn=back&se=${expiry}`
  const body = JSON.stringify({ methodName, payload, responseTimeoutInSeconds: 10, connectTimeoutInSeconds: 5 })
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number; readonly json: unknown }>()
  const headers = { authorization, 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) }
  const path = `/twins/${encodeURIComponent(device)}/methods?api-version=2021-04-12`
  const call = request(
    { host: '127.0.0.1', servername: 'localhost', port: hub.ports.https, ca: hub.rootPem, method: 'POST', path, headers },
    (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => (text += part))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, json: text === '' ? undefined : JSON.parse(text) }))
    },
  )
  call.on('error', reject)
  call.end(body)
  return promise
}
