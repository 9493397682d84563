import { type Caller, type Services, authorize, coversResource } from '#access'
import { type Action, type Clock, type Grant, type Random, type Refusal, type Result, isoTime, ok, refuse, uuid } from '#base'
import { type Provisioning, attestationJson, bulkModes, enrollmentJson, registrationJson } from '#provisioning'
import { azureError } from '#wire/azure'
import { type Json, parseJson } from '#wire/json'
import { type WebAnswer, type WebRequest, type WebSite, jsonAnswer } from '#wire/web'

/*
 * Theory of operation. The interface of the provisioning service for back ends (azure-wire 7). In order, for each request: who asks, which operation, may they do
 * it, which version of the interface; only then is the body looked at. Paths are read without regard to case, ids with it.
 */

/** What the site asks of the rest of the house. */
export type AzureProvisioningPorts = {
  readonly provisioning: Pick<Provisioning, 'enrollments' | 'records'>
  readonly services: Services
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
}

const served = /^\/(?:enrollments|enrollmentgroups|registrations)(?:\/|$)/i
const version = /^\d{4}-\d{2}-\d{2}(-preview)?$/
const maxBody = 256 * 1024
const pageItems = 100

/** Serves `/enrollments`, `/enrollmentGroups` and `/registrations`. */
export function azureProvisioningSite(ports: AzureProvisioningPorts): WebSite {
  return {
    name: 'provisioning-service',
    serves: (path) => served.test(path),
    maxBodyBytes: () => maxBody,
    async answer(request) {
      const done = await answer(ports, request)
      return done.ok ? done.value : refusalAnswer(done.error, ports)
    },
  }
}

type Scene = {
  readonly ports: AzureProvisioningPorts
  readonly request: WebRequest
  readonly caller: Caller
  readonly parts: readonly string[]
  readonly path: string
}

async function answer(ports: AzureProvisioningPorts, request: WebRequest): Promise<Result<WebAnswer>> {
  const proven = await ports.services.authenticate(request.headers['authorization'] ?? '', { address: request.peer.address, kind: 'http' })
  if (!proven.ok) return proven
  const parts = partsOf(request.path)
  if (parts === undefined) return notFound
  const path = `/${parts.join('/')}`
  if (!coversResource(proven.value.scope, path)) return refuse('control/azure-scope', 'The token is for another resource.')
  const scene = { ports, request, caller: proven.value.caller, parts, path }
  if (!version.test(request.query.get('api-version') ?? ''))
    return refuse('control/azure-api-version', 'The query must have an api-version such as 2021-10-01.')
  return parts[0]?.toLowerCase() === 'registrations' ? await registrations(scene) : await enrollments(scene)
}

async function enrollments(scene: Scene): Promise<Result<WebAnswer>> {
  const { ports, request, parts } = scene
  const { enrollments: all } = ports.provisioning
  const kind = parts[0]?.toLowerCase() === 'enrollments' ? 'individual' : 'group'
  const [, id, word] = parts
  const { method } = request
  const ifMatch = request.headers['if-match']
  if (method === 'POST' && id?.toLowerCase() === 'query' && word === undefined) {
    const grant = granted(scene, 'enrollment.read')
    return grant.ok
      ? await page(scene, kind === 'individual' ? 'Enrollment' : 'EnrollmentGroup', (asked) => all.query(grant.value, kind, asked))
      : grant
  }
  if (method === 'POST' && id === undefined && kind === 'individual') return await bulk(scene)
  if (method === 'POST' && id !== undefined && word?.toLowerCase() === 'attestationmechanism') {
    // Keys are for who may change them.
    const grant = granted(scene, 'enrollment.write')
    const found = grant.ok ? await all.withKeys(grant.value, kind, id) : grant
    return found.ok
      ? ok(jsonAnswer(200, attestationJson(found.value.enrollment.attestation, { for: 'showing', keys: found.value.keys })))
      : found
  }
  if (id === undefined || word !== undefined) return notFound
  if (method === 'GET') {
    const grant = granted(scene, 'enrollment.read')
    const found = grant.ok ? await all.find(grant.value, kind, id) : grant
    return found.ok ? ok(jsonAnswer(200, enrollmentJson(found.value, { for: 'showing' }))) : found
  }
  const grant = granted(scene, 'enrollment.write')
  if (!grant.ok) return grant
  if (method === 'DELETE') {
    const gone = await all.remove(grant.value, kind, id, ifMatch)
    return gone.ok ? ok({ status: 204 }) : gone
  }
  if (method !== 'PUT') return refuse('control/azure-method-not-allowed', 'This resource has no such method.')
  const body = bodyOf(request)
  if (!body.ok) return body
  const named = fieldOf(body.value, kind === 'individual' ? 'registrationId' : 'enrollmentGroupId')
  if (typeof named !== 'string' || named.toLowerCase() !== id.toLowerCase())
    return refuse('control/azure-malformed', 'The id in the body must be the one in the path.')
  const put = await all.put(grant.value, kind, body.value, { ifMatch })
  return put.ok ? ok(jsonAnswer(200, enrollmentJson(put.value, { for: 'showing' }))) : put
}

