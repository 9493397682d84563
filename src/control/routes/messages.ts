import { Type } from 'typebox'
import { limits, ok } from '#base'
import { closed, count } from '../hub-schema.ts'
import { ofDevicesAndModules, registeredIdentity } from '../identities.ts'
import { messageInput, messageOf, queuedMessage, queuedMessageView } from '../message-schema.ts'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

/** Messages for devices and modules: sent, looked at while they wait, and taken back. */
export function messageRoutes({ ports }: Parts): readonly Route[] {
  const { clock } = ports
  const { messages } = ports.hub
  return ofDevicesAndModules(({ path, params, resource, word }) => [
    route({
      ...bare,
      method: 'POST',
      path: `${path}/messages`,
      summary: `Puts a message in the queue of a ${word}, which gets it when it is online. \`ack\` says which outcomes back ends are told of.`,
      access: { grants: ['c2d.send'] },
      resource,
      params,
      body: messageInput,
      bodyBytes: limits.httpBodyBytes,
      answer: {
        status: 201,
        is: Type.Object({ sequenceNumber: count }, { ...closed, title: 'SentMessage' }),
        description: 'Durable. `sequenceNumber` names it in all of the hub.',
      },
      async handle(call) {
        const identity = registeredIdentity(ports, call.params)
        if (!identity.ok) return identity
        const message = messageOf(call.body, identity.value, clock)
        if (!message.ok) return message
        const sent = await messages.send(call.grant('c2d.send'), identity.value, message.value)
        return sent.ok ? ok({ sequenceNumber: sent.value.sequenceNumber }) : sent
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: `${path}/messages`,
      summary: `The queue of a ${word}, oldest first: at most 50 messages, without their bodies.`,
      access: { grants: ['c2d.send'] },
      resource,
      params,
      answer: {
        status: 200,
        is: Type.Object({ messages: Type.Array(queuedMessage) }, { ...closed, title: 'MessageQueue' }),
        description: 'What waits, or is with the device and not yet settled.',
      },
      async handle(call) {
        const identity = registeredIdentity(ports, call.params)
        if (!identity.ok) return identity
        const waiting = await messages.list(call.grant('c2d.send'), identity.value)
        return ok({ messages: waiting.map(queuedMessageView) })
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: `${path}/messages`,
      summary: `Empties the queue of a ${word} of what waits; what is with it already stays.`,
      access: { grants: ['c2d.purge'] },
      resource,
      params,
      answer: {
        status: 200,
        is: Type.Object({ purged: count }, { ...closed, title: 'PurgedMessages' }),
        description: 'How many were dropped.',
      },
      async handle(call) {
        const identity = registeredIdentity(ports, call.params)
        if (!identity.ok) return identity
        const purged = await messages.purge(call.grant('c2d.purge'), identity.value)
        return purged.ok ? ok({ purged: purged.value }) : purged
      },
    }),
  ])
}
