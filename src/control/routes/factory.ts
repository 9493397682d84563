import { Type } from 'typebox'
import { ok, refuse } from '#base'
import { lot, lotInput, lotReport, lotView } from '../factory-schema.ts'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const path = Type.Object({ lot: Type.String({ minLength: 1, maxLength: 32 }) }, closed)
const ledgerBytes = 17 * 1024 * 1024
const resource = ({ lot: name }: { readonly lot: string }) => `lot:${name}`

/** Lots that a factory makes: made, handed to a station, reported, revoked. */
export function factoryRoutes({ ports }: Parts): readonly Route[] {
  const { factory } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/lots',
      summary: 'Every lot of devices that a factory may make, and how far it is.',
      access: { grants: ['enrollment.read'] },
      resource: () => 'lots',
      answer: { status: 200, is: Type.Object({ lots: Type.Array(lot) }, { ...closed, title: 'Lots' }), description: 'All of them.' },
      handle: async (call) => ok({ lots: (await factory.list(call.grant('enrollment.read'))).map(lotView) }),
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/lots',
      summary: 'Makes a lot: so many devices, until then, for this enrollment group.',
      access: { grants: ['enrollment.write'] },
      resource: () => 'lots',
      body: lotInput,
      answer: { status: 201, is: lot, description: 'Made; no station has it yet.' },
      async handle(call) {
        const { expiresInSeconds, shelfSeconds, strict = false, ...rest } = call.body
        const spec = { ...rest, strict, expiresMs: expiresInSeconds * 1000, shelfMs: shelfSeconds * 1000 }
        const made = await factory.add(call.grant('enrollment.write'), spec)
        return made.ok ? ok(lotView(made.value)) : made
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/lots/{lot}/export',
      summary: "Makes the lot's issuer for a key that the station made, once, and answers with all that the station must know.",
      access: { grants: ['certificate.issue', 'enrollment.write'] },
      resource,
      params: path,
      body: Type.Object({ csr: Type.String({ minLength: 1, maxLength: 8_192, description: 'PKCS #10 in base64.' }) }, closed),
      answer: {
        status: 200,
        is: Type.Object({ manifest: Type.String() }, { ...closed, title: 'LotManifest' }),
        description: 'The text that the ledger of the station begins with.',
      },
      async handle(call) {
        const grants = { issue: call.grant('certificate.issue'), enroll: call.grant('enrollment.write') }
        const manifest = await factory.export(grants, call.params.lot, Buffer.from(call.body.csr, 'base64'))
        return manifest.ok ? ok({ manifest: manifest.value }) : manifest
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/lots/{lot}/report',
      summary: "Takes in the station's ledger: every device that it made is known from here on. May be repeated.",
      access: { grants: ['certificate.issue'] },
      resource,
      params: path,
      body: Type.Object({ ledger: Type.String({ maxLength: ledgerBytes }) }, closed),
      bodyBytes: ledgerBytes,
      answer: { status: 200, is: lotReport, description: 'What was taken, and what was not and why.' },
      async handle(call) {
        const merged = await factory.report(call.grant('certificate.issue'), call.params.lot, call.body.ledger)
        if (!merged.ok) return merged
        const { broken, ...rest } = merged.value
        return ok({ ...rest, refused: [...rest.refused], ...(broken === undefined ? {} : { broken }) })
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/lots/{lot}/revoke',
      summary: 'Revokes the issuer of a lot and every certificate known to be by it; sessions end.',
      access: { grants: ['certificate.issue', 'session.close'] },
      resource,
      params: path,
      answer: { status: 200, is: lot, description: 'Revoked.' },
      async handle(call) {
        const revoked = await factory.revoke(call.grant('certificate.issue'), call.params.lot)
        return revoked.ok ? ok(lotView(revoked.value)) : refuse(revoked.error.code, revoked.error.message)
      },
    }),
  ]
}