async function bulk(scene: Scene): Promise<Result<WebAnswer>> {
  const grant = granted(scene, 'enrollment.write')
  if (!grant.ok) return grant
  const body = bodyOf(scene.request)
  if (!body.ok) return body
  const mode = bulkModes.find((one) => one === fieldOf(body.value, 'mode'))
  const items = fieldOf(body.value, 'enrollments')
  if (mode === undefined || !Array.isArray(items)) return refuse('control/azure-malformed', 'A bulk request has a mode and enrollments.')
  const done = await scene.ports.provisioning.enrollments.bulk(grant.value, mode, items)
  if (!done.ok) return done
  const errors = done.value.map(({ registrationId, code, message }) => ({
    registrationId,
    errorCode: codeOf({ code }).code,
    errorStatus: message,
  }))
  return ok(jsonAnswer(200, { isSuccessful: errors.length === 0, errors }))
}

async function registrations(scene: Scene): Promise<Result<WebAnswer>> {
  const { ports, request, parts } = scene
  const { records } = ports.provisioning
  const [, id, word] = parts
  if (id === undefined) return notFound
  if (request.method === 'POST' && word?.toLowerCase() === 'query') {
    const grant = granted(scene, 'registration.read')
    return grant.ok ? await page(scene, 'DeviceRegistration', (asked) => records.query(grant.value, id, asked)) : grant
  }
  if (word !== undefined) return notFound
  if (request.method === 'GET') {
    const grant = granted(scene, 'registration.read')
    const found = grant.ok ? await records.find(grant.value, id) : grant
    return found.ok ? ok(jsonAnswer(200, registrationJson(found.value, false))) : found
  }
  if (request.method !== 'DELETE') return refuse('control/azure-method-not-allowed', 'This resource has no such method.')
  const grant = granted(scene, 'registration.write')
  const gone = grant.ok ? await records.remove(grant.value, id, request.headers['if-match']) : grant
  return gone.ok ? ok({ status: 204 }) : gone
}

type Asked = Parameters<Provisioning['records']['query']>[2]

async function page(
  scene: Scene,
  type: string,
  run: (asked: Asked) => ReturnType<Provisioning['records']['query']>,
): Promise<Result<WebAnswer>> {
  const { headers } = scene.request
  const body = bodyOf(scene.request)
  if (!body.ok) return body
  const text = fieldOf(body.value, 'query')
  const count = headers['x-ms-max-item-count'] ?? String(pageItems)
  if (typeof text !== 'string' || !/^[1-9][0-9]{0,5}$/.test(count))
    return refuse('control/azure-malformed', 'A query is text, and a page has some items.')
  const done = await run({ text, maxItems: Number(count), continuation: headers['x-ms-continuation'] })
  if (!done.ok) return done
  const { items, continuation } = done.value
  const more = continuation === undefined ? {} : { 'x-ms-continuation': continuation }
  return ok(jsonAnswer(200, items, { 'x-ms-item-type': type, ...more }))
}

function granted<A extends Action>({ caller, path }: Scene, action: A): Result<Grant<A>> {
  return authorize(caller, action, path)
}

function bodyOf({ body }: WebRequest): Result<Json> {
  return parseJson(body.toString('utf8'), maxBody)
}

function fieldOf(json: Json, name: string): Json | undefined {
  if (typeof json !== 'object' || json === null || !Object.hasOwn(json, name)) return undefined
  return Object.entries(json).find(([key]) => key === name)?.[1]
}

function partsOf(path: string): readonly string[] | undefined {
  const parts = path.split('/').slice(1)
  if (parts.at(-1) === '') parts.pop()
  try {
    return parts.map((part) => decodeURIComponent(part))
  } catch {
    return undefined
  }
}

const notFound = refuse('control/azure-not-found', 'There is no such resource.')

/** In six digits, as clients of the provisioning service read it (azure-wire 6.6): the first three are the status. */
function codeOf({ code }: Pick<Refusal, 'code'>): { readonly code: number; readonly status: number } {
  const own: Readonly<Record<string, number>> = {
    'provisioning/enrollment-not-found': 404_201,
    'provisioning/registration-not-found': 404_201,
    'provisioning/enrollment-exists': 409_201,
    'provisioning/etag-differs': 412_000,
    'provisioning/enrollments-full': 403_000,
    'access/service-refused': 401_002,
    'access/denied': 401_002,
    'control/azure-scope': 401_002,
  }
  const known = Object.hasOwn(own, code) ? own[code] : undefined
  if (known !== undefined) return { code: known, status: Math.floor(known / 1_000) }
  return azureError({ code })
}

function refusalAnswer(refusal: Refusal, { clock, random }: AzureProvisioningPorts): WebAnswer {
  const { code, status } = codeOf(refusal)
  const message = status === 401 ? 'Unauthorized' : refusal.message
  const retry: Record<string, string> = status === 429 ? { 'retry-after': '10' } : {}
  return jsonAnswer(status, { errorCode: code, trackingId: uuid(random), message, info: {}, timestampUtc: isoTime(clock.now()) }, retry)
}
