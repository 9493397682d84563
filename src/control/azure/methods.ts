import { type Result, ok } from '#base'
import type { MethodCall } from '#hub'
import type { Json } from '#wire/json'
import { type Target, deviceOfPath, moduleOfPath, registered } from './identity.ts'
import { json } from './reply.ts'
import { type AzureCall, azureRoute, bodyBytes } from './route.ts'
import { type JsonObject, objectBody, optionalInteger, requiredText } from './read.ts'

/** Reads a method to be called as IoT Hub's clients write it (azure-wire 5.6); its bounds are the hub's to check. */
export function methodFromJson(body: JsonObject): Result<MethodCall> {
  const name = requiredText(body, 'methodName')
  if (!name.ok) return name
  const responseTimeoutSeconds = optionalInteger(body, 'responseTimeoutInSeconds')
  if (!responseTimeoutSeconds.ok) return responseTimeoutSeconds
  const connectTimeoutSeconds = optionalInteger(body, 'connectTimeoutInSeconds')
  if (!connectTimeoutSeconds.ok) return connectTimeoutSeconds
  return ok({
    name: name.value,
    payload: Object.hasOwn(body, 'payload') ? body['payload'] : undefined,
    responseTimeoutSeconds: responseTimeoutSeconds.value,
    connectTimeoutSeconds: connectTimeoutSeconds.value,
  })
}

async function invoke(call: AzureCall<'method.invoke', never>, target: Result<Target>) {
  if (!target.ok) return target
  const body = objectBody(call.body)
  if (!body.ok) return body
  const method = methodFromJson(body.value)
  if (!method.ok) return method
  const answer = await call.ports.hub.methods.invoke(call.grant('method.invoke'), target.value.identity, method.value)
  // 200 whatever the device says: its status is in the body.
  return answer.ok ? ok(json({ status: answer.value.status, payload: answer.value.payload satisfies Json })) : answer
}

/** Direct methods (azure-wire 5.6). */
export const methodRoutes = [
  azureRoute({
    method: 'POST',
    path: '/twins/{id}/methods',
    needs: ['method.invoke'],
    throttle: 'methods',
    bodyBytes,
    run: (call) => invoke(call, registered(call.ports.hub, deviceOfPath(call))),
  }),
  azureRoute({
    method: 'POST',
    path: '/twins/{id}/modules/{module}/methods',
    needs: ['method.invoke'],
    throttle: 'methods',
    bodyBytes,
    run: (call) => invoke(call, registered(call.ports.hub, moduleOfPath(call))),
  }),
]
