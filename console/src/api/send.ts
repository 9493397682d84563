import { Problem, problemOf } from './problem.ts'
import { signedOut } from './session.ts'

let csrf: string | undefined

/** Remembers the token that changes must carry; `GET /api/v1/me` gives it. */
export function rememberCsrf(token: string | undefined): void {
  csrf = token
}

async function bodyOf(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined
  try {
    return await response.json()
  } catch {
    return undefined
  }
}

/** One request to the hub. Refusals and silence are thrown as {@link Problem}; a lost session also tells the shell. */
export async function request(
  method: string,
  path: string,
  options: { body?: unknown; ifMatch?: string; signal?: AbortSignal } = {},
): Promise<Response> {
  const headers = new Headers({ accept: 'application/json' })
  if (options.body !== undefined) headers.set('content-type', 'application/json')
  if (method !== 'GET' && csrf !== undefined) headers.set('x-thingwall-csrf', csrf)
  if (options.ifMatch !== undefined) headers.set('if-match', options.ifMatch)
  const response = await fetch(path, {
    method,
    headers,
    credentials: 'same-origin',
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }).catch((error: unknown) => {
    if (options.signal?.aborted) throw error
    throw new Problem('console/unreachable', 0, 'The hub does not answer.')
  })
  if (response.ok) return response
  if (response.status === 401 && path !== '/api/v1/sign-in') signedOut()
  throw problemOf(response.status, await bodyOf(response))
}

/** One request whose answer is JSON of the shape the contract gives for that route. */
export async function send<T>(
  method: string,
  path: string,
  options: { body?: unknown; ifMatch?: string; signal?: AbortSignal } = {},
): Promise<T> {
  return (await bodyOf(await request(method, path, options))) as T
}
