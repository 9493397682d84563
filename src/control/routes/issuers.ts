import { Type } from 'typebox'
import { ok, refuse } from '#base'
import { newIssuer, newIssuerView } from '../pki-schema.ts'
import { actorOf } from '../receipts.ts'
import { type Route, bare, route } from '../route.ts'
import { closeReceipt } from '../schema.ts'
import { receiptView } from '../views.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const

/** One issuer after another: the next one, and the end of the one before. */
export function issuerRoutes({ ports }: Parts): readonly Route[] {
  const { pki, bus, clock } = ports
  return [
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/pki/issuer-rotations',
      summary: 'Makes a new issuer under the root of this hub. The one before signs nothing more; what it signed stays good.',
      access: { grants: ['pki.administer'] },
      resource: () => 'issuers',
      body: Type.Object({ role: Type.Union([Type.Literal('devices'), Type.Literal('servers')]) }, { ...closed, title: 'IssuerRotation' }),
      answer: { status: 201, is: newIssuer, description: 'Made, and in use.' },
      async handle(call) {
        const role = call.body.role === 'devices' ? 'device-issuer' : 'server-issuer'
        const made = await pki.ceremony.succeed(call.grant('pki.administer'), role)
        return made.ok ? ok(newIssuerView(made.value)) : made
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/pki/issuers/{serial}/retire',
      summary:
        'Ends an issuer that signs no more: its chains are refused from now on. Refused while valid certificates rest on it, unless `despite` is their number and `reason` says why.',
      access: { grants: ['pki.administer', 'certificate.issue', 'session.close'] },
      resource: ({ serial }) => `issuer:${serial}`,
      params: Type.Object({ serial: Type.String({ minLength: 1, maxLength: 64 }) }, closed),
      body: Type.Object(
        {
          despite: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000_000 })),
          reason: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
        },
        { ...closed, title: 'IssuerRetirement' },
      ),
      answer: {
        status: 200,
        is: Type.Object({ certificates: Type.Integer({ minimum: 0 }), receipt: closeReceipt }, { ...closed, title: 'RetiredIssuer' }),
        description: 'Retired: how many certificates it cut off, and the sessions that ended with them.',
      },
      async handle(call) {
        const { despite = 0, reason = '' } = call.body
        if (despite > 0 && reason === '')
          return refuse('control/retire-reason', 'Certificates are cut off only with a reason, which the audit log keeps.')
        const { serial } = call.params
        const may = await pki.ceremony.retirable(call.grant('pki.administer'), serial, despite)
        if (!may.ok) return may
        const { keyId, living } = may.value
        const revoked = await pki.revoke(call.grant('certificate.issue'), { issuer: keyId }, 'cessationOfOperation')
        if (!revoked.ok) return revoked
        const grant = call.grant('session.close')
        const { proofs, devices } = revoked.value
        const receipt = await bus.closeSessions({ revoked: proofs, devices, reason: 'revoked' })
        const counted = { certificates: living, sessions: receipt.of, closed: receipt.closed, durationMs: receipt.elapsedMs }
        const words = reason === '' ? 'cessationOfOperation' : reason
        ports.tell({
          kind: 'certificates-revoked',
          time: clock.now(),
          actor: actorOf(grant),
          by: 'issuer',
          value: keyId,
          reason: words,
          ...counted,
        })
        await ports.audit.append(grant, {
          action: 'pki.issuer-retire',
          resource: `issuer:${serial}`,
          detail: { reason: words, ...counted },
        })
        return ok({ certificates: living, receipt: receiptView(receipt) })
      },
    }),
  ]
}
