import { resourceSegments } from '#wire/azure'

/*
 * What a service's token covers: a host of ours, or something on it. A token for `/a/b` covers `/a/b` and `/a/b/c`, not `/a/bc`: whole segments are compared
 * (azure-wire 1.3).
 */

/** The scheme before the resource of an Event Hubs token. */
const eventHubsScheme = 'sb://'

/** Longest scope, in segments: the longest resource that there is has eight. */
const maxSegments = 16

/**
 * The scope of a service's shared access signature: its `sr` percent-decoded, the host in small letters and without its port. Event Hubs tokens begin
 * with `sb://` and no others do. Undefined for what is no such resource, or is on a host that is not ours.
 */
export function scopeOf(sr: string, isEventHubs: boolean, isOurHost: (host: string) => boolean): string | undefined {
  const segments = isEventHubs ? eventHubsSegments(sr) : resourceSegments(sr)
  if (segments === undefined || segments.length > maxSegments) return undefined
  const [host = '', ...path] = segments
  if (host === '' || !isOurHost(host) || path.includes('')) return undefined
  return [host.toLowerCase().replace(/:\d+$/, ''), ...path].join('/')
}

function eventHubsSegments(sr: string): readonly string[] | undefined {
  const decoded = /^sb(?::\/\/|%3a%2f%2f)/i.exec(sr)
  return decoded === null ? undefined : resourceSegments(sr.slice(decoded[0].length))
}

/**
 * Whether a token with this scope may be used for a resource: a path (`/devices/pump-1`), or with a host and perhaps `sb://` before it, percent-decoded. Hosts
 * are not compared: a scope names one of ours.
 */
export function coversResource(scope: string, resource: string): boolean {
  const held = scope.split('/').slice(1)
  const bare = resource.startsWith(eventHubsScheme) ? resource.slice(eventHubsScheme.length) : resource
  const asked = bare.split('/').slice(1)
  return held.every((segment, at) => segment === asked[at])
}
