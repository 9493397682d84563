import { type DeviceId, type Result, ok, refuse } from '#base'
import type { Desk } from '../desk.ts'
import type { DeviceAction } from './device-path.ts'
import { type HttpCall, type HttpReply, done, headerOf } from './http-call.ts'
import { messageHeaders } from './message-headers.ts'

/** Seconds that a device may ask a message to be locked for. */
const lockSeconds = { least: 5, most: 300 } as const

/** Hands out the next message of the device's queue, locked (azure-wire 3.2). */
export async function receiveMessage(desk: Desk, identity: DeviceId, { headers }: HttpCall): Promise<Result<HttpReply>> {
  const asked = headerOf(headers, 'iothub-messagelocktimeout')
  if (asked !== undefined && !/^[0-9]{1,6}$/.test(asked))
    return refuse('gateway/lock-timeout-malformed', 'iothub-messagelocktimeout is a whole number of seconds.')
  const seconds = asked === undefined ? undefined : Math.min(Math.max(Number(asked), lockSeconds.least), lockSeconds.most)
  const message = await desk.ports.hub.messages.receive(identity, seconds)
  return ok(message === undefined ? done : { status: 200, headers: messageHeaders(message), body: message.body })
}

/** Ends a lock. `If-Match`, where it is sent, names the same lock. */
export async function settleMessage(
  desk: Desk,
  identity: DeviceId,
  { lock, outcome }: Extract<DeviceAction, { readonly kind: 'settle' }>,
  { headers }: HttpCall,
): Promise<Result<HttpReply>> {
  const match = headerOf(headers, 'if-match')?.trim()
  const named = match === undefined || match === '*' ? lock : match.replace(/^"(.*)"$/s, '$1')
  if (named !== lock) return refuse('hub/lock-lost', 'If-Match names another lock.')
  const settled = await desk.ports.hub.messages.settle(identity, lock, outcome)
  return settled.ok ? ok(done) : settled
}
