import { type Static, Type } from 'typebox'
import { type Result, ok, refuse } from '#base'

const closed = { additionalProperties: false } as const
const text = (description: string, pattern = '', maxLength = 4_096) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description, ...(pattern === '' ? {} : { pattern }) }))

/** What stands under `files`. */
export const filesSchema = Type.Optional(
  Type.Object(
    {
      notifications: Type.Optional(
        Type.Boolean({
          default: false,
          description: 'Whether back ends are told of each file that a device has sent, until one has read it.',
        }),
      ),
      place: Type.Optional(
        Type.Enum(['local', 'azure-blob', 'off'], {
          default: 'local',
          description: 'Where they go: to this hub, to a container of an Azure Blob storage account, or nowhere: then devices are refused.',
        }),
      ),
      account: text('`azure-blob`: the name of the storage account.', '^[a-z0-9]{3,24}$'),
      container: text('`azure-blob`: its container, which exists.', '^[a-z0-9](?:-?[a-z0-9]){2,62}$', 63),
      keyFile: text('`azure-blob`: a file with one of the keys of the account, in base64, readable by its owner alone.'),
      host: text(
        '`azure-blob`: where devices reach the account by HTTPS; without it `ACCOUNT.blob.core.windows.net`. Of an emulator `HOST:PORT/ACCOUNT`.',
        '^[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[a-z0-9]{3,24})?$',
        253,
      ),
    },
    { ...closed, description: 'Files that devices send (docs/device-management.md).' },
  ),
)

/** Where files of devices go, with the file that holds the key of the account. */
export type FilesConfig =
  | { readonly place: 'local' | 'off' }
  | {
      readonly place: 'azure-blob'
      readonly hostName: string
      readonly accountName: string
      readonly containerName: string
      readonly keyFile: string
    }

/** Reads `files`; paths count from the file's directory. Refuses `server/settings-invalid` for an account that is not whole, and for parts of one that is not used. */
export function filesConfig(settings: Static<typeof filesSchema> | undefined, fromFile: (path: string) => string): Result<FilesConfig> {
  const { place = 'local', account, container, keyFile, host } = settings ?? {}
  const no = (why: string) => refuse('server/settings-invalid', `files ${why}.`)
  if (place !== 'azure-blob') {
    const isUnused = [account, container, keyFile, host].some((part) => part !== undefined)
    return isUnused ? no('names a storage account, and its place is not azure-blob') : ok({ place })
  }
  if (account === undefined || container === undefined || keyFile === undefined)
    return no('with the place azure-blob needs account, container and keyFile')
  const hostName = host ?? `${account}.blob.core.windows.net`
  return ok({ place, hostName, accountName: account, containerName: container, keyFile: fromFile(keyFile) })
}
