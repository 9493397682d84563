import { type Static, Type } from 'typebox'
import { type DeviceId, type Grant, type Result, isoTime, limits, ok, parseDeviceId, refuse } from '#base'
import { type AuthenticationText, type DevicePatch, maxStatusReasonLength, parseAuthentication } from '#hub'
import { attestedDevice, attestedDeviceView } from '../attestation-schema.ts'
import { etagOf } from '../identities.ts'
import { addWithCertificates } from '../issue.ts'
import type { ControlPorts } from '../ports.ts'
import { keepReceipt } from '../receipts.ts'
import { type Route, bare, route } from '../route.ts'
import {
  authenticationInput,
  certificate,
  closeReceipt,
  connection,
  device,
  devicePath,
  deviceRow,
  deviceStatus,
  endpoint,
} from '../schema.ts'
import { deviceState, deviceStateOf } from '../state-schema.ts'
import { certificateView, connectionView, deviceView, endpointFor, receiptView } from '../views.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const text = Type.String()

/** Devices that one page holds at most. */
const maxPage = 500

const pageQuery = Type.Object(
  {
    after: Type.Optional(Type.String({ maxLength: 128 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: maxPage })),
    search: Type.Optional(Type.String({ maxLength: 128 })),
    status: Type.Optional(deviceStatus),
  },
  closed,
)

const page = Type.Object(
  { devices: Type.Array(deviceRow), next: Type.Union([text, Type.Null()]), total: Type.Integer({ minimum: 0 }) },
  { ...closed, title: 'DevicePage' },
)

const deviceInput = Type.Object(
  {
    id: text,
    authentication: Type.Optional(authenticationInput),
    csr: Type.Optional(Type.String({ maxLength: 16_384 })),
    issue: Type.Optional(Type.Boolean()),
  },
  { ...closed, title: 'DeviceInput' },
)

const added = Type.Object(
  { device, certificatePem: Type.Optional(text), privateKeyPem: Type.Optional(text), rootPem: text, connection: endpoint },
  { ...closed, title: 'AddedDevice' },
)

const detail = Type.Object(
  {
    device,
    connected: Type.Boolean(),
    state: deviceState,
    connections: Type.Array(connection),
    certificates: Type.Array(certificate),
    attestation: Type.Optional(attestedDevice),
    connection: endpoint,
  },
  { ...closed, title: 'DeviceDetail' },
)

const patch = Type.Object(
  {
    status: Type.Optional(deviceStatus),
    statusReason: Type.Optional(Type.Union([Type.String({ maxLength: maxStatusReasonLength }), Type.Null()])),
    authentication: Type.Optional(authenticationInput),
  },
  { ...closed, title: 'DevicePatch' },
)

const changed = Type.Object({ device, receipt: Type.Optional(closeReceipt) }, { ...closed, title: 'ChangedDevice' })

