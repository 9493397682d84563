import { Type } from 'typebox'
import { type DeviceId, type Grant, type Result, ok } from '#base'
import { closed, count, pageLimit } from '../hub-schema.ts'
import { etagOf, notThere, ofDevicesAndModules, registeredIdentity, showEtag } from '../identities.ts'
import { type Route, bare, route } from '../route.ts'
import { twin, twinChangeView, twinHistory, twinPatch, twinView } from '../twin-schema.ts'
import type { Parts } from './parts.ts'

/** Twins of devices and modules: read, changed, and their past. */
export function twinRoutes({ ports }: Parts): readonly Route[] {
  const { twins } = ports.hub
  return ofDevicesAndModules(({ path, params, resource, word }) => [
    route({
      ...bare,
      method: 'GET',
      path: `${path}/twin`,
      summary: `The twin of a ${word}: tags, desired and reported properties.`,
      access: { grants: ['twin.read'] },
      resource,
      params,
      answer: { status: 200, is: twin, description: 'The twin.' },
      async handle(call) {
        const identity = registeredIdentity(ports, call.params)
        if (!identity.ok) return identity
        const found = await twins.get(identity.value)
        if (found === undefined) return notThere(identity.value)
        showEtag(call, found.etag)
        return ok(twinView(found))
      },
    }),
    ...(['PATCH', 'PUT'] as const).map((method) =>
      route({
        ...bare,
        method,
        path: `${path}/twin`,
        summary:
          method === 'PATCH'
            ? 'Merges into tags and desired properties (JSON merge patch, null deletes); with If-Match only if the twin is still the one that was read.'
            : 'Puts tags, desired properties or both whole in the place of those that were; with If-Match only if the twin is still the one that was read.',
        access: { grants: ['twin.write'] },
        resource,
        params,
        body: twinPatch,
        answer: { status: 200, is: twin, description: 'The twin as it is now.' },
        async handle(call) {
          const identity = registeredIdentity(ports, call.params)
          if (!identity.ok) return identity
          const act = method === 'PATCH' ? 'patch' : 'replace'
          const changed = await twins[act](call.grant('twin.write'), identity.value, call.body, etagOf(call.header('if-match')))
          if (!changed.ok) return changed
          showEtag(call, changed.value.etag)
          return ok(twinView(changed.value))
        },
      }),
    ),
    route({
      ...bare,
      method: 'GET',
      path: `${path}/twin/history`,
      summary: `Changes of the twin of a ${word}, newest first, as far as the journal reaches. A page may be short, or empty, and still name a \`next\`.`,
      access: { grants: ['twin.read'] },
      resource,
      params,
      query: Type.Object({ before: Type.Optional(count), limit: pageLimit }, closed),
      answer: { status: 200, is: twinHistory, description: 'A page of changes. `next` is the `before` of the page that follows.' },
      handle: (call) => history(call.grant('twin.read'), registeredIdentity(ports, call.params), call.query),
    }),
  ])

  async function history(
    grant: Grant<'twin.read'>,
    identity: Result<DeviceId>,
    { before, limit = 50 }: { readonly before?: number; readonly limit?: number },
  ) {
    if (!identity.ok) return identity
    const { changes, next } = await twins.history(grant, identity.value, limit, before)
    return ok({ changes: changes.map(twinChangeView), next: next ?? null })
  }
}
