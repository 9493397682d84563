import { Type } from 'typebox'
import { ok } from '#base'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const health = Type.Object(
  { status: Type.Union([Type.Literal('ok'), Type.Literal('unwell')]), reasons: Type.Array(Type.String()) },
  { additionalProperties: false, title: 'Health' },
)

/** What anyone may ask who reaches this door. Nothing here tells of devices or operators. */
export function openRoutes({ ports, openapi }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/healthz',
      summary: 'Whether the hub is well: 200, or 503 with reasons.',
      access: { anyone: 'load balancers and scripts ask before anybody has signed in' },
      answer: { status: 200, is: health, description: 'The hub is well. The same with 503 when it is not.' },
      handle(call) {
        const reasons = [...ports.health()]
        if (reasons.length > 0) call.setStatus(503)
        return ok({ status: reasons.length === 0 ? ('ok' as const) : ('unwell' as const), reasons })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/openapi.json',
      summary: 'This interface, as OpenAPI 3.1.',
      access: { anyone: 'it is the same for every hub of this release and holds no secret' },
      answer: { status: 200, is: Type.Object({}, { additionalProperties: true }), description: 'The OpenAPI document.' },
      handle: () => ok(openapi()),
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/root.pem',
      summary: 'The root certificate of this hub. Compare its fingerprint before you trust it.',
      access: { anyone: 'a root certificate is public, and trusting it comes before signing in' },
      answer: { status: 200, is: Type.String(), type: 'application/x-pem-file', description: 'PEM.' },
      handle: () => ok(ports.pki.rootPem),
    }),
  ]
}
