import type { Principal } from '#access'
import { type Result, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import type { Desk } from '../desk.ts'
import { type TelemetryMessage, maxTelemetryBytes, takeTelemetryBatch } from '../telemetry-intake.ts'
import { type HttpCall, type HttpReply, done, headerOf } from './http-call.ts'
import { telemetryHeaders, telemetryProperties } from './message-headers.ts'
import { type BodyBudget, withBody } from './read-body.ts'

const batchType = 'application/vnd.microsoft.iothub.json'
/** Base64 and JSON around a batch cost so much more than its messages. */
const maxBatchBytes = 1024 * 1024
const maxBatchMessages = 1_000

/** Takes telemetry, one message or a batch, and answers when it is durable (azure-wire 3.1). `prove` says who sends, once it is known how much. */
export function sendTelemetry(
  desk: Desk,
  call: HttpCall,
  requestId: string,
  budget: BodyBudget,
  prove: (messages: number) => Promise<Result<Principal>>,
): Promise<Result<HttpReply>> {
  const isBatch = headerOf(call.headers, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase() === batchType
  return withBody(call, isBatch ? maxBatchBytes : maxTelemetryBytes, budget, async (bytes) => {
    const messages = isBatch ? parseBatch(bytes) : ok([{ ...telemetryHeaders(call.headers), body: bytes }])
    if (!messages.ok) return messages
    const principal = await prove(messages.value.length)
    if (!principal.ok) return principal
    const taken = await takeTelemetryBatch(desk, principal.value, requestId, 'https', messages.value)
    return taken.ok ? ok(done) : taken
  })
}

/** Reads a batch. Refuses what is no list of messages, or one of too many. */
export function parseBatch(bytes: Buffer): Result<readonly TelemetryMessage[]> {
  const parsed = parseJson(bytes.toString('utf8'), maxBatchBytes)
  if (!parsed.ok) return parsed
  if (!Array.isArray(parsed.value) || parsed.value.length === 0 || parsed.value.length > maxBatchMessages) return malformed()
  const messages: TelemetryMessage[] = []
  for (const element of parsed.value) {
    const message = messageOf(element)
    if (message === undefined) return malformed()
    messages.push(message)
  }
  return ok(messages)
}

function malformed(): Result<never> {
  return refuse(
    'gateway/batch-malformed',
    `A batch is a JSON array of 1 to ${maxBatchMessages} objects, each with body in base64 and perhaps properties, which are text.`,
  )
}

function messageOf(element: Json): TelemetryMessage | undefined {
  if (typeof element !== 'object' || element === null || Array.isArray(element)) return undefined
  const members = new Map<string, unknown>(Object.entries(element))
  const body = members.get('body')
  const isBase64 = members.get('base64Encoded') !== false
  if (typeof body !== 'string' || (isBase64 && !/^[A-Za-z0-9+/]*={0,2}$/.test(body))) return undefined
  const properties = members.get('properties') ?? {}
  if (typeof properties !== 'object' || Array.isArray(properties)) return undefined
  const pairs: [string, string][] = []
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value !== 'string') return undefined
    pairs.push([name, value])
  }
  return { ...telemetryProperties(pairs), body: Buffer.from(body, isBase64 ? 'base64' : 'utf8') }
}
