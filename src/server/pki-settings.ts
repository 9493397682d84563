import { type Static, Type } from 'typebox'
import { type Result, ok, refuse } from '#base'
import type { HardwarePlace } from '#pki'
import { acmeSchema } from './acme-settings.ts'

const closed = { additionalProperties: false } as const
const text = (description: string, standard?: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 4_096, description, ...(standard === undefined ? {} : { default: standard }) }))

const keysSchema = Type.Object(
  {
    place: Type.Optional(
      Type.Enum(['software', 'pkcs11', 'tpm'], {
        default: 'software',
        description: 'Where keys of new issuers are made. Issuers that exist keep theirs where they are.',
      }),
    ),
    module: text('`pkcs11`: the file of the module, such as `/usr/lib/softhsm/libsofthsm2.so`.'),
    token: text('`pkcs11`: the label of the token.'),
    pinFile: text('`pkcs11`: a file with the PIN of the user, readable by its owner alone.'),
    tcti: text('`tpm`: how the TPM is reached.', 'device:/dev/tpmrm0'),
  },
  { ...closed, description: 'Keys of issuers (docs/keys.md).' },
)

/** What stands under `pki`. */
export const pkiSchema = Type.Optional(
  Type.Object({ keys: Type.Optional(keysSchema), acme: Type.Optional(acmeSchema) }, { ...closed, description: 'Certificates.' }),
)

/** Where keys of new issuers are made. */
export type KeysConfig = { readonly place: 'software' } | HardwarePlace

/** Reads `pki.keys`; paths count from the file's directory. Refuses `server/settings-invalid` for a token without its module, label or PIN file. */
export function keysConfig(settings: Static<typeof keysSchema> | undefined, fromFile: (path: string) => string): Result<KeysConfig> {
  const { place = 'software', module, token, pinFile, tcti = 'device:/dev/tpmrm0' } = settings ?? {}
  if (place === 'software') return ok({ place })
  if (place === 'tpm') return ok({ place, tcti })
  if (module === undefined || token === undefined || pinFile === undefined)
    return refuse('server/settings-invalid', 'pki.keys with the place pkcs11 needs module, token and pinFile.')
  return ok({ place: 'pkcs11', module: fromFile(module), token, pinFile: fromFile(pinFile) })
}
