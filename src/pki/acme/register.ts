import { type Result, fail, ok, refuse } from '#base'
import type { Json } from '#wire/json'
import type { AcmeAccounts } from './accounts.ts'
import { type Signed, objectOf } from './call.ts'
import { type AccountKey, readBinding, readJws, readKey, verifyJws } from './jws.ts'
import { acmeLimits } from './limits.ts'
import { memberOf } from './names.ts'
import type { Account } from './rows.ts'

/** An account, and whether it was bound just now. */
export type Registered = { readonly account: Account; readonly isNew: boolean }

/**
 * Finds the account of a key, or binds the key to the account that an operator made (RFC 8555 sections 7.3 and 7.3.4). The binding is required: nobody
 * gets anything by a challenge alone.
 */
export async function register({ payload, key, jws }: Signed, accounts: AcmeAccounts): Promise<Result<Registered>> {
  if (key === undefined) throw new Error('bug: a new account without its key')
  const json = objectOf(payload)
  if (!json.ok) return json
  const known = await accounts.byKey(key.thumbprint)
  if (known !== undefined) {
    if (known.record.status === 'valid') return ok({ account: known, isNew: false })
    return refuse('pki/acme-account-ended', 'This account was deactivated.')
  }
  if (memberOf(json.value, 'onlyReturnExisting') === true) return refuse('pki/acme-no-account', 'There is no account of this key.')
  const contact = readContact(memberOf(json.value, 'contact'))
  if (!contact.ok) return contact
  const binding = memberOf(json.value, 'externalAccountBinding')
  if (binding === undefined)
    return refuse('pki/acme-binding-needed', 'Ask the operator of the hub for an account: thingwall pki acme account add.')
  const waiting = await prove(binding, jws.url, key, accounts)
  if (!waiting.ok) return waiting
  const bound = await accounts.bind(waiting.value, key, contact.value)
  return bound.ok ? ok({ account: bound.value, isNew: true }) : bound
}

async function prove(json: Json, url: string, key: AccountKey, accounts: AcmeAccounts): Promise<Result<Account>> {
  const wrong = refuse('pki/acme-binding', 'The key identifier and the MAC key of the binding do not fit.')
  const read = readBinding(json)
  if (!read.ok) return read
  if (read.value.url !== url) return refuse('pki/acme-url', 'The binding is signed for another URL.')
  const account = await accounts.byId(read.value.kid)
  const verified = await accounts.withMacKey(account, (mac) => verifyJws(read.value, mac))
  if (!verified.ok || account === undefined)
    return verified.ok || verified.error.code === 'pki/acme-signature' ? wrong : fail(verified.error)
  const inner = objectOf(verified.value)
  const named = inner.ok ? await readKey(inner.value) : inner
  if (!named.ok) return named
  return named.value.thumbprint === key.thumbprint ? ok(account) : wrong
}

/** Reads addresses of people; `mailto:` ones are all that we know. */
export function readContact(json: Json | undefined): Result<readonly string[]> {
  if (json === undefined) return ok([])
  const isAddress = (one: Json): one is string =>
    typeof one === 'string' && one.length <= acmeLimits.contactCharacters && /^mailto:[^\s,?@]+@[^\s,?@]+$/.test(one)
  if (!Array.isArray(json) || json.length > acmeLimits.contacts || !json.every(isAddress))
    return refuse('pki/acme-contact', `A contact is a mailto: address without parameters; there are at most ${acmeLimits.contacts}.`)
  return ok(json.filter(isAddress))
}

/** What an account is told to become: other contacts, or the end (sections 7.3.2 and 7.3.6). */
export async function change(account: Account, payload: Buffer, accounts: AcmeAccounts): Promise<Result<Account>> {
  const json = objectOf(payload)
  if (!json.ok) return json
  const status = memberOf(json.value, 'status')
  if (status === 'deactivated') await accounts.deactivate(account)
  else if (status !== undefined && status !== 'valid')
    return refuse('pki/acme-malformed', 'An account can become deactivated, nothing else.')
  if (memberOf(json.value, 'contact') !== undefined) {
    const contact = readContact(memberOf(json.value, 'contact'))
    if (!contact.ok) return contact
    await accounts.setContact(account, contact.value)
  }
  const now = await accounts.byId(account.record.id)
  return now === undefined ? refuse('pki/acme-no-account', 'There is no such account.') : ok(now)
}

/**
 * Puts another key in place of the account's (section 7.3.5): the message of the old key carries one of the new key, which says whose account and
 * which old key it means. `pki/acme-key-conflict` when the new key has an account already.
 */
export async function changeKey({ payload, jws, account }: Signed, accountUrl: string, accounts: AcmeAccounts): Promise<Result<Account>> {
  if (account === undefined) throw new Error('bug: a change of keys without an account')
  const outer = objectOf(payload)
  if (!outer.ok) return outer
  const inner = readJws(outer.value)
  if (!inner.ok) return inner
  if (inner.value.url !== jws.url || inner.value.nonce !== undefined)
    return refuse('pki/acme-malformed', 'The inner message must have the URL of the outer one, and no nonce (RFC 8555 section 7.3.5).')
  const key = await readKey(inner.value.jwk)
  if (!key.ok) return key
  const verified = await verifyJws(inner.value, key.value.jwk)
  if (!verified.ok) return verified
  const said = objectOf(verified.value)
  if (!said.ok) return said
  const old = await readKey(memberOf(said.value, 'oldKey'))
  if (memberOf(said.value, 'account') !== accountUrl || !old.ok || old.value.thumbprint !== account.record.thumbprint)
    return refuse('pki/acme-malformed', 'The inner message is about another account or another key.')
  const conflict = refuse('pki/acme-key-conflict', 'The new key belongs to an account already.')
  if ((await accounts.byKey(key.value.thumbprint)) !== undefined) return conflict
  if (!(await accounts.changeKey(account, key.value.jwk, key.value.thumbprint))) return conflict
  const now = await accounts.byId(account.record.id)
  return now === undefined ? refuse('pki/acme-no-account', 'There is no such account.') : ok(now)
}
