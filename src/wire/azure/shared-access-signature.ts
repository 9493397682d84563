import { createHmac } from 'node:crypto'
import { type Result, ok, refuse } from '#base'

/** A shared access signature as it was sent (azure-wire 1.2). Nothing about it has been verified. */
export type SharedAccessSignature = {
  /** As it stands in the token: what was signed, with `expiry`. */
  readonly resource: string
  readonly expiry: string
  readonly signature: Buffer
  /** Undefined: signed with the key of the identity that `resource` names. */
  readonly policy: string | undefined
}

const scheme = 'SharedAccessSignature '
const most = { characters: 4_096, pairs: 8 } as const

const no = (why: string) => refuse('wire/sas-malformed', `The shared access signature is malformed: ${why}.`)

/** Reads `SharedAccessSignature sr=...&sig=...&se=...[&skn=...]`, pairs in any order. Refuses a field twice, and what is missing, too long or no number. */
export function parseSharedAccessSignature(text: string): Result<SharedAccessSignature> {
  if (text.length > most.characters) return no(`it has more than ${most.characters} characters`)
  if (!text.startsWith(scheme)) return no('it does not begin with SharedAccessSignature and one space')
  const pairs = text.slice(scheme.length).split('&')
  if (pairs.length > most.pairs) return no(`it has more than ${most.pairs} fields`)
  const fields = new Map<string, string>()
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    if (equals < 1) return no('a field has no name')
    const name = pair.slice(0, equals)
    if (fields.has(name)) return no('it has a field twice')
    fields.set(name, pair.slice(equals + 1))
  }
  const resource = fields.get('sr')
  const expiry = fields.get('se')
  const signature = percentDecode(fields.get('sig') ?? '')
  const policy = percentDecode(fields.get('skn') ?? '')
  if (resource === undefined || resource === '') return no('sr is missing')
  if (expiry === undefined || !/^[0-9]{1,12}$/.test(expiry)) return no('se is no number of seconds')
  if (signature === undefined || !/^[A-Za-z0-9+/]{43}=$/.test(signature)) return no('sig is not the base64 of 32 bytes')
  if (policy === undefined) return no('skn is not percent-encoded text')
  return ok({ resource, expiry, signature: Buffer.from(signature, 'base64'), policy: policy === '' ? undefined : policy })
}

/** HMAC-SHA256 over the resource as written, a line feed and the expiry as written. `key` is the decoded key. */
export function signSharedAccess(key: Uint8Array, resource: string, expiry: string): Buffer {
  return createHmac('sha256', key).update(`${resource}\n${expiry}`).digest()
}

/** The segments of a resource, percent-decoded once: `['hub.example:8883', 'devices', 'pump-1']`. Undefined for bytes that are no text. */
export function resourceSegments(resource: string): readonly string[] | undefined {
  const decoded = percentDecode(resource)
  if (decoded === undefined) return undefined
  const segments = decoded.split('/')
  if (segments.at(-1) === '') segments.pop()
  // A very old form (azure-wire 1.3).
  if (segments.at(-1)?.startsWith('api-version=') === true) segments.pop()
  return segments
}

function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
