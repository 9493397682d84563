import { rememberCsrf, request, send } from './send.ts'
import type {
  AddedDevice,
  AuditPage,
  BulkSpec,
  Certificate,
  CheckRun,
  CloseReceipt,
  Connection,
  Decision,
  Device,
  DeviceDetail,
  DevicePage,
  DeviceSpec,
  HubState,
  Me,
  Timeline,
} from './types.ts'

type Query = Readonly<Record<string, string | number | undefined>>

/** A path with its query; empty values are left out. */
export function withQuery(path: string, query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, String(value)]]))
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs).toString()}`
}

const devicePath = (id: string): string => `/api/v1/devices/${encodeURIComponent(id)}`

/** Who we are; also learns the token that changes must carry. */
export async function fetchMe(): Promise<Me> {
  const me = await send<Me>('GET', '/api/v1/me')
  rememberCsrf(me.csrf)
  return me
}

/** Spends a one-time sign-in token. */
export const signIn = (token: string): Promise<unknown> => send('POST', '/api/v1/sign-in', { body: { token } })

/** Ends this browser's session. */
export const signOut = (): Promise<unknown> => send('POST', '/api/v1/sign-out')

/** The hub at a glance. */
export const fetchHub = (): Promise<HubState> => send('GET', '/api/v1/hub')

/** One page of devices. `after` is the cursor of the page before. */
export const fetchDevices = (query: {
  after?: string | undefined
  limit: number
  search?: string | undefined
  status?: string | undefined
}): Promise<DevicePage> => send('GET', withQuery('/api/v1/devices', query))

/** One device with its connections and certificates. */
export const fetchDevice = (id: string): Promise<DeviceDetail> => send('GET', devicePath(id))

/** Adds one device. */
export const addDevice = (spec: DeviceSpec): Promise<AddedDevice> => send('POST', '/api/v1/devices', { body: spec })

/** Starts adding many; the answer is a stream of JSON lines. */
export const addMany = (spec: BulkSpec, signal: AbortSignal): Promise<Response> =>
  request('POST', '/api/v1/devices/bulk', { body: spec, signal })

/** Enables or disables a device. The receipt says which sessions ended. */
export const changeDevice = (
  id: string,
  change: { status?: 'enabled' | 'disabled'; statusReason?: string | null },
  etag?: string,
): Promise<{ device: Device; receipt?: CloseReceipt | null }> =>
  send('PATCH', devicePath(id), { body: change, ...(etag === undefined ? {} : { ifMatch: etag }) })

/** Deletes a device and ends its sessions. */
export const deleteDevice = (id: string): Promise<{ receipt: CloseReceipt }> => send('DELETE', devicePath(id))

/** Revokes every certificate of a device and ends its sessions. */
export const revokeDevice = (id: string, reason?: string): Promise<{ certificates: number; receipt: CloseReceipt }> =>
  send('POST', `${devicePath(id)}/revoke`, { body: reason === undefined ? {} : { reason } })

/** Issues a fresh certificate; the private key, if the hub made it, is in this answer only. */
export const issueCertificate = (id: string, csr?: string): Promise<{ certificatePem: string; privateKeyPem?: string | null }> =>
  send('POST', `${devicePath(id)}/certificates`, { body: csr === undefined ? {} : { csr } })

/** The certificates of a device. */
export const fetchCertificates = (id: string): Promise<{ certificates: readonly Certificate[] }> =>
  send('GET', `${devicePath(id)}/certificates`)

/** A device's history, newest first, before an offset. */
export const fetchTimeline = (id: string, before: number | string | undefined, limit: number): Promise<Timeline> =>
  send('GET', withQuery(`${devicePath(id)}/timeline`, { before, limit }))

/** All live connections. */
export const fetchConnections = (): Promise<{ connections: readonly Connection[] }> => send('GET', '/api/v1/connections')

/** Asks the decision engine. */
export const explain = (device: string, action: string, topic: string): Promise<Decision> =>
  send('GET', withQuery('/api/v1/explain', { device, action, topic }))

/** The last run of the checks. */
export const fetchChecks = (): Promise<CheckRun> => send('GET', '/api/v1/checks')

/** Runs all checks now; answers when they are done. */
export const runChecks = (): Promise<CheckRun> => send('POST', '/api/v1/checks/run', { body: {} })

/** A page of the audit log. */
export const fetchAudit = (after: number | undefined, limit: number): Promise<AuditPage> =>
  send('GET', withQuery('/api/v1/audit', { after, limit }))

/** The hub's root certificate in PEM. */
export async function fetchRoot(): Promise<string> {
  return (await request('GET', '/root.pem')).text()
}
