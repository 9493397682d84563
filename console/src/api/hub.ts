import { client, given, rememberCsrf, take } from './client.ts'
import type {
  AddedDevice,
  AuditPage,
  BulkInput,
  CheckReport,
  DeviceDetail,
  DeviceInput,
  DevicePage,
  HubState,
  Me,
  Timeline,
} from './types.ts'

/** A path with its query, for streams, which the typed client does not open; empty values are left out. */
export function withQuery(path: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, String(value)]]))
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs).toString()}`
}

/** Who we are; also learns the token that changes must carry. */
export async function fetchMe(): Promise<Me> {
  const me = await take(client.GET('/api/v1/me'))
  rememberCsrf(me.csrf)
  return me
}

/** Spends a one-time sign-in token. */
export async function signIn(token: string): Promise<void> {
  const session = await take(client.POST('/api/v1/sign-in', { body: { token } }))
  rememberCsrf(session.csrf)
}

/** Ends this browser's session. */
export async function signOut(): Promise<void> {
  await take(client.POST('/api/v1/sign-out'))
}

/** The hub at a glance. */
export const fetchHub = (): Promise<HubState> => take(client.GET('/api/v1/hub'))

/** One page of devices. `after` is the cursor of the page before. */
export const fetchDevices = (query: {
  after: string | undefined
  limit: number
  search: string | undefined
  status: 'enabled' | 'disabled' | undefined
}): Promise<DevicePage> => take(client.GET('/api/v1/devices', { params: { query: given(query) } }))

/** One device with its connections and certificates. */
export const fetchDevice = (id: string): Promise<DeviceDetail> => take(client.GET('/api/v1/devices/{id}', { params: { path: { id } } }))

/** Adds one device. */
export const addDevice = (body: DeviceInput): Promise<AddedDevice> => take(client.POST('/api/v1/devices', { body }))

/** Adds many; the answer is a stream of JSON lines, or null when there is none. */
export const addMany = (body: BulkInput, signal: AbortSignal): Promise<ReadableStream<Uint8Array> | null> =>
  take(client.POST('/api/v1/devices/bulk', { body, signal, parseAs: 'stream' }))

/** Enables or disables a device, if it is still the one with that etag. The receipt says which sessions ended. */
export const changeDevice = (id: string, body: { status: 'enabled' | 'disabled'; statusReason: string | null }, etag: string) =>
  take(client.PATCH('/api/v1/devices/{id}', { params: { path: { id } }, body, headers: { 'if-match': `"${etag}"` } }))

/** Deletes a device and ends its sessions. */
export const deleteDevice = (id: string) => take(client.DELETE('/api/v1/devices/{id}', { params: { path: { id } } }))

/** Revokes every certificate of a device and ends its sessions. */
export const revokeDevice = (id: string, reason: string) =>
  take(client.POST('/api/v1/devices/{id}/revoke', { params: { path: { id } }, body: reason === '' ? {} : { reason } }))

/** Issues a fresh certificate with a key made by the hub; that key is in this answer only. */
export const issueCertificate = (id: string) =>
  take(client.POST('/api/v1/devices/{id}/certificates', { params: { path: { id } }, body: {} }))

/** A device's history, newest first, before an offset. */
export const fetchTimeline = (id: string, before: number | undefined, limit: number): Promise<Timeline> =>
  take(client.GET('/api/v1/devices/{id}/timeline', { params: { path: { id }, query: given({ before, limit }) } }))

/** The last run of the checks. */
export const fetchChecks = (): Promise<CheckReport> => take(client.GET('/api/v1/checks'))

/** Runs all checks now; answers when they are done. */
export const runChecks = (): Promise<CheckReport> => take(client.POST('/api/v1/checks/run', { body: {} }))

/** Audit records before a sequence, newest first; 0 begins at the end. */
export const fetchAudit = (before: number, limit: number): Promise<AuditPage> =>
  take(client.GET('/api/v1/audit', { params: { query: { before, limit } } }))

/** The hub's root certificate in PEM. */
export const fetchRoot = (): Promise<string> => take(client.GET('/root.pem', { parseAs: 'text' }))
