/*
 * How a device that registers names itself: `{idScope}/registrations/{registrationId}`, in a user name of MQTT, in SASL PLAIN, as the address of a
 * link, and in a path of HTTP (azure-wire 6.2 to 6.4). Nothing about it is verified here; whoever proves devices does.
 */

/** Who says to be registering, with which instance. */
export type RegistrationName = { readonly idScope: string; readonly registrationId: string }

/** The same as MQTT says it, with the version of the protocol that the client speaks. */
export type RegistrationUserName = RegistrationName & { readonly apiVersion: string }

/** What a client speaks that does not say. */
export const oldestApiVersion = '2019-03-31'

/** Longest name that is looked at, in characters: the longest id, percent-encoded, and the rest. */
const maxNameLength = 1_024
// The form of the original's id scopes; its exact grammar is not known (azure-wire 13). [R]
const originalScope = /^0ne[0-9a-f]{8}$/i
const version = /^[0-9A-Za-z.-]{1,32}$/

/**
 * Whether a first segment is an id scope, ours or somebody else's, and no host name: `{host}/registrations/{module}` is a module of a hub's device
 * whose name is `registrations`.
 */
export function isScope(segment: string, ours: string): boolean {
  return segment.toLowerCase() === ours.toLowerCase() || originalScope.test(segment)
}

/**
 * Reads `{idScope}/registrations/{registrationId}/[?]api-version=...&ClientVersion=...`; ids are raw, never decoded. Undefined for every other user name.
 */
export function parseRegistrationUserName(text: string, ours: string): RegistrationUserName | undefined {
  if (text.length > maxNameLength) return undefined
  const [idScope = '', word, registrationId = '', query = '', ...more] = text.split('/')
  if (word !== 'registrations' || registrationId === '' || more.length > 0 || !isScope(idScope, ours)) return undefined
  for (const pair of query.replace(/^\?/, '').split('&', 8)) {
    const apiVersion = pair.startsWith('api-version=') ? pair.slice('api-version='.length) : ''
    if (version.test(apiVersion)) return { idScope, registrationId, apiVersion }
  }
  return undefined
}

/** Reads `{idScope}/registrations/{registrationId}` as AMQP names it; a leading slash and percent-encoding are let be. Undefined for everything else. */
export function parseRegistrationAddress(text: string, ours: string): RegistrationName | undefined {
  const [idScope = '', word, registrationId = '', ...more] = segmentsOf(text.replace(/^amqps:\/\/[^/]*/i, '').replace(/^\//, '')) ?? []
  if (word !== 'registrations' || registrationId === '' || more.length > 0 || !isScope(idScope, ours)) return undefined
  return { idScope, registrationId }
}

/** What a path of HTTP asks for (azure-wire 6.3). */
export type RegistrationPath = RegistrationName &
  ({ readonly kind: 'register' } | { readonly kind: 'operation'; readonly operationId: string } | { readonly kind: 'lookup' })

/** Takes a path apart, which begins with a slash and has no query. Undefined for every other path. */
export function parseRegistrationPath(path: string, ours: string): RegistrationPath | undefined {
  const [empty, idScope = '', word, registrationId = '', verb, operationId, ...more] = segmentsOf(path) ?? []
  if (empty !== '' || word !== 'registrations' || registrationId === '' || more.length > 0 || !isScope(idScope, ours)) return undefined
  const name = { idScope, registrationId }
  if (verb === undefined) return { ...name, kind: 'lookup' }
  if (verb === 'register') return operationId === undefined ? { ...name, kind: 'register' } : undefined
  return verb === 'operations' && operationId !== undefined && operationId !== '' ? { ...name, kind: 'operation', operationId } : undefined
}

function segmentsOf(text: string): readonly string[] | undefined {
  if (text.length > maxNameLength) return undefined
  try {
    return text.split('/').map((segment) => decodeURIComponent(segment))
  } catch {
    return undefined
  }
}
