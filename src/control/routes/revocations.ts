import { Type } from 'typebox'
import { type DeviceId, type Result, ok, parseDeviceId, refuse } from '#base'
import { type Selector, revocationReasons } from '#pki'
import { actorOf } from '../receipts.ts'
import { type Route, bare, route } from '../route.ts'
import { closeReceipt } from '../schema.ts'
import { receiptView } from '../views.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const

/** Devices that one order may name. */
const mostDevices = 10_000

const hex = (pattern: string, description: string) => Type.Optional(Type.String({ pattern, description }))

const order = Type.Object(
  {
    serial: hex('^[0-9a-f]{2,40}$', 'Serial number of one certificate of a device.'),
    fingerprint: hex('^[0-9a-f]{64}$', 'SHA-256 of a certificate, whoever signed it.'),
    key: hex('^[0-9a-f]{64}$', 'SHA-256 of a public key (SubjectPublicKeyInfo): every certificate for it, also those to come.'),
    issuer: hex('^[0-9a-f]{40}$', 'Key identifier of an authority: everything under it.'),
    devices: Type.Optional(Type.Array(Type.String({ maxLength: 128 }), { minItems: 1, maxItems: mostDevices })),
    reason: Type.Optional(Type.Union(revocationReasons.map((reason) => Type.Literal(reason)))),
  },
  { ...closed, title: 'Revocation' },
)

type Order = {
  readonly serial?: string
  readonly fingerprint?: string
  readonly key?: string
  readonly issuer?: string
  readonly devices?: readonly string[]
}

/** Revocation by what is known of what was lost: a certificate, a key, an authority, a group of devices. */
export function revocationRoutes({ ports }: Parts): readonly Route[] {
  const { pki, bus, clock } = ports
  return [
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/revocations',
      summary:
        'Revokes by serial number, fingerprint, key, issuer or a list of devices (exactly one of them), ends every session that rests on it on every transport, and says how many and how fast.',
      access: { grants: ['certificate.issue', 'session.close'] },
      body: order,
      bodyBytes: 2 * 1024 * 1024,
      answer: {
        status: 200,
        is: Type.Object({ certificates: Type.Integer({ minimum: 0 }), receipt: closeReceipt }, { ...closed, title: 'Revoked' }),
        description: 'Revoked: durable, and no session that rested on it is left.',
      },
      async handle(call) {
        const which = selectorOf(call.body)
        if (!which.ok) return which
        const { reason = 'unspecified' } = call.body
        const grant = call.grant('session.close')
        const revoked = await pki.revoke(call.grant('certificate.issue'), which.value.selector, reason)
        if (!revoked.ok) return revoked
        const { proofs, devices, serials } = revoked.value
        const receipt = await bus.closeSessions({ revoked: proofs, devices, reason: 'revoked' })
        const { by, value } = which.value
        const counted = { certificates: serials.length, sessions: receipt.of, closed: receipt.closed, durationMs: receipt.elapsedMs }
        ports.tell({ kind: 'certificates-revoked', time: clock.now(), actor: actorOf(grant), by, value, reason, ...counted })
        await ports.audit.append(grant, { action: 'session.close', resource: `${by}:${value}`, detail: { reason, ...counted } })
        return ok({ certificates: serials.length, receipt: receiptView(receipt) })
      },
    }),
  ]
}

type By = 'serial' | 'fingerprint' | 'key' | 'issuer' | 'devices'

/** Which one of them it is, and in words for the record: a list of devices by their number. */
function selectorOf(given: Order): Result<{ readonly selector: Selector; readonly by: By; readonly value: string }> {
  const { serial, fingerprint, key, issuer, devices } = given
  const chosen = [serial, fingerprint, key, issuer, devices].filter((one) => one !== undefined).length
  if (chosen !== 1) return refuse('control/revoke-one', 'Say exactly one of serial, fingerprint, key, issuer and devices.')
  if (serial !== undefined) return ok({ selector: { serial }, by: 'serial', value: serial })
  if (fingerprint !== undefined) return ok({ selector: { fingerprint }, by: 'fingerprint', value: fingerprint })
  if (key !== undefined) return ok({ selector: { key }, by: 'key', value: key })
  if (issuer !== undefined) return ok({ selector: { issuer }, by: 'issuer', value: issuer })
  const ids: DeviceId[] = []
  for (const one of devices ?? []) {
    const id = parseDeviceId(one)
    if (!id.ok) return id
    ids.push(id.value)
  }
  return ok({ selector: { devices: ids }, by: 'devices', value: `${ids.length}` })
}
