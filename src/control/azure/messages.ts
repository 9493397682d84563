import { type Result, ok } from '#base'
import type { Outcome } from '#hub'
import { type Target, deviceOfPath, moduleOfPath, registered } from './identity.ts'
import { parseIfMatch } from './if-match.ts'
import { malformed } from './read.ts'
import { json, noContent } from './reply.ts'
import { type AzureCall, azureRoute } from './route.ts'

async function purge(call: AzureCall<'c2d.purge', never>, target: Result<Target>) {
  if (!target.ok) return target
  const { device, module, identity } = target.value
  const purged = await call.ports.hub.messages.purge(call.grant('c2d.purge'), identity)
  return purged.ok ? ok(json({ totalMessagesPurged: purged.value, deviceId: device, moduleId: module ?? null })) : purged
}

async function settle(call: AzureCall<'c2d.feedback', never>, outcome: Outcome) {
  const match = parseIfMatch(call.header('if-match'))
  if (!match.ok) return match
  const lock = call.id('lock')
  if (match.value.kind === 'etag' && match.value.etag !== lock) return malformed('If-Match is not the lock of the path.')
  const settled = await call.ports.hub.feedback.settle(call.grant('c2d.feedback'), lock, outcome)
  return settled.ok ? ok(noContent) : settled
}

/** What back ends do with messages by HTTPS: empty a queue, and read feedback as older clients do (azure-wire 5.1, 5.9). */
export const messageRoutes = [
  azureRoute({
    method: 'DELETE',
    path: '/devices/{id}/commands',
    needs: ['c2d.purge'],
    throttle: 'messages',
    run: (call) => purge(call, registered(call.ports.hub, deviceOfPath(call))),
  }),
  azureRoute({
    method: 'DELETE',
    path: '/devices/{id}/modules/{module}/commands',
    needs: ['c2d.purge'],
    throttle: 'messages',
    run: (call) => purge(call, registered(call.ports.hub, moduleOfPath(call))),
  }),
  azureRoute({
    method: 'GET',
    path: '/messages/serviceBound/feedback',
    needs: ['c2d.feedback'],
    throttle: 'messages',
    async run(call) {
      const next = await call.ports.hub.feedback.receive(call.grant('c2d.feedback'))
      return ok(next === undefined ? noContent : json(next.content, next.lockToken))
    },
  }),
  azureRoute({
    method: 'DELETE',
    path: '/messages/serviceBound/feedback/{lock}',
    needs: ['c2d.feedback'],
    throttle: 'messages',
    run: (call) => settle(call, 'complete'),
  }),
  azureRoute({
    method: 'POST',
    path: '/messages/serviceBound/feedback/{lock}/abandon',
    needs: ['c2d.feedback'],
    throttle: 'messages',
    run: (call) => settle(call, 'abandon'),
  }),
]
