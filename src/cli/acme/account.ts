import { ask } from '../ask.ts'
import { done } from '../exit.ts'
import { isSet, position, text } from '../given.ts'
import { styled } from '../line.ts'
import { anything, list, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printTable } from '../table.ts'

const account = object({ name: textShape, names: list(textShape), keyId: textShape, status: textShape, createdBy: textShape })
const made = object({ account, macKey: textShape })
const accounts = object({ accounts: list(account) })

/** `pki acme account add`: makes an account and prints the two halves of its binding, the only time. */
export const accountAdd: Run = async (context, given) => {
  const names = (text(given, '--names') ?? '').split(',').map((one) => one.trim())
  const body = { name: position(given, 0), names: names.filter((one) => one !== '') }
  const answer = await ask(context, { method: 'POST', path: '/api/v1/acme-accounts', body, failure: 'No account was made.' }, made)
  if (!answer.ok) return answer
  const { value, raw } = answer.value
  if (isSet(given, '--json')) await context.terminal.printJson(raw, 2)
  else {
    await context.terminal.print(['kid   ', styled('bold', value.account.keyId)])
    await context.terminal.print(['hmac  ', styled('bold', value.macKey)])
  }
  context.terminal.say(`for ${value.account.names.join(', ')}; one client registers with it, and the hmac is not shown again.`)
  return done
}

/** `pki acme account ls`: every account and its names. */
export const accountLs: Run = async (context, given) => {
  const request = { method: 'GET', path: '/api/v1/acme-accounts', failure: 'The accounts were not listed.' } as const
  const answer = await ask(context, request, accounts)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const rows = answer.value.value.accounts.map((one): Row => [
      styled('bold', one.name),
      one.status,
      one.names.join(' '),
      one.keyId,
      one.createdBy,
    ])
    await printTable(context.terminal, ['ACCOUNT', 'STATUS', 'NAMES', 'KID', 'BY'], rows)
  }
  return done
}

/** `pki acme account rm`: ends an account. */
export const accountRm: Run = async (context, given) => {
  const name = position(given, 0)
  const path = `/api/v1/acme-accounts/${encodeURIComponent(name)}`
  const answer = await ask(context, { method: 'DELETE', path, failure: `Account ${name} was not ended.` }, anything)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'ended'), ' ', styled('bold', name)])
  return done
}
