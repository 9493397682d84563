import { type Instant, type Result, instant, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import { encodePem } from '#wire/x509'
import type { Credentials } from '../authenticate.ts'
import { identityLimits } from './identity.ts'

/*
 * Theory of operation. The contract of edge.md 1.7, version 0.5.0, as two pure functions: what is asked, and what an answer means. The rule behind
 * every case that the contract leaves open: only a 200 with a body that is understood from end to end accepts; a 403 that is understood
 * denies; everything else is as if nobody had answered, and then another method decides, or nobody, which denies.
 */

/** The version of the contract that we speak. */
const webhookVersion = '0.5.0'

/** Bytes of an answer that are read, and how long one may take. */
export const webhookLimits = { answerBytes: 64 * 1024, timeoutMs: 5_000 } as const

/** An answer as it came. */
export type WebhookAnswer = { readonly status: number; readonly contentType: string; readonly body: Buffer }

/** What an answer means. */
export type WebhookVerdict =
  | { readonly kind: 'accept'; readonly attributes: ReadonlyMap<string, string>; readonly expiresAt: Instant | undefined }
  /** `reasonCode` is one that a CONNACK may have. */
  | { readonly kind: 'deny'; readonly reasonCode: number; readonly why: string }
  | { readonly kind: 'other-version' }
  | { readonly kind: 'unavailable'; readonly why: string }

/** The body for a CONNECT. It holds the password: it is for the wire, and for nothing else. */
export function connectRequest(credentials: Credentials): string {
  const { userName, password, certificates, authenticationMethod, authenticationData, clientId, peerAddress } = credentials
  return JSON.stringify({
    type: 'connect',
    ...(userName === undefined ? {} : { username: userName }),
    ...(password === undefined ? {} : { password: password.use((bytes) => bytes.toString('base64')) }),
    ...(certificates.length === 0 ? {} : { certs: certificates.map((der) => encodePem('CERTIFICATE', der)).join('') }),
    ...(authenticationMethod === undefined ? {} : { authenticationMethod }),
    ...(authenticationData === undefined ? {} : { authenticationData: authenticationData.use((bytes) => bytes.toString('base64')) }),
    clientId,
    peerAddress,
  })
}

/** The body for an AUTH packet that asks to authenticate again. `username` names who asks; the answer cannot change it. */
export function authRequest(method: string, data: Buffer, clientId: string, username: string): string {
  return JSON.stringify({ type: 'auth', authenticationMethod: method, authenticationData: data.toString('base64'), clientId, username })
}

/** What `answer` means at `now`. */
export function judgeAnswer(answer: WebhookAnswer, now: Instant): WebhookVerdict {
  switch (answer.status) {
    case 200:
      return judgeAccept(answer, now)
    case 403:
      return judgeDeny(answer)
    case 422: {
      const read = readBody(answer)
      const versions = read.ok && isObject(read.value) ? read.value['supportedVersions'] : undefined
      if (Array.isArray(versions) && versions.includes(webhookVersion)) return { kind: 'other-version' }
      return { kind: 'unavailable', why: 'it speaks no version that we do' }
    }
    default:
      return { kind: 'unavailable', why: `it answered with status ${answer.status}` }
  }
}

function judgeAccept(answer: WebhookAnswer, now: Instant): WebhookVerdict {
  const read = readBody(answer)
  if (!read.ok || !isObject(read.value)) return { kind: 'unavailable', why: 'its answer was not understood' }
  const { expiry, attributes } = read.value
  const expiresAt = expiry === undefined || expiry === null ? undefined : parseTime(expiry)
  if (expiresAt === 'malformed') return { kind: 'unavailable', why: 'its expiry was not understood' }
  if (expiresAt !== undefined && expiresAt <= now)
    return { kind: 'deny', reasonCode: notAuthorized, why: 'it accepted until a time that is past' }
  const given = attributes === undefined || attributes === null ? {} : attributes
  const wrong: WebhookVerdict = { kind: 'deny', reasonCode: notAuthorized, why: 'its attributes were not an object of text' }
  if (!isObject(given)) return wrong
  const texts = new Map<string, string>()
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== 'string' || texts.size >= identityLimits.attributes) return wrong
    texts.set(name, value)
  }
  return { kind: 'accept', attributes: texts, expiresAt }
}

function judgeDeny(answer: WebhookAnswer): WebhookVerdict {
  const read = readBody(answer)
  if (!read.ok || !isObject(read.value)) return { kind: 'unavailable', why: 'its denial was not understood' }
  const { reason, message } = read.value
  if (typeof reason !== 'number' || !Number.isInteger(reason) || reason < 0 || reason > 255)
    return { kind: 'unavailable', why: 'its denial had no reason' }
  // oxlint-disable-next-line no-control-regex -- control characters are what must not reach a log
  const why = typeof message === 'string' ? message.slice(0, 256).replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ') : ''
  return { kind: 'deny', reasonCode: connackErrors.has(reason) ? reason : notAuthorized, why: `it said: ${why}` }
}

const notAuthorized = 0x87

// The codes from 0x80 on that MQTT 5 lets a CONNACK have (table 3-1), without those that need a property of their own or speak of our own mistakes.
const connackErrors: ReadonlySet<number> = new Set([
  0x80, 0x83, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9f,
])

function readBody(answer: WebhookAnswer): Result<Json> {
  const type = answer.contentType.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') return refuse('access/custom-unavailable', 'The answer is not application/json.')
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(answer.body), webhookLimits.answerBytes, 8)
  } catch {
    return refuse('access/custom-unavailable', 'The answer is not UTF-8.')
  }
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/

/** RFC 3339 with an offset; times that no calendar has are malformed. */
function parseTime(value: Json): Instant | 'malformed' {
  if (typeof value !== 'string' || value.length > 40) return 'malformed'
  const match = rfc3339.exec(value)
  const day = Number(match?.[3])
  const ms = match === null ? Number.NaN : Date.parse(value.toUpperCase())
  // Date.parse takes the 31st of a short month for the 1st of the next.
  const month = new Date(Date.UTC(Number(match?.[1]), Number(match?.[2]), 0)).getUTCDate()
  return Number.isNaN(ms) || day < 1 || day > month ? 'malformed' : instant(ms)
}

/** Where `endpoint` is asked. */
export function webhookUrl(endpoint: URL): URL {
  const base = endpoint.href.endsWith('/') ? endpoint.href : `${endpoint.href}/`
  return new URL(`${base}?api-version=${webhookVersion}`)
}

/** A failed answer as a value of its own, for {@link judgeAnswer} is not asked then. */
export const notReached: WebhookVerdict = { kind: 'unavailable', why: 'it could not be reached in time' }

/** The verdict with its 422 resolved: after one repetition nobody asks again. */
export async function askTwiceAtMost(ask: () => Promise<WebhookVerdict>): Promise<WebhookVerdict> {
  const first = await ask()
  if (first.kind !== 'other-version') return first
  const second = await ask()
  return second.kind === 'other-version' ? { kind: 'unavailable', why: 'it refuses the version that it asked for' } : second
}
