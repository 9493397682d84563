import createClient from 'openapi-fetch'
import { Problem, problemOf } from './problem.ts'
import type { paths } from './schema.d.ts'
import { signedOut } from './session.ts'

/*
 * The one place that trusts the contract: what a route answers has the shape that docs/openapi.json gives it.
 */

const csrfHeader = 'x-thingwall-csrf'
let csrf: string | undefined

/** Remembers the token that changes must carry; `GET /api/v1/me` gives it. */
export function rememberCsrf(token: string | null): void {
  csrf = token ?? undefined
}

/** The client of docs/openapi.json. Every call goes through {@link take}. */
export const client = createClient<paths>({ credentials: 'same-origin' })

client.use({
  onRequest({ request }) {
    if (request.method !== 'GET' && csrf !== undefined) request.headers.set(csrfHeader, csrf)
    return request
  },
  onError({ error, request }) {
    // A call that we gave up is not a hub that is away.
    if (request.signal.aborted) return error instanceof Error ? error : new Error('aborted')
    return new Problem('console/unreachable', 0, 'The hub does not answer.')
  },
})

/** The body of a yes. Refusals and silence are thrown as {@link Problem}; a lost session also tells the shell. */
export async function take<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked
  if (response.ok) return data as T
  if (response.status === 401 && !response.url.endsWith('/sign-in')) signedOut()
  throw problemOf(response.status, error)
}

/** `query` without its undefined members. */
export function given<T extends object>(query: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as T
}
