import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { type Result, Fault, ok } from '#base'
import { type Problem, exit, stop } from './exit.ts'
import { type HubFiles, codeOf, isAlive } from './hub-files.io.ts'
import type { Answer, Hub, Request } from './hub.ts'
import { problemOf } from './problem.ts'
import { SseReader, type SseEvent } from './sse.ts'

const maxBodyBytes = 64 * 1024 * 1024
/** How long the hub may take to begin its answer; a whole run of the checks is the longest. */
const answerMs = 60_000

/** A client of the hub in `files`, over TLS that trusts the hub's own root and nothing else. `signal` breaks off what is under way. */
export function openHub(files: HubFiles, signal: AbortSignal): Hub {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const send = (request: Request, accept: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body))
      const outgoing = httpsRequest(new URL(request.path, files.url), {
        method: request.method,
        agent,
        signal,
        ca: files.rootPem,
        // Said aloud, because an environment variable could otherwise turn verification off.
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2',
        timeout: request.answerMs ?? answerMs,
        headers: {
          authorization: `Bearer ${files.credential}`,
          accept,
          ...(body ? { 'content-type': 'application/json', 'content-length': body.length } : {}),
          ...(request.ifMatch === undefined ? {} : { 'if-match': request.ifMatch }),
        },
      })
      outgoing.on('timeout', () => {
        const seconds = (request.answerMs ?? answerMs) / 1000
        outgoing.destroy(new Fault('cli/no-answer', `the hub did not answer within ${seconds} seconds`))
      })
      outgoing.on('response', (response) => {
        response.setTimeout(0)
        resolve(response)
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  const open = async (request: Request, accept: string): Promise<Result<IncomingMessage, Problem>> => {
    let response: IncomingMessage
    try {
      response = await send(request, accept)
    } catch (error) {
      if (signal.aborted) throw error
      return { ok: false, error: unreachable(error, files) }
    }
    const status = response.statusCode ?? 0
    if (status >= 200 && status < 300) return ok(response)
    return { ok: false, error: problemOf(request.failure, status, parse(response, await readAll(response))) }
  }
  return {
    url: files.url,
    rootPem: files.rootPem,
    close: () => agent.destroy(),
    async ask(request) {
      const response = await open(request, 'application/json')
      if (!response.ok) return response
      const { statusCode, headers } = response.value
      const body = parse(response.value, await readAll(response.value))
      return ok({ status: statusCode ?? 0, body, date: headers.date, etag: headers.etag } satisfies Answer)
    },
    async lines(request) {
      const response = await open(request, 'application/x-ndjson')
      return response.ok ? ok(jsonLines(response.value)) : response
    },
    async bytes(request) {
      const response = await open(request, 'application/octet-stream')
      return response.ok ? ok(chunksOf(response.value)) : response
    },
    async events(path, failure) {
      const response = await open({ method: 'GET', path, failure }, 'text/event-stream')
      return response.ok ? ok(sseEvents(response.value)) : response
    },
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunksOf(response)) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) throw new Fault('cli/unexpected-answer', 'the answer is larger than 64 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function* chunksOf(response: IncomingMessage): AsyncGenerator<Buffer> {
  for await (const chunk of response) if (Buffer.isBuffer(chunk)) yield chunk
}

function parse(response: IncomingMessage, text: string): unknown {
  if (text === '') return undefined
  if (!/\bjson\b/.test(response.headers['content-type'] ?? '')) return text
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Fault('cli/unexpected-answer', 'the answer is not the JSON that it says it is', error)
  }
}

async function* jsonLines(response: IncomingMessage): AsyncGenerator {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunksOf(response)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line)
  }
  if (rest.trim() !== '') yield JSON.parse(rest)
}

async function* sseEvents(response: IncomingMessage): AsyncGenerator<SseEvent> {
  const reader = new SseReader()
  for await (const chunk of chunksOf(response)) yield* reader.push(chunk)
}

/** Why nobody answered, as far as this machine can tell, and what to do. */
function unreachable(error: unknown, files: HubFiles): Problem {
  const code = codeOf(error)
  const what = `The hub at ${files.url} cannot be reached.`
  const say = (why: string, fix: string) => stop(exit.unreachable, what, why, fix).error
  if (code === 'ECONNREFUSED') {
    return isAlive(files.pid)
      ? say(
          "nothing listens there, though the hub's process lives.",
          'wait until it has started, or look at what it says where it runs; --url names another address.',
        )
      : say(`the hub is not running: its process ${files.pid} has ended.`, 'start it with "npm start" (or "thingwall start").')
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return say('its name does not resolve.', 'name an address that does with --url, for example --url https://localhost:9443.')
  if (code?.startsWith('ERR_TLS') || code?.includes('CERT') || code?.includes('SIGNATURE') || code?.startsWith('ERR_SSL'))
    return say(
      `the program there is not the hub of this data directory (${code}).`,
      'another hub may hold the port: name its directory with --data, or the right address with --url.',
    )
  return say(error instanceof Error ? error.message : String(error), 'run "thingwall doctor" to see what stands in the way.')
}
