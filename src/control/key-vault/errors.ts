import { type Refusal } from '#base'
import { type WebAnswer, jsonAnswer } from '#wire/web'

type Said = readonly [status: number, code: string, inner?: string]

/** Refusals as Key Vault spells them: status, code, and the inner code by which its clients tell cases apart. */
const said: ReadonlyMap<string, Said> = new Map<string, Said>([
  ['access/not-signed-in', [401, 'Unauthorized']],
  ['access/service-refused', [401, 'Unauthorized']],
  ['access/too-many-attempts', [429, 'Throttled']],
  ['access/denied', [403, 'Forbidden', 'ForbiddenByRbac']],
  ['vault/access-denied', [403, 'Forbidden', 'ForbiddenByPolicy']],
  ['vault/secret-disabled', [403, 'Forbidden', 'SecretDisabled']],
  ['vault/secret-not-found', [404, 'SecretNotFound']],
  ['control/not-found', [404, 'NotFound']],
  ['control/key-vault-method', [405, 'MethodNotAllowed']],
  ['vault/secret-deleted', [409, 'Conflict', 'ObjectIsDeletedButRecoverable']],
  ['vault/secret-exists', [409, 'Conflict']],
  ['vault/conflict', [409, 'Conflict']],
])

/** A refusal as Key Vault's clients read it: `{error: {code, message, innererror}}`. `headers` go with it. */
export function errorAnswer({ code, message }: Refusal, headers: Readonly<Record<string, string>> = {}): WebAnswer {
  const [status, name, inner] = said.get(code) ?? [400, 'BadParameter']
  const error = { code: name, message, ...(inner === undefined ? {} : { innererror: { code: inner } }) }
  return jsonAnswer(status, { error }, { ...noStore, ...headers, ...(status === 429 ? { 'retry-after': '60' } : {}) })
}

/** No answer of a vault is kept by anybody on the way. */
export const noStore: Readonly<Record<string, string>> = { 'cache-control': 'no-store' }
