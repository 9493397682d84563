import { Type } from 'typebox'
import { ok } from '#base'
import { acmeAccount, acmeAccountInput, acmeAccountView, newAcmeAccount } from '../acme-account-schema.ts'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const path = Type.Object({ name: Type.String({ minLength: 1, maxLength: 64 }) }, closed)

/** ACME accounts: made, listed, ended. */
export function acmeAccountRoutes({ ports }: Parts): readonly Route[] {
  const { acmeAccounts: accounts } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/acme-accounts',
      summary: 'Every ACME account and the names that it may have certificates for.',
      access: { grants: ['pki.read'] },
      resource: () => 'acme-accounts',
      answer: {
        status: 200,
        is: Type.Object({ accounts: Type.Array(acmeAccount) }, { ...closed, title: 'AcmeAccounts' }),
        description: 'By name.',
      },
      handle: async (call) => ok({ accounts: (await accounts.list(call.grant('pki.read'))).map(acmeAccountView) }),
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/acme-accounts',
      summary: 'Makes an ACME account for these names. The key of its external account binding is in this answer only.',
      access: { grants: ['pki.administer'] },
      resource: () => 'acme-accounts',
      body: acmeAccountInput,
      answer: { status: 201, is: newAcmeAccount, description: 'Made.' },
      async handle(call) {
        const made = await accounts.add(call.grant('pki.administer'), call.body)
        if (!made.ok) return made
        // From here the key is text on its way out; the hub keeps it sealed.
        using key = made.value.macKey
        return ok({ account: acmeAccountView(made.value.record), macKey: key.use((bytes) => bytes.toString('base64url')) })
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/acme-accounts/{name}',
      summary: 'Ends an ACME account and its orders. Certificates that it has stay valid until they end or are revoked.',
      access: { grants: ['pki.administer'] },
      resource: ({ name }) => `acme-account:${name}`,
      params: path,
      answer: { status: 204, is: Type.Null(), description: 'Ended.' },
      async handle(call) {
        const removed = await accounts.remove(call.grant('pki.administer'), call.params.name)
        return removed.ok ? ok(null) : removed
      },
    }),
  ]
}
