import { type Result, ok, parseDeviceId } from '#base'
import { type Device, deviceSpecOf } from '#hub'
import { deviceOfPath, registered } from './identity.ts'
import { etagOf, parseIfMatch } from './if-match.ts'
import { numberOf, objectBody } from './read.ts'
import { deviceFromJson, deviceJson } from './registry-json.ts'
import { type Reply, json, noContent } from './reply.ts'
import { type AzureCall, azureRoute, bodyBytes } from './route.ts'

/** Devices in one answer (azure-wire 5.1). */
const mostListed = 1_000

type Reading = AzureCall<'device.read', 'device.write'>
type Writing = AzureCall<'device.write', never>

/** Keys are shown to who may set them, and to nobody else (azure-wire 1.11). */
function shown(call: Reading | Writing, device: Device, withKeys: boolean): Result<Reply> {
  return ok(json(deviceJson(call.ports.hub, device, withKeys), device.etag))
}

/** Without If-Match a device is made, with one it is changed: `*` whatever it is (azure-wire 5.1). */
async function put(call: Writing): Promise<Result<Reply>> {
  const { devices } = call.ports.hub
  const target = deviceOfPath(call)
  if (!target.ok) return target
  const match = parseIfMatch(call.header('if-match'))
  if (!match.ok) return match
  const body = objectBody(call.body)
  if (!body.ok) return body
  const { device: id } = target.value
  const read = deviceFromJson(id, body.value)
  if (!read.ok) return read
  const grant = call.grant('device.write')
  if (match.value.kind === 'none') {
    const added = await devices.add(grant, [deviceSpecOf(read.value)])
    if (!added.ok) return added
    const [device] = added.value
    return device === undefined ? Promise.reject(new Error('bug: a device was added and is not there')) : shown(call, device, true)
  }
  const { id: _id, ...patch } = read.value
  const updated = await devices.update(grant, id, patch, etagOf(match.value))
  return updated.ok ? shown(call, updated.value.device, true) : updated
}

/** Devices of the registry, one by one (azure-wire 5.1). */
export const deviceRoutes = [
  azureRoute({
    method: 'GET',
    path: '/devices',
    needs: ['device.read'],
    sometimes: ['device.write'],
    throttle: 'registry',
    async run(call) {
      const top = numberOf(call.query('top'), 'top')
      if (!top.ok) return top
      const { hub } = call.ports
      const limit = Math.min(Math.max(1, top.value ?? mostListed), mostListed)
      const { devices } = hub.devices.list(call.grant('device.read'), { limit })
      const withKeys = call.ask('device.write').ok
      return ok(json(devices.map((device) => deviceJson(hub, device, withKeys))))
    },
  }),
  azureRoute({
    method: 'GET',
    path: '/devices/{id}',
    needs: ['device.read'],
    sometimes: ['device.write'],
    throttle: 'registry',
    async run(call) {
      const target = registered(call.ports.hub, deviceOfPath(call))
      if (!target.ok) return target
      const device = call.ports.hub.devices.find(target.value.device)
      if (device === undefined) throw new Error('bug: a registered device is not there')
      return shown(call, device, call.ask('device.write').ok)
    },
  }),
  azureRoute({ method: 'PUT', path: '/devices/{id}', needs: ['device.write'], throttle: 'registry', bodyBytes, run: put }),
  azureRoute({
    method: 'DELETE',
    path: '/devices/{id}',
    needs: ['device.delete'],
    throttle: 'registry',
    async run(call) {
      const id = parseDeviceId(call.id('id'))
      if (!id.ok) return id
      const match = parseIfMatch(call.header('if-match'))
      if (!match.ok) return match
      const removed = await call.ports.hub.devices.remove(call.grant('device.delete'), id.value, etagOf(match.value))
      return removed.ok ? ok(noContent) : removed
    },
  }),
  azureRoute({
    method: 'GET',
    path: '/statistics/devices',
    needs: ['device.read'],
    throttle: 'registry',
    async run(call) {
      const { total, enabled, disabled } = call.ports.hub.devices.statistics
      return ok(json({ totalDeviceCount: total, enabledDeviceCount: enabled, disabledDeviceCount: disabled }))
    },
  }),
  azureRoute({
    method: 'GET',
    path: '/statistics/service',
    needs: ['device.read'],
    throttle: 'registry',
    run: async (call) => ok(json({ connectedDeviceCount: call.ports.hub.presence.connectedDevices })),
  }),
]
