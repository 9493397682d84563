import { type Caller, type Operators, type Session, isCsrfOf } from '#access'
import { type Result, ok, refuse } from '#base'

/** The cookie of a browser session. The prefix makes browsers refuse it from any other host, from plain HTTP, and for a part of the site. */
export const sessionCookie = '__Host-thingwall-session'

/** The header that must repeat the session's anti-forgery token with every change. */
export const csrfHeader = 'x-thingwall-csrf'

/** Who asks. `alive` says whether that still holds: a stream asks again and again. */
export type Identity = {
  readonly caller: Caller
  readonly browser: { readonly session: Session; readonly cookie: string } | undefined
  alive(): boolean
}

/** What of a request bears on who asks. */
export type Asking = {
  readonly method: string
  readonly host: string | undefined
  readonly authorization: string | undefined
  readonly cookie: string | undefined
  readonly csrf: string | undefined
  readonly origin: string | undefined
  readonly fetchSite: string | undefined
  /** True when the peer's socket is of this machine and no proxy speaks for another. */
  readonly local: boolean
}

/**
 * Refuses what a page of another origin makes a browser send: `control/cross-site`. Browsers say where a request comes from (Fetch Metadata,
 * Origin); programs do not, and carry no cookie. Cookies do not tell ports apart, so `same-site` is a stranger, too.
 */
export function refuseCrossSite(asking: Pick<Asking, 'host' | 'origin' | 'fetchSite'>): Result<void> {
  const { fetchSite, origin, host } = asking
  const strange = fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none'
  if (strange || (origin !== undefined && origin !== `https://${host ?? ''}`))
    return refuse('control/cross-site', 'Pages of other origins may not use this interface.')
  return ok(undefined)
}

/**
 * Says who asks; `undefined` for nobody. A bearer credential is looked at alone; else the session cookie counts, and with it a change must carry
 * the anti-forgery token. Refuses `access/credential-refused`, `access/not-local`, `control/csrf`.
 */
export function identify(asking: Asking, operators: Operators): Result<Identity | undefined> {
  if (asking.authorization !== undefined) {
    const credential = /^Bearer ([A-Za-z0-9_-]{1,256})$/.exec(asking.authorization)?.[1] ?? ''
    const caller = operators.local(credential, asking.local)
    return caller.ok ? ok({ caller: caller.value, browser: undefined, alive: () => true }) : caller
  }
  const cookie = cookieOf(asking.cookie)
  const session = cookie === undefined ? undefined : operators.session(cookie, true)
  if (cookie === undefined || session === undefined) return ok(undefined)
  const changes = asking.method !== 'GET' && asking.method !== 'HEAD'
  if (changes && !isCsrfOf(session, asking.csrf ?? ''))
    return refuse('control/csrf', `A change must carry the ${csrfHeader} header with the token of this session.`)
  const alive = () => operators.session(cookie, false) !== undefined
  return ok({ caller: session.caller, browser: { session, cookie }, alive })
}

/** Our cookie out of a Cookie header. Two of that name are none: somebody planted one, and we do not guess which. */
export function cookieOf(header: string | undefined): string | undefined {
  const found: string[] = []
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === sessionCookie) found.push(pair.slice(at + 1).trim())
  }
  const [only] = found
  return found.length === 1 && only !== undefined && /^[A-Za-z0-9_-]{43}$/.test(only) ? only : undefined
}

/** The Set-Cookie header that begins a session, or with an empty value ends it in the browser. */
export function cookieHeader(value: string, maxAgeSeconds: number): string {
  return `${sessionCookie}=${value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}`
}
