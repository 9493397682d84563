import { type DeviceId, type Result, identityOf, ok, parseDeviceId, parseModuleId } from '#base'

/** What a device asks by HTTPS (azure-wire 3). `lock` and `correlationId` are percent-decoded. */
export type DeviceAction =
  | { readonly kind: 'telemetry' }
  | { readonly kind: 'receive' }
  | { readonly kind: 'settle'; readonly lock: string; readonly outcome: 'complete' | 'reject' | 'abandon' }
  | { readonly kind: 'begin-upload' }
  | { readonly kind: 'end-upload'; readonly correlationId: string | undefined }
  /** The path is one of these, but not with this method. */
  | { readonly kind: 'method-not-allowed' }

/** A request for the device API. */
export type DeviceRequest = {
  readonly identity: DeviceId
  readonly action: DeviceAction
  readonly apiVersion: string | undefined
}

/**
 * Reads the request line of a device. Keywords compare case-insensitively, a trailing slash is ignored, ids are percent-encoded. Undefined: it is for
 * somebody else. Refuses ids that are none.
 */
export function parseDeviceRequest(method: string, target: string): Result<DeviceRequest> | undefined {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const segments = path.split('/', 12)
  if (segments.at(-1) === '') segments.pop()
  const word = (at: number) => segments[at]?.toLowerCase()
  if (segments[0] !== '' || word(1) !== 'devices') return undefined
  const isModule = word(3) === 'modules'
  const base = isModule ? 5 : 3
  // A device has messages and files, a module messages alone; everything else below a device is for back ends.
  if (word(base) !== 'messages' && !(word(base) === 'files' && !isModule)) return undefined
  const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1))
  const action = actionOf(method, segments.slice(base), query)
  if (action === undefined) return undefined
  const device = parseDeviceId(decoded(segments[2]))
  if (!device.ok) return device
  const module = isModule ? parseModuleId(decoded(segments[4])) : ok(undefined)
  if (!module.ok) return module
  return ok({ identity: identityOf(device.value, module.value), action, apiVersion: query.get('api-version') ?? undefined })
}

function actionOf(method: string, segments: readonly string[], query: URLSearchParams): DeviceAction | undefined {
  const only = (wanted: string, action: DeviceAction): DeviceAction => (method === wanted ? action : { kind: 'method-not-allowed' })
  const [first, second, third, fourth] = segments
  const [one, two, four] = [first?.toLowerCase(), second?.toLowerCase(), fourth?.toLowerCase()]
  if (one === 'files') {
    if (segments.length === 1) return only('POST', { kind: 'begin-upload' })
    if (two !== 'notifications' || segments.length > 3) return undefined
    return only('POST', { kind: 'end-upload', correlationId: third === undefined ? undefined : decoded(third) })
  }
  if (two === 'events' && segments.length === 2) return only('POST', { kind: 'telemetry' })
  if (two !== 'devicebound') return undefined
  if (segments.length === 2) return only('GET', { kind: 'receive' })
  const lock = decoded(third)
  if (segments.length === 3) return only('DELETE', { kind: 'settle', lock, outcome: query.has('reject') ? 'reject' : 'complete' })
  return four === 'abandon' && segments.length === 4 ? only('POST', { kind: 'settle', lock, outcome: 'abandon' }) : undefined
}

/** Nothing, which is no id, where a segment is no percent-encoded text: `%` may stand in an id. */
function decoded(segment = ''): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return ''
  }
}
