import { Type } from 'typebox'
import { type DeviceId, type Result, ok, parseDeviceId, refuse } from '#base'
import { type Selector, revocationReasons } from '#pki'
import { actorOf } from '../receipts.ts'
import { type Call, type Route, bare, nothing, route } from '../route.ts'
import { closeReceipt } from '../schema.ts'
import { receiptView } from '../views.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const

/** Devices that one order may name, and that a group or a condition may mean. */
const mostDevices = 10_000
const mostMeant = 100_000

const hex = (pattern: string, description: string) => Type.Optional(Type.String({ pattern, description }))

const order = Type.Object(
  {
    serial: hex('^[0-9a-f]{2,40}$', 'Serial number of one certificate of a device.'),
    fingerprint: hex('^[0-9a-f]{64}$', 'SHA-256 of a certificate, whoever signed it.'),
    key: hex('^[0-9a-f]{64}$', 'SHA-256 of a public key (SubjectPublicKeyInfo): every certificate for it, also those to come.'),
    issuer: hex('^[0-9a-f]{40}$', 'Key identifier of an authority: everything under it.'),
    devices: Type.Optional(Type.Array(Type.String({ maxLength: 128 }), { minItems: 1, maxItems: mostDevices })),
    group: Type.Optional(
      Type.String({ minLength: 1, maxLength: 128, description: 'Enrollment group: every device that registered through it.' }),
    ),
    where: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4_096,
        description: "Every device whose twin this is true of, such as `tags.site = 'north'`.",
      }),
    ),
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
  readonly group?: string
  readonly where?: string
}
type RevokeCall = Call<
  'certificate.issue' | 'session.close',
  'registration.read' | 'twin.read',
  typeof nothing,
  typeof nothing,
  typeof order
>

/** Revocation by what is known of what was lost: a certificate, a key, an authority, a group of devices. */
export function revocationRoutes({ ports }: Parts): readonly Route[] {
  const { pki, bus, clock } = ports
  return [
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/revocations',
      summary:
        'Revokes by serial number, fingerprint, key, issuer, a list of devices, an enrollment group or a condition on twins (exactly one of them; the last two need registration.read or twin.read besides), ends every session that rests on it on every transport, and says how many and how fast.',
      access: { grants: ['certificate.issue', 'session.close'], sometimes: ['registration.read', 'twin.read'] },
      body: order,
      bodyBytes: 2 * 1024 * 1024,
      answer: {
        status: 200,
        is: Type.Object({ certificates: Type.Integer({ minimum: 0 }), receipt: closeReceipt }, { ...closed, title: 'Revoked' }),
        description: 'Revoked: durable, and no session that rested on it is left.',
      },
      async handle(call) {
        const which = await selectorOf(ports, call)
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

type Meant = {
  readonly selector: Selector
  readonly by: 'serial' | 'fingerprint' | 'key' | 'issuer' | 'devices' | 'group' | 'where'
  readonly value: string
}

/** Which one of them it is, and in words for the record: a list of devices by their number. */
async function selectorOf(ports: Parts['ports'], call: RevokeCall): Promise<Result<Meant>> {
  const { serial, fingerprint, key, issuer, devices, group, where }: Order = call.body
  const chosen = [serial, fingerprint, key, issuer, devices, group, where].filter((one) => one !== undefined).length
  if (chosen !== 1) return refuse('control/revoke-one', 'Say exactly one of serial, fingerprint, key, issuer, devices, group and where.')
  if (serial !== undefined) return ok({ selector: { serial }, by: 'serial', value: serial })
  if (fingerprint !== undefined) return ok({ selector: { fingerprint }, by: 'fingerprint', value: fingerprint })
  if (key !== undefined) return ok({ selector: { key }, by: 'key', value: key })
  if (issuer !== undefined) return ok({ selector: { issuer }, by: 'issuer', value: issuer })
  const found =
    group !== undefined ? await ofGroup(ports, call, group) : where !== undefined ? await ofTwins(ports, call, where) : named(devices)
  if (!found.ok) return found
  const selector = { devices: found.value }
  if (group !== undefined) return ok({ selector, by: 'group', value: group })
  return where === undefined ? ok({ selector, by: 'devices', value: `${found.value.length}` }) : ok({ selector, by: 'where', value: where })
}

function named(devices: readonly string[] = []): Result<readonly DeviceId[]> {
  const ids: DeviceId[] = []
  for (const one of devices) {
    const id = parseDeviceId(one)
    if (!id.ok) return id
    ids.push(id.value)
  }
  return ok(ids)
}

async function ofGroup(ports: Parts['ports'], call: RevokeCall, group: string): Promise<Result<readonly DeviceId[]>> {
  const grant = call.ask('registration.read')
  if (!grant.ok) return grant
  const found = await ports.provisioning.records.devicesOf(grant.value, group, mostMeant + 1)
  return found.ok ? bounded(found.value) : found
}

async function ofTwins(ports: Parts['ports'], call: RevokeCall, where: string): Promise<Result<readonly DeviceId[]>> {
  const grant = call.ask('twin.read')
  if (!grant.ok) return grant
  const ids: string[] = []
  let after: string | undefined
  do {
    const page = await ports.hub.queries.matching('devices', where, 1_000, after)
    if (!page.ok) return page
    ids.push(...page.value.identities)
    after = page.value.next
  } while (after !== undefined && ids.length <= mostMeant)
  const read = named(ids)
  return read.ok ? bounded(read.value) : read
}

/** Nobody is a slip of the finger, and too many are not done by halves. */
function bounded(ids: readonly DeviceId[]): Result<readonly DeviceId[]> {
  if (ids.length === 0) return refuse('control/revoke-nobody', 'No device is meant by this. Nothing was revoked.')
  return ids.length > mostMeant
    ? refuse('control/revoke-too-many', `More than ${mostMeant} devices are meant by this. Nothing was revoked.`)
    : ok(ids)
}
