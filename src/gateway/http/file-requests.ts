import type { DeviceId, Result } from '#base'
import { ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import type { Desk } from '../desk.ts'
import type { HttpCall, HttpReply } from './http-call.ts'
import { done } from './http-call.ts'
import { type BodyBudget, withBody } from './read-body.ts'

const maxBodyBytes = 16 * 1024

/** Begins the upload of a file: says where to, and gives the right to write this one (azure-wire 3.3). */
export function beginUpload(desk: Desk, device: DeviceId, call: HttpCall, budget: BodyBudget): Promise<Result<HttpReply>> {
  return withBody(call, maxBodyBytes, budget, async (bytes) => {
    const members = membersOf(bytes)
    if (!members.ok) return members
    const blobName = members.value.get('blobName')
    if (typeof blobName !== 'string') return refuse('gateway/upload-malformed', 'The body is a JSON object with blobName, which is text.')
    const ticket = await desk.ports.hub.files.begin(device, blobName)
    if (!ticket.ok) return ticket
    const { correlationId, hostName, containerName, blobName: whole, sasToken } = ticket.value
    const body = JSON.stringify({ correlationId, hostName, containerName, blobName: whole, sasToken })
    return ok({ status: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body })
  })
}

/** Ends an upload: the device says whether it has come to a good end. The id may stand in the path or, in newer C#, in the body. */
export function endUpload(
  desk: Desk,
  device: DeviceId,
  inPath: string | undefined,
  call: HttpCall,
  budget: BodyBudget,
): Promise<Result<HttpReply>> {
  return withBody(call, maxBodyBytes, budget, async (bytes) => {
    const members = membersOf(bytes)
    if (!members.ok) return members
    const correlationId = inPath ?? members.value.get('correlationId')
    const isSuccess = members.value.get('isSuccess')
    const statusCode = members.value.get('statusCode') ?? 0
    const statusDescription = members.value.get('statusDescription') ?? ''
    if (
      typeof correlationId !== 'string' ||
      typeof isSuccess !== 'boolean' ||
      typeof statusCode !== 'number' ||
      typeof statusDescription !== 'string'
    )
      return refuse('hub/upload-outcome', 'The body says isSuccess (true or false), statusCode (a number) and statusDescription (text).')
    const ended = await desk.ports.hub.files.complete(device, correlationId, { isSuccess, statusCode, statusDescription })
    return ended.ok ? ok(done) : ended
  })
}

function membersOf(bytes: Buffer): Result<ReadonlyMap<string, Json>> {
  const parsed = parseJson(bytes.toString('utf8'), maxBodyBytes)
  if (!parsed.ok) return parsed
  const { value } = parsed
  return typeof value !== 'object' || value === null || Array.isArray(value)
    ? refuse('gateway/upload-malformed', 'The body is a JSON object.')
    : ok(new Map<string, Json>(Object.entries(value)))
}
