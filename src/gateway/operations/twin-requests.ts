import { type Refusal, type Result, ok, refuse } from '#base'
import type { Session } from '#broker'
import type { DesiredChange, TwinSection } from '#hub'
import { type DeviceOperation, desiredTopic, operationFilters, twinResponseTopic } from '#wire/azure'
import { type Json, parseJson } from '#wire/json'
import type { Desk } from '../desk.ts'
import { operationError, operationFault } from './operation-error.ts'
import { toClient } from './to-client.ts'

/** A request about the client's own twin. */
export type TwinRequest = Exclude<DeviceOperation, { readonly kind: 'method-answer' }>

const nothing = Buffer.alloc(0)
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Reads a patch out of a PUBLISH. Refuses what is no JSON, or too large or too deep for any. */
export function patchOf(payload: Buffer): Result<Json> {
  let text: string
  try {
    text = utf8.decode(payload)
  } catch {
    return refuse('json/malformed', 'This is not valid JSON.', 'it is not UTF-8')
  }
  return parseJson(text)
}

/** Does what a client asks of its twin, and answers it if it listens. `patch` is undefined for a GET. Never rejects. */
export async function requestTwin(desk: Desk, session: Session, request: TwinRequest, patch: Result<Json> | undefined): Promise<void> {
  const answer = (status: number, body: Buffer, version?: number) =>
    void session.sendDirect(operationFilters.twinResponses, toClient(session, twinResponseTopic(status, request.rid, version), body))
  const no = (refusal: Refusal) => {
    const { status, body } = operationError(desk, refusal)
    answer(status, body)
  }
  try {
    if (request.kind === 'twin-get') {
      const twin = await getTwin(desk, session)
      if (twin.ok) answer(200, twin.value)
      else no(twin.error)
      return
    }
    if (patch?.ok !== true) return patch === undefined ? undefined : no(patch.error)
    const changed = await desk.ports.hub.twins.patchReported(session.owner, patch.value, request.version)
    if (changed.ok) answer(204, nothing, changed.value.version)
    else no(changed.error)
  } catch (error) {
    desk.ports.trouble?.('a twin request failed', error)
    const { status, body } = operationFault(desk)
    answer(status, body)
  }
}

async function getTwin(desk: Desk, { owner }: Session): Promise<Result<Buffer>> {
  const twin = await desk.ports.hub.twins.get(owner)
  if (twin === undefined) return refuse('hub/device-not-found', 'This identity is not registered.')
  return ok(Buffer.from(JSON.stringify({ desired: plain(twin.desired), reported: plain(twin.reported) })))
}

// Without `$metadata`: devices were never seen to get it (azure-wire 2.9).
function plain({ properties, version }: TwinSection): Json {
  return { ...properties, $version: version }
}

/** Tells a client that its desired properties have changed. */
export function tellDesired(session: Session, { version, body }: DesiredChange): void {
  const payload = Buffer.from(JSON.stringify({ ...body, $version: version }))
  session.sendDirect(operationFilters.desired, toClient(session, desiredTopic(version), payload))
}
