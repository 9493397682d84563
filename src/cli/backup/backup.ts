import { resolve } from 'node:path'
import { isoTime, instant, type Result } from '#base'
import type { Context } from '../context.ts'
import { type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text, texts } from '../given.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { printMembers } from '../table.ts'
import { writeWhole } from './files.io.ts'

/** `backup make`: a backup of the running hub, into a file that appears when it is whole. */
export const backupMake: Run = async (context, given) => {
  const out = resolve(text(given, '--out') ?? '')
  if (text(given, '--out') === undefined) return stop(exit.usage, 'Nothing says where the backup goes.', undefined, 'give --out FILE.')
  const { backupRecipients } = await import('#server')
  const recipients = await backupRecipients(text(given, '--passphrase-file'), texts(given, '--recipient'))
  if (!recipients.ok) return refused('No backup was made.', recipients)
  const body = {
    recipients: recipients.value.map(({ publicKey, salt }) => ({
      publicKey: publicKey.toString('base64url'),
      salt: salt?.toString('base64url'),
    })),
  }
  const hub = context.hub()
  if (!hub.ok) return hub
  const bytes = await hub.value.bytes({ method: 'POST', path: '/api/v1/backups', body, failure: 'No backup was made.' })
  if (!bytes.ok) return bytes
  const progress = context.terminal.progress('copying')
  const written = await writeWhole(out, bytes.value, (count) => progress.at(count, undefined)).finally(() => progress.end())
  if (!written.ok) return written
  await context.terminal.print([styled('green', 'made'), ' ', styled('bold', out), ` ${written.value} bytes`])
  context.terminal.say(`Prove it: thingwall backup rehearse ${out}`)
  return done
}

/** `backup restore`: a backup into the data directory, which must be new. */
export const backupRestore: Run = async (context, given) => {
  const { restoreFrom } = await import('#server')
  const keyFile = text(given, '--key-file')
  const restored = await restoreFrom(
    position(given, 0),
    { passphraseFile: text(given, '--passphrase-file'), keyFile: text(given, '--identity') },
    context.data,
    keyFile === undefined ? undefined : resolve(keyFile),
  )
  if (!restored.ok) return refused('Nothing was restored.', restored)
  const { hub, createdAt, directory, keyFile: key } = restored.value
  return await members(context, given, [
    ['hub', hub],
    ['backup of', isoTime(instant(createdAt))],
    ['data', directory],
    ['root key', key],
  ])
}

/** `backup rehearse`: restores a backup beside everything, opens every part of it, and throws it away. */
export const backupRehearse: Run = async (context, given) => {
  const { rehearseFrom } = await import('#server')
  const proven = await rehearseFrom(position(given, 0), {
    passphraseFile: text(given, '--passphrase-file'),
    keyFile: text(given, '--identity'),
  })
  if (!proven.ok) return refused('The backup was not proven.', proven)
  const { hub, createdAt, version, bytes, devices, secrets, auditRecords, auditHash, records } = proven.value
  return await members(context, given, [
    ['hub', hub],
    ['backup of', isoTime(instant(createdAt))],
    ['version', version],
    ['bytes', String(bytes)],
    ['devices', String(devices)],
    ['secrets', String(secrets)],
    ['journal records', String(records)],
    ['audit records', String(auditRecords)],
    ['audit hash', auditHash],
  ])
}

async function members(context: Context, given: Given, rows: readonly (readonly [string, string])[]) {
  if (isSet(given, '--json')) await context.terminal.printJson(Object.fromEntries(rows), 2)
  else await printMembers(context.terminal, rows)
  return done
}

function refused(what: string, result: Exclude<Result<unknown>, { readonly ok: true }>): Result<never, Problem> {
  const { code, message } = result.error
  return stop(exit.failed, what, message, `docs/errors.md tells of ${code}.`)
}
