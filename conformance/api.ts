import { request } from 'node:https'

/** Where a hub's control API is, and what proves that we may use it. */
export type ApiTarget = { readonly host: string; readonly port: number; readonly ca: string; readonly credential?: string }

/** An answer of the control API. `json` is empty when the body is not a JSON object. */
export type ApiAnswer = { readonly status: number; readonly text: string; readonly json: Readonly<Record<string, unknown>> }

/** One call, over TLS that trusts the hub's root and nothing else. */
export function callApi(target: ApiTarget, method: string, path: string, body?: unknown): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const sent = body === undefined ? undefined : JSON.stringify(body)
    const outgoing = request(
      {
        host: target.host,
        port: target.port,
        ca: target.ca,
        method,
        path,
        agent: false,
        timeout: 30_000,
        headers: {
          ...(target.credential === undefined ? {} : { authorization: `Bearer ${target.credential}` }),
          ...(sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
        },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part) => (text += part))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, json: parse(text) }))
        response.on('error', reject)
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path} was not answered in 30 s`)))
    outgoing.on('error', reject)
    outgoing.end(sent)
  })
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? { ...json } : {}
  } catch {
    return {}
  }
}
