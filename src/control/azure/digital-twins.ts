import { type Result, ok } from '#base'
import type { Twin } from '#hub'
import { desiredOfPatch, digitalTwinJson } from './digital-twin.ts'
import { type Target, deviceOfPath, registered } from './identity.ts'
import { etagOf, parseIfMatch } from './if-match.ts'
import { numberOf } from './read.ts'
import { json, quoted } from './reply.ts'
import { type AzureCall, azureRoute, bodyBytes } from './route.ts'
import { twinOf } from './twins.ts'

async function command(call: AzureCall<'method.invoke', never>, name: string) {
  const target = registered(call.ports.hub, deviceOfPath(call))
  if (!target.ok) return target
  const responseTimeoutSeconds = numberOf(call.query('responseTimeoutInSeconds'), 'responseTimeoutInSeconds')
  if (!responseTimeoutSeconds.ok) return responseTimeoutSeconds
  const connectTimeoutSeconds = numberOf(call.query('connectTimeoutInSeconds'), 'connectTimeoutInSeconds')
  if (!connectTimeoutSeconds.ok) return connectTimeoutSeconds
  const answer = await call.ports.hub.methods.invoke(call.grant('method.invoke'), target.value.identity, {
    name,
    payload: call.body,
    responseTimeoutSeconds: responseTimeoutSeconds.value,
    connectTimeoutSeconds: connectTimeoutSeconds.value,
  })
  if (!answer.ok) return answer
  const headers = { 'x-ms-command-statuscode': String(answer.value.status) }
  return ok({ status: 200, json: answer.value.payload, headers } as const)
}

async function found(call: AzureCall<never, never>): Promise<Result<{ readonly target: Target; readonly twin: Twin }>> {
  const target = registered(call.ports.hub, deviceOfPath(call))
  if (!target.ok) return target
  const twin = await twinOf(call.ports.hub, target.value)
  return twin.ok ? ok({ target: target.value, twin: twin.value }) : twin
}

/** Digital twins (azure-wire 5.11): plug and play over twins and direct methods. */
export const digitalTwinRoutes = [
  azureRoute({
    method: 'GET',
    path: '/digitaltwins/{id}',
    needs: ['twin.read'],
    throttle: 'twinReads',
    async run(call) {
      const one = await found(call)
      return one.ok ? ok(json(digitalTwinJson(one.value.twin, one.value.target.device), one.value.twin.etag)) : one
    },
  }),
  azureRoute({
    method: 'PATCH',
    path: '/digitaltwins/{id}',
    needs: ['twin.write'],
    throttle: 'twinUpdates',
    bodyBytes,
    async run(call) {
      const one = await found(call)
      if (!one.ok) return one
      const match = parseIfMatch(call.header('if-match'))
      if (!match.ok) return match
      const desired = desiredOfPatch(call.body, one.value.twin)
      if (!desired.ok) return desired
      const { identity } = one.value.target
      const twin = await call.ports.hub.twins.patch(call.grant('twin.write'), identity, { desired: desired.value }, etagOf(match.value))
      return twin.ok
        ? ok({
            status: 202,
            headers: { etag: quoted(twin.value.etag), location: `/digitaltwins/${encodeURIComponent(one.value.target.device)}` },
          } as const)
        : twin
    },
  }),
  azureRoute({
    method: 'POST',
    path: '/digitaltwins/{id}/commands/{command}',
    needs: ['method.invoke'],
    throttle: 'methods',
    bodyBytes,
    run: (call) => command(call, call.id('command')),
  }),
  azureRoute({
    method: 'POST',
    path: '/digitaltwins/{id}/components/{component}/commands/{command}',
    needs: ['method.invoke'],
    throttle: 'methods',
    bodyBytes,
    run: (call) => command(call, `${call.id('component')}*${call.id('command')}`),
  }),
]
