import { type Static, Type } from 'typebox'
import { type RegisteredService, type SharedAccessPolicy, permissions, roles } from '#access'
import { isoTime } from '#base'
import { time } from './schema.ts'

/* The shapes of back ends and shared access policies; see schema.ts for the rules. */

const closed = { additionalProperties: false } as const
const name = Type.String({ minLength: 1, maxLength: 64 })
const role = Type.Enum([...roles])
const permission = Type.Enum([...permissions])
const coordinate = Type.Optional(Type.String({ maxLength: 2_048 }))

/** A registered back end. `keyThumbprint` is that of RFC 7638, SHA-256 in base64url. */
export const service = Type.Object(
  {
    name,
    roles: Type.Array(role),
    algorithm: Type.String(),
    keyThumbprint: Type.String(),
    until: time,
    createdAt: time,
    createdBy: Type.String(),
  },
  { ...closed, title: 'Service' },
)

/** A back end to be: the public part of its key as JWK (RFC 7517). A member that only a private key has is refused, as every unknown one is. */
export const serviceInput = Type.Object(
  {
    name,
    roles: Type.Array(role, { minItems: 1, maxItems: roles.length }),
    publicKey: Type.Object(
      {
        kty: Type.Enum(['EC', 'OKP', 'RSA']),
        crv: coordinate,
        x: coordinate,
        y: coordinate,
        n: coordinate,
        e: coordinate,
        alg: coordinate,
        use: coordinate,
        kid: coordinate,
      },
      closed,
    ),
    until: time,
  },
  { ...closed, title: 'ServiceInput' },
)

/** A shared access policy, without its keys. */
export const sharedAccessPolicy = Type.Object(
  { name, rights: Type.Array(permission), until: time, createdAt: time, createdBy: Type.String() },
  { ...closed, title: 'SharedAccessPolicy' },
)

/** A shared access policy to be. */
export const sharedAccessPolicyInput = Type.Object(
  { name, rights: Type.Array(permission, { minItems: 1, maxItems: permissions.length }), until: time },
  { ...closed, title: 'SharedAccessPolicyInput' },
)

/** A shared access policy that was just made, with its keys (base64) and the strings that carry the first of them. */
export const newSharedAccessPolicy = Type.Object(
  {
    policy: sharedAccessPolicy,
    primaryKey: Type.String(),
    secondaryKey: Type.String(),
    connectionString: Type.String(),
    eventHubsConnectionString: Type.Optional(Type.String()),
  },
  { ...closed, title: 'NewSharedAccessPolicy' },
)

/** A back end as the API shows it. */
export function serviceView(one: RegisteredService): Static<typeof service> {
  const { name: of, algorithm, keyThumbprint, createdBy } = one
  const times = { until: isoTime(one.expiresAt), createdAt: isoTime(one.createdAt) }
  return { name: of, roles: [...one.roles], algorithm, keyThumbprint, ...times, createdBy }
}

/** A policy as the API shows it. */
export function policyView(one: SharedAccessPolicy): Static<typeof sharedAccessPolicy> {
  const { name: of, createdBy } = one
  return { name: of, rights: [...one.permissions], until: isoTime(one.expiresAt), createdAt: isoTime(one.createdAt), createdBy }
}
