import { type Static, Type } from 'typebox'
import { type Result, ok } from '#base'
import type { VaultState } from '#vault'
import { type Route, bare, route, streamRoute } from '../route.ts'
import { backupInput, vaultGuard, vaultState, vaultStateView } from '../vault-schema.ts'
import type { Parts } from './parts.ts'

const resource = () => 'vault'
const answer = { status: 200, is: vaultState, description: 'As it stands now.' } as const

/** The root key: who guards it, and its change; and backups of the whole hub. */
export function vaultRoutes({ ports }: Parts): readonly Route[] {
  const { rootKey } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/vault',
      summary: 'Who guards the root key, and how far a change of it is.',
      access: { grants: ['secret.administer'] },
      resource,
      answer,
      handle: async (call) => ok(vaultStateView(await rootKey.show(call.grant('secret.administer')))),
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/vault/protect',
      summary: 'Puts the root key under another guard, at once. Paths are of the machine of the hub.',
      access: { grants: ['secret.administer'] },
      resource,
      body: vaultGuard,
      answer,
      async handle(call) {
        const { with: guard, ...place } = call.body
        const named = Object.fromEntries(Object.entries(place).filter((pair): pair is [string, string] => typeof pair[1] === 'string'))
        return shown(await rootKey.protect(call.grant('secret.administer'), { with: guard, place: named }))
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/vault/rotate',
      summary: 'Begins a change of the root key, or goes on with one. Everything that it sealed is sealed anew meanwhile.',
      access: { grants: ['secret.administer'] },
      resource,
      answer,
      handle: async (call) => shown(await rootKey.rotate(call.grant('secret.administer'))),
    }),
    streamRoute({
      ...bare,
      method: 'POST',
      path: '/api/v1/backups',
      summary: 'A backup of the whole hub, encrypted to its recipients. A stream that ends early is no backup.',
      access: { grants: ['secret.administer'] },
      resource: () => 'backup',
      body: backupInput,
      answer: { stream: 'application/octet-stream', line: Type.String({ format: 'binary' }), description: 'The backup.' },
      async handle(call) {
        const recipients = call.body.recipients.map(({ publicKey, salt }) => ({
          publicKey: Buffer.from(publicKey, 'base64url'),
          salt: salt === undefined ? undefined : Buffer.from(salt, 'base64url'),
        }))
        const grant = call.grant('secret.administer')
        return ok(async (out) => {
          for await (const bytes of rootKey.backup(grant, recipients, out.signal)) await out.write(bytes)
        })
      },
    }),
  ]
}

function shown(state: Result<VaultState>): Result<Static<typeof vaultState>> {
  return state.ok ? ok(vaultStateView(state.value)) : state
}
