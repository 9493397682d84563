import { type Result, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import type { MethodAnswer, MethodCall } from './method.ts'

/** What bounds direct methods (azure-wire 2.12, 5.6, 10). */
export type MethodSettings = {
  readonly payloadBytes: number
  readonly pendingPerIdentity: number
  /** Calls that wait for an answer or for a device to come, in the whole hub, and the bytes of those that wait for a device. */
  readonly pending: number
  readonly waitingBytes: number
}

/** As IoT Hub has them; the bounds of the whole hub are ours. */
export const methodDefaults: MethodSettings = {
  payloadBytes: 128 * 1024,
  pendingPerIdentity: 10,
  pending: 20_000,
  waitingBytes: 64 * 1024 * 1024,
}

/** A call with everything said, its payload as text. */
export type CheckedCall = { readonly name: string; readonly body: string; readonly responseMs: number; readonly connectMs: number }

/** Longest name of a method, in characters. [R] */
const maxNameLength = 100
// One segment of a topic that needs no escapes: what a URL allows in a path, without + and %.
const namePattern = /^[A-Za-z0-9\-._~!$'()*,;:=@]+$/

/** Bounds a call: `hub/method-malformed` says what is wrong with it. */
export function checkCall(call: MethodCall, settings: MethodSettings): Result<CheckedCall> {
  const { name, payload = null, responseTimeoutSeconds = 30, connectTimeoutSeconds = 0 } = call
  if (name.length > maxNameLength || !namePattern.test(name))
    return malformed(`The name of a method is 1 to ${maxNameLength} letters, digits and - . _ ~ ! $ ' ( ) * , ; : = @.`)
  if (!(responseTimeoutSeconds >= 5 && responseTimeoutSeconds <= 300)) return malformed('The response timeout is 5 to 300 seconds.')
  if (!(connectTimeoutSeconds >= 0 && connectTimeoutSeconds <= 300)) return malformed('The connect timeout is 0 to 300 seconds.')
  const body = JSON.stringify(payload)
  if (Buffer.byteLength(body) > settings.payloadBytes)
    return malformed(`The payload of a method has at most ${settings.payloadBytes} bytes.`)
  return ok({ name, body, responseMs: responseTimeoutSeconds * 1000, connectMs: connectTimeoutSeconds * 1000 })
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Reads a device's answer; an empty body is null. `hub/method-answer-malformed`: no integer, not UTF-8, not JSON, too large or too deep. */
export function readAnswer(status: number, body: Uint8Array, settings: MethodSettings): Result<MethodAnswer> {
  if (!Number.isSafeInteger(status)) return badAnswer('its status is no integer')
  if (body.length > settings.payloadBytes) return badAnswer('it is too large')
  if (body.length === 0) return ok({ status, payload: null })
  let text: string
  try {
    text = utf8.decode(body)
  } catch {
    return badAnswer('it is not UTF-8')
  }
  const payload: Result<Json> = parseJson(text, settings.payloadBytes)
  return payload.ok ? ok({ status, payload: payload.value }) : badAnswer(payload.error.code)
}

function malformed(message: string): Result<never> {
  return refuse('hub/method-malformed', message)
}

function badAnswer(detail: string): Result<never> {
  return refuse('hub/method-answer-malformed', 'The device answered with something that is no JSON, or is too large.', detail)
}
