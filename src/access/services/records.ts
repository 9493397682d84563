import type { KeyObject } from 'node:crypto'
import { type Instant, instant } from '#base'
import type { Migration, Row } from '#store'
import { type SigningKey, parsePublicJwk } from '../authentication/key-set.ts'
import { type Permission, type Role, parsePermission, parseRole } from './permissions.ts'

/** A back end that was registered here. It signs its own tokens; of its key only the public part is known. */
export type RegisteredService = {
  readonly name: string
  readonly roles: readonly Role[]
  /** JWK thumbprint of its key (RFC 7638), SHA-256 in base64url. */
  readonly keyThumbprint: string
  readonly algorithm: SigningKey['algorithm']
  readonly expiresAt: Instant
  readonly createdAt: Instant
  readonly createdBy: string
}

/** A shared access policy: a name, what its keys may sign for, and its end. The keys are no part of it: they are shown once. */
export type SharedAccessPolicy = {
  readonly name: string
  readonly permissions: readonly Permission[]
  readonly expiresAt: Instant
  readonly createdAt: Instant
  readonly createdBy: string
}

/** What the directory keeps of a service besides what it shows. */
export type HeldService = { readonly service: RegisteredService; readonly key: KeyObject }

/** What the directory keeps of a policy besides what it shows. `generation` tells it from an earlier one of its name. */
export type HeldPolicy = { readonly policy: SharedAccessPolicy; readonly generation: string; readonly sealedKeys: Buffer }

/** The tables of back ends and of shared access policies. */
export const serviceMigrations: readonly Migration[] = [
  {
    // Lists are JSON; times are milliseconds since the epoch. A row that cannot be read opens nothing.
    name: 'access-services/001-services',
    sql: `
      CREATE TABLE services (
        name TEXT PRIMARY KEY, roles TEXT NOT NULL, public_jwk TEXT NOT NULL, expires_at INTEGER NOT NULL, created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL
      ) STRICT;
      CREATE TABLE shared_access_policies (
        name TEXT PRIMARY KEY, permissions TEXT NOT NULL, generation TEXT NOT NULL, sealed_keys BLOB NOT NULL, expires_at INTEGER NOT NULL,
        created_at INTEGER NOT NULL, created_by TEXT NOT NULL
      ) STRICT;
    `,
  },
]

/** Reads a service back from its row; undefined when the row is damaged. */
export function serviceOf(row: Row): HeldService | undefined {
  const { name, roles, public_jwk: jwk } = row
  const key = typeof jwk === 'string' ? parsePublicJwk(jwk) : undefined
  const held = textsOf(roles)?.map(parseRole)
  const times = timesOf(row)
  if (typeof name !== 'string' || key === undefined || held === undefined || !isWhole(held) || times === undefined) return undefined
  const { thumbprint: keyThumbprint, algorithm } = key
  return { service: Object.freeze({ name, roles: held, keyThumbprint, algorithm, ...times }), key: key.key }
}

/** Reads a policy back from its row; undefined when the row is damaged. */
export function policyOf(row: Row): HeldPolicy | undefined {
  const { name, permissions, generation, sealed_keys: sealed } = row
  const held = textsOf(permissions)?.map(parsePermission)
  const times = timesOf(row)
  if (typeof name !== 'string' || typeof generation !== 'string' || !(sealed instanceof Uint8Array)) return undefined
  if (held === undefined || !isWhole(held) || times === undefined) return undefined
  return { policy: Object.freeze({ name, permissions: held, ...times }), generation, sealedKeys: Buffer.from(sealed) }
}

function timesOf(row: Row): { readonly expiresAt: Instant; readonly createdAt: Instant; readonly createdBy: string } | undefined {
  const { expires_at: expires, created_at: created, created_by: createdBy } = row
  if (typeof expires !== 'number' || typeof created !== 'number' || typeof createdBy !== 'string') return undefined
  return { expiresAt: instant(expires), createdAt: instant(created), createdBy }
}

function textsOf(cell: unknown): readonly string[] | undefined {
  if (typeof cell !== 'string') return undefined
  try {
    const list: unknown = JSON.parse(cell)
    return Array.isArray(list) && list.every((one) => typeof one === 'string') ? list : undefined
  } catch {
    return undefined
  }
}

/** Whether nothing is missing of a list that was read word by word. */
function isWhole<T>(list: readonly (T | undefined)[]): list is readonly T[] {
  return list.length > 0 && !list.includes(undefined)
}
