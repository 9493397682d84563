import { type Result, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import type { Breaker } from './breaker.ts'
import type { Ask } from './https-client.io.ts'
import { type TokenClaims, expiryOf, maxTokenCharacters } from './token.ts'

/** Where tokens are reviewed, and the bearer token that we show there, read anew for each review because it is renewed by others. */
export type ReviewPorts = {
  readonly ask: Ask
  readonly breaker: Breaker
  readonly url: URL
  readonly bearer: () => Promise<string | undefined>
}

/** Bytes of an answer, and how long one may take. */
export const reviewLimits = { answerBytes: 64 * 1024, timeoutMs: 5_000 } as const

const unavailable = (detail: string) => refuse('access/token-review-unavailable', 'You may not connect.', detail)
const refused = (detail: string) => refuse('access/token-refused', 'You may not connect.', detail)

/**
 * Has a token reviewed by the Kubernetes API (TokenReview, authentication.k8s.io/v1; edge.md 1.8). Accepts only `authenticated: true` for a service
 * account with at least one of `audiences`; the expiry is the token's own, which the review has vouched for.
 */
export async function reviewToken(token: string, audiences: readonly string[], ports: ReviewPorts): Promise<Result<TokenClaims>> {
  if (token.length > maxTokenCharacters || !/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token))
    return refuse('access/token-malformed', 'You may not connect.', 'it is no signed JWT in compact form')
  const answer = await ports.breaker.ask(async () => {
    const bearer = await ports.bearer()
    if (bearer === undefined) return undefined
    const headers = new Map([['authorization', `Bearer ${bearer}`]])
    const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } })
    const got = await ports.ask({ method: 'POST', url: ports.url, headers, body })
    return got !== undefined && (got.status === 200 || got.status === 201) ? got : undefined
  })
  if (answer === undefined) return unavailable('the token could not be reviewed')
  const read = parseJson(answer.body.toString('utf8'), reviewLimits.answerBytes)
  const status = read.ok && isObject(read.value) ? read.value['status'] : undefined
  if (status === undefined || !isObject(status)) return unavailable('the review was not understood')
  if (status['authenticated'] !== true) return refused('the review says that the token is not good')
  const granted = status['audiences']
  if (!Array.isArray(granted) || !granted.some((audience) => typeof audience === 'string' && audiences.includes(audience)))
    return refused('the review names none of our audiences')
  const user = status['user']
  const username = user !== undefined && isObject(user) ? user['username'] : undefined
  if (typeof username !== 'string' || !username.startsWith('system:serviceaccount:'))
    return refused('the token is not that of a service account')
  const expiresAt = expiryOf(token)
  return expiresAt === undefined ? refused('the token does not say when it ends') : ok({ subject: username, expiresAt })
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
