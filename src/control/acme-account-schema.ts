import { type Static, Type } from 'typebox'
import { isoTime } from '#base'
import { type AcmeAccountRecord, acmeLimits } from '#pki'
import { time } from './schema.ts'

/* The shapes of ACME accounts; see schema.ts for the rules. */

const closed = { additionalProperties: false } as const
const name = Type.String({ minLength: 1, maxLength: 64 })
const names = Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { minItems: 1, maxItems: acmeLimits.patterns })

/** An ACME account without the key of its binding. `names` are hosts, `*.domain`, addresses and networks. */
export const acmeAccount = Type.Object(
  {
    name,
    names,
    keyId: Type.String(),
    status: Type.Enum(['waiting', 'valid', 'deactivated']),
    contact: Type.Array(Type.String()),
    createdAt: time,
    createdBy: Type.String(),
  },
  { ...closed, title: 'AcmeAccount' },
)

/** An ACME account to be. */
export const acmeAccountInput = Type.Object({ name, names }, { ...closed, title: 'AcmeAccountInput' })

/** An account that was just made: the only time that the key of its binding is shown, in base64url. */
export const newAcmeAccount = Type.Object({ account: acmeAccount, macKey: Type.String() }, { ...closed, title: 'NewAcmeAccount' })

/** An account as the API shows it. */
export function acmeAccountView(one: AcmeAccountRecord): Static<typeof acmeAccount> {
  const { id: keyId, name: called, names: patterns, status, contact, createdAt, createdBy } = one
  return { name: called, names: [...patterns], keyId, status, contact: [...contact], createdAt: isoTime(createdAt), createdBy }
}
