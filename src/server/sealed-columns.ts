import type { Row, Value } from '#store'

/*
 * Every column that holds what the vault sealed, with the purpose of each value: a new root key seals them anew. A column that is missing here costs nothing
 * but time: the old root key is kept as long as anything in the store still names it.
 */

/** A column of sealed values. `keys` are the columns that name a row. */
export type SealedColumn = {
  readonly table: string
  readonly keys: readonly [string, ...string[]]
  readonly column: string
  /** More columns that the purpose is made of. */
  readonly also: readonly string[]
  /** What the value was sealed for, as its room says it; `wrapped`: it is a value under a data key of its own, which is wrapped. */
  readonly purposes: (row: Row) => readonly string[] | 'wrapped'
}

const text = (row: Row, column: string) => textOf(row[column])

/** {@link SealedColumn}, all of them. */
export const sealedColumns: readonly SealedColumn[] = [
  {
    table: 'secret_versions',
    keys: ['key', 'version'],
    column: 'sealed',
    also: [],
    purposes: () => 'wrapped',
  },
  {
    table: 'devices',
    keys: ['id'],
    column: 'sealed_keys',
    also: ['generation_id'],
    purposes: (row) => [`hub/shared-keys ${text(row, 'generation_id')} ${text(row, 'id')}`],
  },
  {
    table: 'modules',
    keys: ['device_id', 'id'],
    column: 'sealed_keys',
    also: ['generation_id'],
    purposes: (row) => [`hub/shared-keys ${text(row, 'generation_id')} ${text(row, 'device_id')}/${text(row, 'id')}`],
  },
  {
    table: 'shared_access_policies',
    keys: ['name'],
    column: 'sealed_keys',
    also: ['generation'],
    purposes: (row) => [`access/shared-access-policy ${text(row, 'generation')} ${text(row, 'name')}`],
  },
  {
    table: 'enrollments',
    keys: ['kind', 'id'],
    column: 'sealed_keys',
    also: [],
    purposes: (row) => [`provisioning/keys ${text(row, 'kind')} ${text(row, 'id')}`],
  },
  {
    table: 'import_lines',
    keys: ['import_id', 'stage', 'number'],
    column: 'body',
    also: [],
    purposes: (row) => [`hub/import ${text(row, 'import_id')}`],
  },
  {
    table: 'imported_enrollments',
    keys: ['kind', 'id'],
    column: 'body',
    also: [],
    purposes: (row) => [`hub/enrollment ${text(row, 'kind')} ${text(row, 'id').toLowerCase()}`],
  },
  {
    table: 'pki_keyring',
    keys: ['serial'],
    column: 'sealed_key',
    also: ['role'],
    purposes: (row) => [`pki/${text(row, 'role')}/${text(row, 'serial')}`, `${text(row, 'role')}/${text(row, 'serial')}`],
  },
  {
    table: 'revocation_responder',
    keys: ['issuer'],
    column: 'sealed_key',
    also: ['serial'],
    purposes: (row) => [`revocation/responder/${text(row, 'issuer')}/${text(row, 'serial')}`],
  },
  {
    table: 'pki_acme_account',
    keys: ['id'],
    column: 'sealed_mac',
    also: [],
    purposes: (row) => [`pki-acme/${text(row, 'id')}`],
  },
  {
    table: 'sync_key',
    keys: ['kid'],
    column: 'sealed_key',
    also: [],
    purposes: (row) => [`vault/sync-key/${text(row, 'kid')}`],
  },
]

/** A cell of text or of a number, as text; nothing else is part of a purpose. */
function textOf(value: Value | undefined): string {
  return typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'bigint' ? String(value) : ''
}
