import { Type } from 'typebox'
import { ok } from '#base'
import { anyJson, closed, text } from '../hub-schema.ts'
import { ofDevicesAndModules, registeredIdentity } from '../identities.ts'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const seconds = (lowest: number) => Type.Optional(Type.Integer({ minimum: lowest, maximum: 300 }))

/** A direct method to be called. */
const methodCall = Type.Object(
  { name: text, payload: Type.Optional(anyJson), responseTimeoutSeconds: seconds(5), connectTimeoutSeconds: seconds(0) },
  { ...closed, title: 'MethodCall' },
)

/** What the device answered, and how long that took. */
const methodAnswer = Type.Object(
  { status: Type.Integer(), payload: anyJson, durationMs: Type.Number({ minimum: 0 }) },
  { ...closed, title: 'MethodAnswer' },
)

/** Direct methods of devices and modules. */
export function methodRoutes({ ports }: Parts): readonly Route[] {
  const { clock, hub } = ports
  return ofDevicesAndModules(({ path, params, resource, word }) => [
    route({
      ...bare,
      method: 'POST',
      path: `${path}/methods`,
      summary: `Calls a direct method of a ${word} and waits for its answer, 30 s unless said. \`connectTimeoutSeconds\` waits for it to come online.`,
      access: { grants: ['method.invoke'] },
      resource,
      params,
      body: methodCall,
      answer: { status: 200, is: methodAnswer, description: 'Its answer, whatever status it gives.' },
      async handle(call) {
        const identity = registeredIdentity(ports, call.params)
        if (!identity.ok) return identity
        const began = clock.monotonic()
        const answer = await hub.methods.invoke(call.grant('method.invoke'), identity.value, call.body)
        if (!answer.ok) return answer
        const { status, payload } = answer.value
        return ok({ status, payload, durationMs: clock.monotonic() - began })
      },
    }),
  ])
}
