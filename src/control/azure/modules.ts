import { type Result, ok } from '#base'
import { type Module, moduleSpecOf } from '#hub'
import { type Target, deviceOfPath, moduleOfPath, registered } from './identity.ts'
import { etagOf, parseIfMatch } from './if-match.ts'
import { objectBody } from './read.ts'
import { moduleFromJson, moduleJson } from './registry-json.ts'
import { type Reply, json, noContent } from './reply.ts'
import { type AzureCall, azureRoute, bodyBytes } from './route.ts'

type Reading = AzureCall<'device.read', 'device.write'>
type Writing = AzureCall<'device.write', never>

function shown(call: Reading | Writing, module: Module, withKeys: boolean): Result<Reply> {
  return ok(json(moduleJson(call.ports.hub, module, withKeys), module.etag))
}

async function put(call: Writing): Promise<Result<Reply>> {
  const { hub } = call.ports
  const target = moduleOfPath(call)
  if (!target.ok) return target
  // What is not there is its device, before its module.
  const device = registered(hub, deviceOfPath(call) satisfies Result<Target>)
  if (!device.ok) return device
  const match = parseIfMatch(call.header('if-match'))
  if (!match.ok) return match
  const body = objectBody(call.body)
  if (!body.ok) return body
  const read = moduleFromJson(target.value.device, target.value.module, body.value)
  if (!read.ok) return read
  const grant = call.grant('device.write')
  if (match.value.kind === 'none') {
    const added = await hub.modules.add(grant, moduleSpecOf(read.value))
    return added.ok ? shown(call, added.value, true) : added
  }
  const { device: _device, id: _id, ...patch } = read.value
  const updated = await hub.modules.update(grant, target.value.identity, patch, etagOf(match.value))
  return updated.ok ? shown(call, updated.value.module, true) : updated
}

/** Modules of devices (azure-wire 5.1). */
export const moduleRoutes = [
  azureRoute({
    method: 'GET',
    path: '/devices/{id}/modules',
    needs: ['device.read'],
    sometimes: ['device.write'],
    throttle: 'registry',
    async run(call) {
      const { hub } = call.ports
      const target = registered(hub, deviceOfPath(call))
      if (!target.ok) return target
      const withKeys = call.ask('device.write').ok
      return ok(json(hub.modules.of(target.value.device).map((module) => moduleJson(hub, module, withKeys))))
    },
  }),
  azureRoute({
    method: 'GET',
    path: '/devices/{id}/modules/{module}',
    needs: ['device.read'],
    sometimes: ['device.write'],
    throttle: 'registry',
    async run(call) {
      const target = registered(call.ports.hub, moduleOfPath(call))
      if (!target.ok) return target
      const module = call.ports.hub.modules.find(target.value.identity)
      if (module === undefined) throw new Error('bug: a registered module is not there')
      return shown(call, module, call.ask('device.write').ok)
    },
  }),
  azureRoute({ method: 'PUT', path: '/devices/{id}/modules/{module}', needs: ['device.write'], throttle: 'registry', bodyBytes, run: put }),
  azureRoute({
    method: 'DELETE',
    path: '/devices/{id}/modules/{module}',
    needs: ['device.delete'],
    throttle: 'registry',
    async run(call) {
      const target = registered(call.ports.hub, moduleOfPath(call))
      if (!target.ok) return target
      const match = parseIfMatch(call.header('if-match'))
      if (!match.ok) return match
      const removed = await call.ports.hub.modules.remove(call.grant('device.delete'), target.value.identity, etagOf(match.value))
      return removed.ok ? ok(noContent) : removed
    },
  }),
]
