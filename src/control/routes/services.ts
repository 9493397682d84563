import { Type } from 'typebox'
import type { NewPolicy } from '#access'
import { type Instant, type Result, instant, isoTime, ok, refuse } from '#base'
import type { ListenerState } from '../ports.ts'
import { type Route, bare, route } from '../route.ts'
import { time } from '../schema.ts'
import {
  newSharedAccessPolicy,
  policyView,
  service,
  serviceInput,
  serviceView,
  sharedAccessPolicy,
  sharedAccessPolicyInput,
} from '../service-schema.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const path = Type.Object({ name: Type.String({ minLength: 1, maxLength: 64 }) }, closed)
const serviceNamed = ({ name }: { readonly name: string }) => `service:${name}`
const policyNamed = ({ name }: { readonly name: string }) => `shared-access-policy:${name}`
const all = () => 'services'

/** Entity path of the built-in endpoint for events (azure-wire 8.1). */
const eventsEntity = 'messages/events'
const amqpPort = 5671

/** Back ends that may call, and shared access policies: looked at, made and ended. */
export function serviceRoutes(parts: Parts): readonly Route[] {
  return [...registered(parts), ...policies(parts)]
}

function registered({ ports }: Parts): readonly Route[] {
  const { services } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/services',
      summary: 'Every back end that is registered here, those that have ended included.',
      access: { grants: ['service.read'] },
      resource: all,
      answer: {
        status: 200,
        is: Type.Object({ services: Type.Array(service) }, { ...closed, title: 'Services' }),
        description: 'The services.',
      },
      handle: (call) => ok({ services: services.services(call.grant('service.read')).map(serviceView) }),
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/services',
      summary: 'Registers a back end by its public key. It signs its own tokens from then on, until the end that was given.',
      access: { grants: ['service.write'] },
      resource: all,
      body: serviceInput,
      answer: { status: 201, is: service, description: 'Registered.' },
      async handle(call) {
        const { name, roles, publicKey, until } = call.body
        const expiresAt = readTime(until)
        if (!expiresAt.ok) return expiresAt
        const spec = { name, roles, publicJwk: JSON.stringify(publicKey), expiresAt: expiresAt.value }
        const added = await services.add(call.grant('service.write'), spec)
        return added.ok ? ok(serviceView(added.value)) : added
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/services/{name}',
      summary: 'One back end.',
      access: { grants: ['service.read'] },
      resource: serviceNamed,
      params: path,
      answer: { status: 200, is: service, description: 'The service.' },
      handle(call) {
        const { name } = call.params
        const found = services.service(call.grant('service.read'), name)
        return found === undefined ? refuse('access/service-not-found', `There is no ${name}.`) : ok(serviceView(found))
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/services/{name}',
      summary: 'Ends a back end: none of its tokens is taken any more, and what it has open is closed.',
      access: { grants: ['service.write'] },
      resource: serviceNamed,
      params: path,
      answer: { status: 204, is: Type.Null(), description: 'Ended.' },
      async handle(call) {
        const removed = await services.remove(call.grant('service.write'), call.params.name)
        return removed.ok ? ok(null) : removed
      },
    }),
  ]
}

function policies({ ports, config }: Parts): readonly Route[] {
  const { services } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/shared-access-policies',
      summary: 'Every shared access policy, without its keys; and until when there may be any (null: there may be none).',
      access: { grants: ['service.read'] },
      resource: all,
      answer: {
        status: 200,
        is: Type.Object(
          { policies: Type.Array(sharedAccessPolicy), allowedUntil: Type.Union([time, Type.Null()]) },
          { ...closed, title: 'SharedAccessPolicies' },
        ),
        description: 'The policies.',
      },
      handle(call) {
        const { policiesUntil } = services
        const shown = services.policies(call.grant('service.read')).map(policyView)
        return ok({ policies: shown, allowedUntil: policiesUntil === undefined ? null : isoTime(policiesUntil) })
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/shared-access-policies',
      summary: 'Makes a shared access policy and its keys, where the settings allow any. Its keys are in this answer only.',
      access: { grants: ['service.write'] },
      resource: all,
      body: sharedAccessPolicyInput,
      answer: { status: 201, is: newSharedAccessPolicy, description: 'Made.' },
      async handle(call) {
        const { name, rights, until } = call.body
        const expiresAt = readTime(until)
        if (!expiresAt.ok) return expiresAt
        const spec = { name, permissions: rights, expiresAt: expiresAt.value }
        const made = await services.addPolicy(call.grant('service.write'), spec)
        if (!made.ok) return made
        return ok(shownOnce(made.value, config.hostNames[0] ?? 'localhost', ports.listeners()))
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/shared-access-policies/{name}',
      summary: 'Ends a shared access policy: nothing that its keys signed is taken any more, and what was opened by it is closed.',
      access: { grants: ['service.write'] },
      resource: policyNamed,
      params: path,
      answer: { status: 204, is: Type.Null(), description: 'Ended.' },
      async handle(call) {
        const removed = await services.removePolicy(call.grant('service.write'), call.params.name)
        return removed.ok ? ok(null) : removed
      },
    }),
  ]
}

function readTime(text: string): Result<Instant> {
  const at = Date.parse(text)
  return Number.isFinite(at) ? ok(instant(at)) : refuse('control/malformed', 'body.until is no time such as 2027-01-31T00:00:00Z.')
}

/** The keys leave as text here, and nowhere else. */
function shownOnce({ policy, primaryKey, secondaryKey }: NewPolicy, host: string, listeners: readonly ListenerState[]) {
  const [primary, secondary] = [primaryKey, secondaryKey].map((key) => key.use((bytes) => bytes.toString('latin1')))
  for (const key of [primaryKey, secondaryKey]) key[Symbol.dispose]()
  const signer = `SharedAccessKeyName=${policy.name};SharedAccessKey=${primary ?? ''}`
  const amqp = listeners.find((one) => one.name === 'amqp')?.port
  const port = amqp === undefined || amqp === amqpPort ? '' : `:${amqp}`
  return {
    policy: policyView(policy),
    primaryKey: primary ?? '',
    secondaryKey: secondary ?? '',
    connectionString: `HostName=${host};${signer}`,
    ...(policy.permissions.includes('ServiceConnect')
      ? { eventHubsConnectionString: `Endpoint=sb://${host}${port}/;${signer};EntityPath=${eventsEntity}` }
      : {}),
  }
}