/** The registry, one device at a time and in pages. */
export function deviceRoutes({ config, ports }: Parts): readonly Route[] {
  const { devices, clock } = ports
  const named = ({ id }: { readonly id: string }) => `device:${id}`
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/devices',
      summary: 'A page of devices in the order of their ids. `next` is the `after` of the page that follows.',
      access: { grants: ['device.read'] },
      query: pageQuery,
      answer: { status: 200, is: page, description: 'A page.' },
      async handle(call) {
        const grant = call.grant('device.read')
        const { after, limit = 50, search, status } = call.query
        const found = devices.list(grant, { after, limit, search, status })
        const online = connectedDevices(ports)
        const rows: Static<typeof deviceRow>[] = []
        for (const one of found.devices)
          rows.push({ ...deviceView(one), connected: online.has(one.id), certificate: await lastingCertificate(ports, grant, one.id) })
        return ok({ devices: rows, next: found.next, total: found.total })
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/devices',
      summary: 'Adds a device. Its certificate is issued here unless it proves itself by thumbprints or `issue` is false.',
      access: { grants: ['device.write'], sometimes: ['certificate.issue'] },
      resource: () => 'devices',
      body: deviceInput,
      answer: { status: 201, is: added, description: 'Added. A private or shared key is in this answer only.' },
      async handle(call) {
        const { csr } = call.body
        const id = parseDeviceId(call.body.id)
        if (!id.ok) return id
        const authentication = parseAuthentication(call.body.authentication ?? { type: 'certificateAuthority' })
        if (!authentication.ok) return authentication
        const ours = authentication.value.type === 'certificateAuthority'
        if (!ours && (csr !== undefined || call.body.issue === true))
          return refuse('control/issue-self-signed', 'A device that proves itself in another way gets no certificate from us.')
        if (devices.find(id.value) !== undefined) return refuse('hub/device-exists', `Device ${id.value} exists already.`)
        const grant = ours && call.body.issue !== false ? call.ask('certificate.issue') : undefined
        if (grant !== undefined && !grant.ok) return grant
        const issue = grant === undefined ? undefined : { grant: grant.value, ...(csr === undefined ? {} : { csr }) }
        const specs = [{ id: id.value, authentication: authentication.value }]
        const outcome = await addWithCertificates(ports, call.grant('device.write'), specs, issue)
        if (!outcome.ok) return outcome
        const [first] = outcome.value
        if (first === undefined) throw new Error('bug: a device was added and is not there')
        call.setHeader('etag', `"${first.device.etag}"`)
        const keys = authentication.value.type === 'sas' ? devices.sharedKeys(id.value) : undefined
        return ok({
          device: deviceView(first.device),
          ...(first.handed === undefined ? {} : { certificatePem: first.handed.certificatePem }),
          ...(first.handed?.privateKeyPem === undefined ? {} : { privateKeyPem: first.handed.privateKeyPem }),
          rootPem: ports.pki.rootPem,
          connection: endpointFor(config, ports.listeners(), id.value, keys?.primary),
        })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/devices/{id}',
      summary: 'One device with its state, connections and certificates.',
      access: { grants: ['device.read'], sometimes: ['twin.read'] },
      resource: named,
      params: devicePath,
      answer: { status: 200, is: detail, description: 'The device.' },
      async handle(call) {
        const found = devices.find(call.params.id)
        if (found === undefined) return notFound(call.params.id)
        const connections = ports.door.connections().filter((one) => one.device === found.id)
        const records = await ports.pki.certificatesOf(call.grant('device.read'), found.id)
        const attested = await ports.attestation.find(found.id)
        call.setHeader('etag', `"${found.etag}"`)
        return ok({
          device: deviceView(found),
          ...(attested === undefined ? {} : { attestation: attestedDeviceView(attested, clock.now()) }),
          connected: connections.length > 0,
          state: await deviceStateOf(ports, found.id, call.ask('twin.read')),
          connections: connections.map(connectionView),
          certificates: records.map((one) => certificateView(one, clock.now())).filter((one) => one !== undefined),
          connection: endpointFor(config, ports.listeners(), found.id),
        })
      },
    }),
    route({
      ...bare,
      method: 'PATCH',
      path: '/api/v1/devices/{id}',
      summary:
        'Changes a device; with If-Match only if it is still the one that was read. Sessions that the change ends are in the receipt.',
      access: { grants: ['device.write'] },
      resource: named,
      params: devicePath,
      body: patch,
      answer: { status: 200, is: changed, description: 'Changed.' },
      async handle(call) {
        const id = parseDeviceId(call.params.id)
        if (!id.ok) return id
        const change = readPatch(call.body)
        if (!change.ok) return change
        const grant = call.grant('device.write')
        const updated = await devices.update(grant, id.value, change.value, etagOf(call.header('if-match')))
        if (!updated.ok) return updated
        const { device: after, receipt } = updated.value
        call.setHeader('etag', `"${after.etag}"`)
        if (receipt === null) return ok({ device: deviceView(after) })
        await keepReceipt(ports, grant, id.value, after.status === 'disabled' ? 'disabled' : 'credential', receipt)
        return ok({ device: deviceView(after), receipt: receiptView(receipt) })
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/devices/{id}',
      summary: 'Deletes a device, revokes its certificates and ends its sessions.',
      access: { grants: ['device.delete', 'certificate.issue'] },
      resource: named,
      params: devicePath,
      answer: { status: 200, is: Type.Object({ receipt: closeReceipt }, { ...closed, title: 'Receipt' }), description: 'Deleted.' },
      async handle(call) {
        const id = parseDeviceId(call.params.id)
        if (!id.ok) return id
        const grant = call.grant('device.delete')
        const removed = await devices.remove(grant, id.value, etagOf(call.header('if-match')))
        if (!removed.ok) return removed
        // Or whoever keeps the old key could come back as the next device of this name.
        const revoked = await ports.pki.revoke(call.grant('certificate.issue'), { deviceId: id.value }, 'cessationOfOperation')
        if (!revoked.ok) return revoked
        await keepReceipt(ports, grant, id.value, 'deleted', removed.value)
        return ok({ receipt: receiptView(removed.value) })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/connections',
      summary: 'Live connections of devices, at most 10,000 of them.',
      access: { grants: ['device.read'] },
      answer: {
        status: 200,
        is: Type.Object({ connections: Type.Array(connection) }, { ...closed, title: 'Connections' }),
        description: 'The connections.',
      },
      handle: () => ok({ connections: ports.door.connections().slice(0, limits.devicesPerRequest).map(connectionView) }),
    }),
  ]
}

/** The refusal for a device that is not there. */
export function notFound(id: string): Result<never> {
  return refuse('hub/device-not-found', `No device ${id} is registered.`)
}

function readPatch(body: Static<typeof patch>): Result<DevicePatch> {
  const { status, statusReason } = body
  const plain = { ...(status === undefined ? {} : { status }), ...(statusReason === undefined ? {} : { statusReason }) }
  if (body.authentication === undefined) return ok(plain)
  const given: AuthenticationText = body.authentication
  const authentication = parseAuthentication(given)
  return authentication.ok ? ok({ ...plain, authentication: authentication.value }) : authentication
}

function connectedDevices(ports: ControlPorts): ReadonlySet<DeviceId> {
  return new Set(ports.door.connections().map((one) => one.device))
}

/** The certificate that lasts longest of those a device can still use. */
async function lastingCertificate(ports: ControlPorts, grant: Grant<'device.read'>, id: DeviceId): Promise<{ notAfter: string } | null> {
  const records = await ports.pki.certificatesOf(grant, id)
  const usable = records.filter((one) => one.fingerprintSha256 !== null && one.revoked === null).map((one) => one.notAfter)
  const last = usable.toSorted((a, b) => b - a)[0]
  return last === undefined ? null : { notAfter: isoTime(last) }
}
