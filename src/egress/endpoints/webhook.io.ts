import { Agent, request } from 'node:https'
import type { Delivered, EndpointKind, EndpointPorts, EndpointSink } from '../endpoint.ts'
import type { RoutedEvent } from '../event.ts'
import { findPoison } from './client-sink.ts'
import { assertReach, guardedLookup } from './reach.io.ts'
import { secretText, tlsOptions } from './tls-settings.ts'
import { type WebhookSettings, judgeStatus, parseWebhook, webhookBody, webhookHeaders } from './webhook.ts'

/** Bytes of an answer that are read before the connection is given up: nothing in it is of interest. */
const maxAnswerBytes = 64 * 1024
const maxAnswerHeaderBytes = 16 * 1024

/** Endpoints that are URLs: HTTPS only, signed, redirects refused, private addresses refused unless the operator allows them by name. */
export const webhookKind: EndpointKind<WebhookSettings> = {
  kind: 'webhook',
  parse: parseWebhook,
  batch: { events: 100, bytes: 512 * 1024, lingerMs: 100 },
  open: async (_name, settings, ports) => new Webhook(settings, ports),
}

/** The answer said that it is not the events' fault. */
class Later extends Error {
  readonly afterMs: number | undefined

  constructor(reason: string, afterMs: number | undefined) {
    super(reason)
    this.afterMs = afterMs
  }
}

class Webhook implements EndpointSink {
  readonly #settings: WebhookSettings
  readonly #ports: EndpointPorts
  readonly #agent: Agent

  constructor(settings: WebhookSettings, ports: EndpointPorts) {
    this.#settings = settings
    this.#ports = ports
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1, lookup: guardedLookup(ports) })
  }

  async deliver(batch: readonly RoutedEvent[], signal: AbortSignal): Promise<Delivered> {
    try {
      return await findPoison(batch, (part) => this.#post(part, signal))
    } catch (error) {
      const reason = error instanceof Error ? error.message.slice(0, 300) : 'it failed'
      const afterMs = error instanceof Later ? error.afterMs : undefined
      return afterMs === undefined ? { kind: 'retry', reason } : { kind: 'retry', reason, afterMs }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy()
  }

  /** Resolves with the reason when the events are at fault, with undefined when they were taken. */
  async #post(events: readonly RoutedEvent[], signal: AbortSignal): Promise<string | undefined> {
    const { url, signingSecret, keyId, bearerSecret, timeoutMs } = this.#settings
    const { clock } = this.#ports
    await assertReach(new URL(url).hostname, this.#ports)
    const key = this.#ports.secret(signingSecret)
    if (key === undefined) throw new Error(`the secret ${signingSecret} of this endpoint is not there`)
    const body = webhookBody(events)
    using held = key
    const headers = {
      ...webhookHeaders(body, clock.now(), keyId, held),
      ...(bearerSecret === undefined ? {} : { authorization: `Bearer ${secretText(bearerSecret, this.#ports)}` }),
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(body.length),
      'user-agent': 'thingwall',
    }
    const attempt = new AbortController()
    const stop = () => attempt.abort()
    signal.addEventListener('abort', stop)
    const cancel = clock.after(timeoutMs, stop)
    try {
      const outcome = judgeStatus(...(await this.#send(url, headers, body, attempt.signal)))
      if (outcome.kind === 'retry') throw new Later(outcome.reason, outcome.afterMs)
      return outcome.kind === 'ok' ? undefined : outcome.reason
    } catch (error) {
      throw attempt.signal.aborted && !signal.aborted ? new Error(`no answer in ${timeoutMs} ms`, { cause: error }) : error
    } finally {
      cancel()
      signal.removeEventListener('abort', stop)
    }
  }

  #send(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer,
    signal: AbortSignal,
  ): Promise<readonly [status: number, retryAfter: string | undefined]> {
    const tls = tlsOptions(this.#settings, this.#ports)
    return new Promise((resolve, reject) => {
      const asked = request(
        url,
        { method: 'POST', agent: this.#agent, headers, signal, maxHeaderSize: maxAnswerHeaderBytes, ...tls },
        (answer) => {
          let bytes = 0
          const status = answer.statusCode ?? 0
          const done = () => resolve([status, answer.headers['retry-after']])
          answer.on('data', (chunk: Buffer) => {
            bytes += chunk.length
            if (bytes <= maxAnswerBytes) return
            // The status is known; what else it has to say is nobody's business.
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
}
