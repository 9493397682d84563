import { type Result, ok, refuse } from '#base'
import { type Hub, type Twin, serviceTwinJson, twinAbout } from '#hub'
import { type Target, deviceOfPath, moduleOfPath, registered } from './identity.ts'
import { etagOf, parseIfMatch } from './if-match.ts'
import { objectBody } from './read.ts'
import { type Reply, json } from './reply.ts'
import { type AzureCall, azureRoute, bodyBytes } from './route.ts'
import { twinPatchFromJson } from './twin-patch.ts'

/** The twin of a registered target. Refuses `hub/device-not-found` when it went meanwhile. */
export async function twinOf(hub: Hub, { identity }: Target): Promise<Result<Twin>> {
  const twin = await hub.twins.get(identity)
  return twin === undefined ? gone(identity) : ok(twin)
}

function gone(identity: string): Result<never> {
  return refuse('hub/device-not-found', `${identity} is not registered.`)
}

function twinReply(hub: Hub, twin: Twin): Result<Reply> {
  const about = twinAbout(hub, twin.identity)
  return about === undefined ? gone(twin.identity) : ok(json(serviceTwinJson(twin, about), twin.etag))
}

async function read(call: AzureCall<'twin.read', never>, target: Result<Target>): Promise<Result<Reply>> {
  if (!target.ok) return target
  const twin = await twinOf(call.ports.hub, target.value)
  return twin.ok ? twinReply(call.ports.hub, twin.value) : twin
}

async function change(call: AzureCall<'twin.write', never>, target: Result<Target>, how: 'patch' | 'replace'): Promise<Result<Reply>> {
  if (!target.ok) return target
  const match = parseIfMatch(call.header('if-match'))
  if (!match.ok) return match
  const body = objectBody(call.body)
  if (!body.ok) return body
  const patch = twinPatchFromJson(body.value)
  if (!patch.ok) return patch
  const { hub } = call.ports
  const twin = await hub.twins[how](call.grant('twin.write'), target.value.identity, patch.value, etagOf(match.value))
  return twin.ok ? twinReply(hub, twin.value) : twin
}

/** Twins of devices and modules (azure-wire 5.2). */
export const twinRoutes = [
  azureRoute({
    method: 'GET',
    path: '/twins/{id}',
    needs: ['twin.read'],
    throttle: 'twinReads',
    run: (call) => read(call, registered(call.ports.hub, deviceOfPath(call))),
  }),
  azureRoute({
    method: 'PATCH',
    path: '/twins/{id}',
    needs: ['twin.write'],
    throttle: 'twinUpdates',
    bodyBytes,
    run: (call) => change(call, registered(call.ports.hub, deviceOfPath(call)), 'patch'),
  }),
  azureRoute({
    method: 'PUT',
    path: '/twins/{id}',
    needs: ['twin.write'],
    throttle: 'twinUpdates',
    bodyBytes,
    run: (call) => change(call, registered(call.ports.hub, deviceOfPath(call)), 'replace'),
  }),
  azureRoute({
    method: 'GET',
    path: '/twins/{id}/modules/{module}',
    needs: ['twin.read'],
    throttle: 'twinReads',
    run: (call) => read(call, registered(call.ports.hub, moduleOfPath(call))),
  }),
  azureRoute({
    method: 'PATCH',
    path: '/twins/{id}/modules/{module}',
    needs: ['twin.write'],
    throttle: 'twinUpdates',
    bodyBytes,
    run: (call) => change(call, registered(call.ports.hub, moduleOfPath(call)), 'patch'),
  }),
  azureRoute({
    method: 'PUT',
    path: '/twins/{id}/modules/{module}',
    needs: ['twin.write'],
    throttle: 'twinUpdates',
    bodyBytes,
    run: (call) => change(call, registered(call.ports.hub, moduleOfPath(call)), 'replace'),
  }),
]
