import type { ServiceCaller, Services } from '#access'
import { type Result, ok, refuse } from '#base'
import { parseJson } from '#wire/json'
import { type WebAnswer, type WebRequest, type WebSite, jsonAnswer } from '#wire/web'
import { type Secrets, secretLimits } from '#vault'
import { errorAnswer, noStore } from './errors.ts'
import { type RawCall, type VaultRoute, bodyBytesOf, objectOf, vaultRoutes } from './routes.ts'
import { vaultResource } from './resource.ts'

/*
 * Theory of operation. The REST interface of Azure Key Vault's secrets, for its stock clients. A client first asks without a token and is told by a
 * challenge where to get one and for what; then it shows a bearer token of a registered back end, or of an issuer in the settings. In order, for each
 * request: which operation, who asks, which version of the interface, may they do such things, and with this secret.
 */

/** What the site asks of the rest of the house. */
export type KeyVaultPorts = {
  readonly secrets: Secrets
  readonly services: Services
  /** The names of this hub, the first of them for who names none that can be. */
  readonly names: readonly string[]
}

const apiVersion = /^(?:7\.[0-9](?:-preview(?:\.[0-9])?)?|20\d{2}-\d{2}-\d{2}(?:-preview)?)$/
const servedPath = /^\/(?:secrets|deletedsecrets)(?:\/|$)/i
const hostPattern = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/

/** Serves `/secrets` and `/deletedsecrets`. */
export function keyVaultSite(ports: KeyVaultPorts): WebSite {
  return {
    name: 'secrets',
    serves: (path) => servedPath.test(path),
    maxBodyBytes: bodyBytesOf,
    answer: (request) => answer(ports, request),
  }
}

async function answer(ports: KeyVaultPorts, request: WebRequest): Promise<WebAnswer> {
  const host = hostOf(ports, request)
  const found = find(request)
  const proven = await prove(ports, request)
  if (!proven.ok) {
    const challenge = errorAnswer(proven.error, challengeOf(ports, host, proven.error.code))
    // Its clients ask without a token first, to be told where to get one.
    return request.headers['authorization'] === undefined ? { ...challenge, asks: true } : challenge
  }
  if (!found.ok) return errorAnswer(found.error)
  if (!apiVersion.test(request.query.get('api-version') ?? ''))
    return errorAnswer({ code: 'control/key-vault-version', message: 'The query must have an api-version such as 7.5.' })
  const { route, name, version } = found.value
  const body = bodyOf(request)
  if (!body.ok) return errorAnswer(body.error)
  const page = pageOf(request)
  if (!page.ok) return errorAnswer(page.error)
  const at = `https://${host}`
  const call: RawCall = {
    secrets: ports.secrets,
    caller: proven.value.caller,
    name,
    version,
    body: body.value,
    at,
    from: { from: request.peer.address },
    page: page.value,
    next: (after) => (after === undefined ? undefined : nextLink(at, request, after)),
  }
  const done = await route.run(call)
  if (!done.ok) return errorAnswer(done.error)
  return done.value === undefined ? { status: 204, headers: noStore } : jsonAnswer(200, done.value, noStore)
}

type Found = { readonly route: VaultRoute; readonly name: string; readonly version: string | undefined }

function find({ method, path }: WebRequest): Result<Found> {
  const parts = path.split('/').slice(1)
  if (parts.at(-1) === '') parts.pop()
  let isPath = false
  for (const route of vaultRoutes) {
    const match = matched(route.shape, parts)
    if (match === undefined) continue
    isPath = true
    if (route.method === method) return ok({ route, ...match })
  }
  return isPath
    ? refuse('control/key-vault-method', 'This method is not for this path.')
    : refuse('control/not-found', 'There is nothing here.')
}

/** Names have no character that is percent-encoded, so segments are taken as they are; what else came is no name. */
function matched(shape: string, parts: readonly string[]): { readonly name: string; readonly version: string | undefined } | undefined {
  const wanted = shape.split('/').slice(1)
  if (parts.length > wanted.length || parts.length < wanted.length - (wanted.at(-1) === '{version}' ? 1 : 0)) return undefined
  const isFor = parts.every((part, at) => wanted[at]?.startsWith('{') === true || wanted[at] === part.toLowerCase())
  return isFor
    ? { name: wanted[1] === '{name}' ? (parts[1] ?? '') : '', version: wanted[2] === '{version}' ? parts[2] : undefined }
    : undefined
}

async function prove({ services }: KeyVaultPorts, { headers, peer }: WebRequest): Promise<Result<ServiceCaller>> {
  const token = headers['authorization'] ?? ''
  // Keys of shared access policies open no secrets, whatever they sign.
  if (!/^Bearer +[^ ]+$/i.test(token)) return refuse('access/not-signed-in', 'A bearer token is needed.')
  return await services.authenticate(token, { address: peer.address, kind: 'key-vault' })
}

/** What a client does next that has no good token: the challenge that Key Vault's clients read. */
function challengeOf({ names }: KeyVaultPorts, host: string, code: string): Readonly<Record<string, string>> {
  if (code === 'access/too-many-attempts') return {}
  const resource = vaultResource(host, names)
  return { 'www-authenticate': `Bearer authorization="https://${host}/thingwall", resource="${resource}"` }
}

function hostOf({ names }: KeyVaultPorts, { headers }: WebRequest): string {
  const host = headers['host'] ?? ''
  return hostPattern.test(host) ? host.toLowerCase() : (names[0] ?? 'localhost')
}

function bodyOf({ body }: WebRequest): Result<RawCall['body']> {
  if (body.length === 0) return ok({})
  const text = new TextDecoder('utf-8', { fatal: true })
  try {
    const parsed = parseJson(text.decode(body), body.length)
    return parsed.ok ? objectOf(parsed.value) : parsed
  } catch {
    return refuse('json/malformed', 'This is not UTF-8.')
  }
}

function pageOf({ query }: WebRequest): Result<RawCall['page']> {
  const most = query.get('maxresults')
  const limit = most === null ? secretLimits.pageItems : /^[1-9][0-9]?$/.test(most) ? Number(most) : 0
  if (limit < 1 || limit > secretLimits.pageItems)
    return refuse('control/key-vault-page', `maxresults is from 1 to ${secretLimits.pageItems}.`)
  const token = query.get('$skiptoken')
  if (token === null) return ok({ after: undefined, limit })
  return /^[0-9A-Za-z-]{1,127}$/.test(token)
    ? ok({ after: token, limit })
    : refuse('control/key-vault-page', 'This continuation is not one of ours.')
}

function nextLink(at: string, { path, query }: WebRequest, after: string): string {
  const asked = new URLSearchParams({ 'api-version': query.get('api-version') ?? '', $skiptoken: after })
  const most = query.get('maxresults')
  if (most !== null) asked.set('maxresults', most)
  return `${at}${path}?${asked.toString()}`
}
