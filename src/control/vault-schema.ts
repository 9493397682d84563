import { type Static, Type } from 'typebox'
import type { VaultState } from '#vault'

/* The shapes of the root key's care and of backups; see schema.ts for the rules. */

const closed = { additionalProperties: false } as const
const count = Type.Integer({ minimum: 0 })
const path = Type.String({ minLength: 1, maxLength: 512 })
const keyId = Type.String({ minLength: 16, maxLength: 16 })
const left = Type.Array(Type.Object({ place: Type.String(), count }, closed))
const guards = Type.Enum(['plain-file', 'passphrase-file', 'pkcs11', 'tpm', 'keyring'])

/** How the root key stands. */
export const vaultState = Type.Object(
  {
    protection: guards,
    place: Type.Array(Type.Object({ name: Type.String(), value: Type.String() }, closed)),
    path: Type.String(),
    insideDataDirectory: Type.Boolean(),
    keyId,
    oldKeyIds: Type.Array(keyId),
    rotation: Type.Object(
      {
        kind: Type.Enum(['none', 'running', 'resealed']),
        resealed: Type.Optional(count),
        left: Type.Optional(left),
      },
      closed,
    ),
  },
  { ...closed, title: 'Vault' },
)

/** How the root key is to be guarded. Paths are of the hub's machine. */
export const vaultGuard = Type.Object(
  {
    with: guards,
    file: Type.Optional(path),
    module: Type.Optional(path),
    token: Type.Optional(Type.String({ minLength: 1, maxLength: 32 })),
    pinFile: Type.Optional(path),
    tcti: Type.Optional(path),
  },
  { ...closed, title: 'VaultGuard' },
)

/** Who may open a backup: public keys on X25519, 32 bytes as base64url; with a salt, that of a passphrase. */
export const backupInput = Type.Object(
  {
    recipients: Type.Array(
      Type.Object(
        {
          publicKey: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', maxLength: 43 }),
          salt: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{22}$', maxLength: 22 })),
        },
        closed,
      ),
      { minItems: 1, maxItems: 8 },
    ),
  },
  { ...closed, title: 'BackupInput' },
)

/** {@link vaultState} of what the vault says. */
export function vaultStateView(state: VaultState): Static<typeof vaultState> {
  const { protection, place, path: file, insideDataDirectory, keyId: id, oldKeyIds, rotation } = state
  const named = Object.entries(place).map(([name, value]) => ({ name, value }))
  const progress = rotation.kind === 'resealed' ? { ...rotation, left: [...rotation.left] } : rotation
  return { protection, place: named, path: file, insideDataDirectory, keyId: id, oldKeyIds: [...oldKeyIds], rotation: progress }
}
