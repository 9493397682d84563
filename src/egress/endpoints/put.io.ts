import { Agent, request } from 'node:https'
import type { Delivered, EndpointPorts, EndpointSink } from '../endpoint.ts'
import type { RoutedEvent } from '../event.ts'
import { judgeStore } from './batch-object.ts'
import { ClientSink } from './client-sink.ts'
import { assertReach, guardedLookup } from './reach.io.ts'
import { type TlsSettings, tlsOptions } from './tls-settings.ts'

/** One upload, signed. */
export type Put = { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body: Buffer }

const maxAnswerBytes = 16 * 1024
const maxAnswerHeaderBytes = 16 * 1024
const putTimeoutMs = 45_000

/** An endpoint that is a store of objects behind HTTPS: every batch is one upload. Redirects are not followed; what an answer says beyond its code is not kept. */
export function openPutSink(
  { url, tls, ports }: { readonly url: string; readonly tls: TlsSettings; readonly ports: EndpointPorts },
  makePut: (batch: readonly RoutedEvent[]) => Promise<Put>,
): EndpointSink {
  const connect = async () => {
    await assertReach(new URL(url).hostname, ports)
    return new Agent({ keepAlive: true, maxSockets: 1, lookup: guardedLookup(ports), ...tlsOptions(tls, ports) })
  }
  return new ClientSink<Agent>(
    {
      connect,
      isUsable: () => true,
      deliver: async (agent, batch, signal) =>
        send(await makePut(batch), agent, AbortSignal.any([signal, AbortSignal.timeout(putTimeoutMs)])),
      close: async (agent) => agent.destroy(),
      destroy: () => undefined,
    },
    ports.clock,
  )
}

function send({ url, headers, body }: Put, agent: Agent, signal: AbortSignal): Promise<Delivered> {
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      { method: 'PUT', agent, signal, maxHeaderSize: maxAnswerHeaderBytes, headers: { ...headers, 'content-length': String(body.length) } },
      (answer) => {
        let text = ''
        const done = () => resolve(judgeStore(answer.statusCode ?? 0, text, answer.headers['retry-after']))
        answer.setEncoding('utf8')
        answer.on('data', (chunk: string) => {
          text += chunk
          if (text.length < maxAnswerBytes) return
          done()
          answer.destroy()
        })
        answer.on('end', done)
        answer.on('error', reject)
      },
    )
    asked.on('error', reject)
    asked.end(body)
  })
}
