/*
 * Being signed in, across tabs. Losing the session remembers the place; signing in anywhere brings every waiting tab back to its own.
 */

const placeKey = 'thingwall-place'
const placeLifeMs = 15 * 60_000
const channel = new BroadcastChannel('thingwall-session')
const lost = new Set<() => void>()

/** Says that the hub no longer knows us. */
export function signedOut(): void {
  for (const tell of lost) tell()
}

/** Calls `tell` whenever the session is found to be gone. Returns the way to stop. */
export function onSignedOut(tell: () => void): () => void {
  lost.add(tell)
  return () => lost.delete(tell)
}

/** Tells the other tabs that this browser is signed in again. */
export function tellSignedIn(): void {
  channel.postMessage('signed-in')
}

/** Calls `tell` when another tab signed in. Returns the way to stop. */
export function onSignedIn(tell: () => void): () => void {
  channel.addEventListener('message', tell)
  return () => channel.removeEventListener('message', tell)
}

/** A path of ours, never another site's: begins with one slash and is not the sign-in page. */
export function isPlace(path: unknown): path is string {
  return typeof path === 'string' && /^\/(?![/\\])/.test(path) && !path.startsWith('/sign-in')
}

/** Keeps the place for whoever opens the next sign-in link in this browser, for 15 minutes. */
export function rememberPlace(path: string, now: number): void {
  try {
    localStorage.setItem(placeKey, JSON.stringify({ path, until: now + placeLifeMs }))
  } catch {
    // Without storage one lands on the first page.
  }
}

/** The remembered place, once; `/` when there is none or it is stale. */
export function takePlace(now: number): string {
  try {
    const text = localStorage.getItem(placeKey)
    localStorage.removeItem(placeKey)
    const kept: unknown = text === null ? null : JSON.parse(text)
    if (typeof kept !== 'object' || kept === null) return '/'
    const path: unknown = Reflect.get(kept, 'path')
    const until: unknown = Reflect.get(kept, 'until')
    return isPlace(path) && typeof until === 'number' && until > now ? path : '/'
  } catch {
    return '/'
  }
}
