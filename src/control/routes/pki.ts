import { Type } from 'typebox'
import { Secret, instant, isoTime, ok, refuse } from '#base'
import {
  authorities,
  authorityView,
  importedIssuer,
  importedIssuerView,
  inventoryEntry,
  inventoryView,
  issuerInput,
  issuerRequest,
  issuerRequestInput,
  issuerRequestView,
} from '../pki-schema.ts'
import { type Route, bare, route } from '../route.ts'
import { time } from '../schema.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const dayMs = 86_400_000
const requestPath = Type.Object({ id: Type.String({ minLength: 1, maxLength: 16 }) }, closed)

/** Authorities: what there is, issuers that others sign, and the root's key kept elsewhere. */
export function pkiRoutes({ ports }: Parts): readonly Route[] {
  const { ceremony } = ports.pki
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/pki/authorities',
      summary: 'Roots and issuers: where their keys are, who signed them, when they end.',
      access: { grants: ['pki.read'] },
      resource: () => 'authorities',
      answer: { status: 200, is: authorities, description: 'Oldest first.' },
      async handle(call) {
        const grant = call.grant('pki.read')
        const found = await ceremony.authorities(grant)
        if (!found.ok) return found
        const { title, state } = ceremony.keys(grant)
        const keys = { title, state: state.kind, ...(state.kind === 'away' ? { message: state.message } : {}) }
        return ok({ keys, authorities: found.value.map(authorityView) })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/pki/issuer-requests',
      summary: 'Keys of this hub that wait for a certificate from whoever holds the root.',
      access: { grants: ['pki.read'] },
      resource: () => 'issuer-requests',
      answer: {
        status: 200,
        is: Type.Object({ requests: Type.Array(issuerRequest) }, { ...closed, title: 'IssuerRequests' }),
        description: 'Oldest first.',
      },
      handle: async (call) => ok({ requests: (await ceremony.waiting(call.grant('pki.read'))).map(issuerRequestView) }),
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/pki/issuer-requests',
      summary: 'Makes the key of a new issuer, and the signing request for whoever holds the root.',
      access: { grants: ['pki.administer'] },
      resource: () => 'issuer-requests',
      body: issuerRequestInput,
      answer: { status: 201, is: issuerRequest, description: 'Made.' },
      async handle(call) {
        const role = call.body.role === 'devices' ? 'device-issuer' : 'server-issuer'
        const made = await ceremony.request(call.grant('pki.administer'), role)
        return made.ok ? ok(issuerRequestView(made.value)) : made
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/pki/issuer-requests/{id}',
      summary: 'Forgets a request and its key.',
      access: { grants: ['pki.administer'] },
      resource: ({ id }) => `issuer-request:${id}`,
      params: requestPath,
      answer: { status: 204, is: Type.Null(), description: 'Forgotten.' },
      async handle(call) {
        const gone = await ceremony.forget(call.grant('pki.administer'), call.params.id)
        return gone.ok ? ok(null) : gone
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/pki/issuers',
      summary: 'Takes the certificate of an issuer that was signed elsewhere, with what stands above it, and goes by it from now on.',
      access: { grants: ['pki.administer'] },
      resource: () => 'issuers',
      body: issuerInput,
      answer: { status: 201, is: importedIssuer, description: 'Imported: new certificates come from it, earlier ones stay good.' },
      async handle(call) {
        const { chainPem, rootSha256 } = call.body
        const imported = await ceremony.import(call.grant('pki.administer'), { chainPem, rootSha256 })
        return imported.ok ? ok(importedIssuerView(imported.value)) : imported
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/pki/root/export',
      summary: 'The active root and its key, encrypted under a passphrase: to be kept where the hub is not.',
      access: { grants: ['pki.administer'] },
      resource: () => 'root',
      body: Type.Object({ passphrase: Type.String({ minLength: 1, maxLength: 1_024 }) }, { ...closed, title: 'RootExport' }),
      answer: { status: 200, is: Type.Object({ pem: Type.String() }, { ...closed, title: 'ExportedRoot' }), description: 'Exported.' },
      async handle(call) {
        using passphrase = new Secret(Buffer.from(call.body.passphrase))
        const exported = await ceremony.exportRoot(call.grant('pki.administer'), passphrase)
        if (!exported.ok) return exported
        // From here it is text on its way out, and encrypted.
        using pem = exported.value
        return ok({ pem: pem.use((bytes) => bytes.toString('latin1')) })
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/pki/root/remove-key',
      summary: "Removes the active root's key from this hub for good, given proof (a signature, base64) that its export opens.",
      access: { grants: ['pki.administer'] },
      resource: () => 'root',
      body: Type.Object({ proof: Type.String({ minLength: 1, maxLength: 256 }) }, { ...closed, title: 'RootKeyRemoval' }),
      answer: {
        status: 200,
        is: Type.Object(
          { serial: Type.String(), fingerprintSha256: Type.String(), subject: Type.String(), removedAt: time },
          { ...closed, title: 'RemovedRootKey' },
        ),
        description: 'Removed: the receipt.',
      },
      async handle(call) {
        const removed = await ceremony.removeRootKey(call.grant('pki.administer'), Buffer.from(call.body.proof, 'base64'))
        return removed.ok ? ok({ ...removed.value, removedAt: isoTime(instant(removed.value.removedAt)) }) : removed
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/certificates',
      summary: 'Every certificate that this hub made: whose it is, who signed it, when it ends.',
      access: { grants: ['pki.read'] },
      resource: () => 'certificates',
      query: Type.Object(
        {
          expiringDays: Type.Optional(Type.Integer({ minimum: 0, maximum: 36_500 })),
          device: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
          issuer: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
          state: Type.Optional(Type.Enum(['valid', 'due'])),
          after: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
        },
        closed,
      ),
      answer: {
        status: 200,
        is: Type.Object(
          { certificates: Type.Array(inventoryEntry), next: Type.Union([Type.String(), Type.Null()]) },
          { ...closed, title: 'CertificateInventory' },
        ),
        description: 'Those that end first come first; `next` goes into `after`.',
      },
      async handle(call) {
        const { expiringDays, device, issuer, state, after, limit = 100 } = call.query
        const [, end, serial] = /^(\d{1,15})-([0-9a-f]{1,40})$/.exec(after ?? '') ?? []
        if (after !== undefined && serial === undefined) return refuse('control/bad-page', 'There is no such page.')
        const from = serial === undefined ? undefined : { notAfter: Number(end), serial }
        const expiresBefore = expiringDays === undefined ? undefined : instant(ports.clock.now() + expiringDays * dayMs)
        const filter = {
          ...(expiresBefore === undefined ? {} : { expiresBefore }),
          ...(device === undefined ? {} : { device }),
          ...(issuer === undefined ? {} : { issuer }),
          ...(state === 'valid' ? { valid: true } : state === 'due' ? { due: true } : {}),
        }
        const found = await ceremony.certificates(call.grant('pki.read'), filter, from, limit)
        const last = found.length === limit ? found.at(-1) : undefined
        return ok({ certificates: found.map(inventoryView), next: last === undefined ? null : `${last.notAfter}-${last.serial}` })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/certificates/{serial}',
      summary: 'One certificate that this hub made, with its PEM once it was handed out.',
      access: { grants: ['pki.read'] },
      resource: ({ serial }) => `certificate:${serial}`,
      params: Type.Object({ serial: Type.String({ minLength: 1, maxLength: 64 }) }, closed),
      answer: {
        status: 200,
        is: Type.Object({ certificate: inventoryEntry, pem: Type.Optional(Type.String()) }, { ...closed, title: 'CertificateInFull' }),
        description: 'The certificate.',
      },
      async handle(call) {
        const found = await ceremony.certificate(call.grant('pki.read'), call.params.serial)
        if (!found.ok) return found
        const { record, pem } = found.value
        return ok({ certificate: inventoryView(record), ...(pem === undefined ? {} : { pem }) })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/certificate-expiries',
      summary: 'How many certificates end in each of the next weeks.',
      access: { grants: ['pki.read'] },
      resource: () => 'certificates',
      query: Type.Object({ weeks: Type.Optional(Type.Integer({ minimum: 1, maximum: 260 })) }, closed),
      answer: {
        status: 200,
        is: Type.Object(
          { weeks: Type.Array(Type.Object({ from: time, certificates: Type.Integer({ minimum: 0 }) }, closed)) },
          { ...closed, title: 'CertificateExpiries' },
        ),
        description: 'The last week counts all that end later.',
      },
      async handle(call) {
        const weeks = await ceremony.expiries(call.grant('pki.read'), 7 * dayMs, call.query.weeks ?? 26)
        return ok({ weeks: weeks.map(({ from, certificates }) => ({ from: isoTime(instant(from)), certificates })) })
      },
    }),
  ]
}
