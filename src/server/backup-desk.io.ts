import { readFile } from 'node:fs/promises'
import { type Result, Secret, ok, refuse, systemRandom } from '#base'
import { type Opener, type Recipient, keyDisk, keyRecipient, parsePassphrase, passphraseRecipient, saltBytes } from '#vault'
import { defaultKeyFile } from './config.io.ts'
import { type Rehearsal, type Restored, rehearseBackup, restoreBackup } from './restore.io.ts'

/** Files that open a backup: one of a passphrase, or one of a private key. */
export type OpenerFiles = { readonly passphraseFile: string | undefined; readonly keyFile: string | undefined }

/** Who may open a backup to be made: a passphrase from a file, public keys from files. Refuses `server/backup-nobody` and what they are refused for. */
export async function backupRecipients(passphraseFile: string | undefined, keys: readonly string[]): Promise<Result<readonly Recipient[]>> {
  const recipients: Recipient[] = []
  if (passphraseFile !== undefined) {
    const read = await passphraseOf(passphraseFile)
    if (!read.ok) return read
    using passphrase = read.value
    recipients.push(await passphraseRecipient(passphrase, systemRandom.bytes(saltBytes)))
  }
  for (const path of keys) {
    const recipient = keyRecipient(await readFile(path, 'utf8').catch(() => ''))
    if (!recipient.ok) return recipient
    recipients.push(recipient.value)
  }
  return recipients.length > 0 ? ok(recipients) : nobody
}

/** Restores a backup by what the files hold. `keyFile` is where the root key goes; the hub's usual place unless said. */
export async function restoreFrom(
  file: string,
  by: OpenerFiles,
  directory: string,
  keyFile: string | undefined,
): Promise<Result<Restored>> {
  const opener = await openerOf(by)
  return opener.ok ? await restoreBackup(file, opener.value, directory, (hub) => keyFile ?? defaultKeyFile(hub, process.env)) : opener
}

/** Rehearses the restoration of a backup. */
export async function rehearseFrom(file: string, by: OpenerFiles): Promise<Result<Rehearsal>> {
  const opener = await openerOf(by)
  return opener.ok ? await rehearseBackup(file, opener.value) : opener
}

const nobody = refuse('server/backup-nobody', 'Nothing says who may open the backup: give --passphrase-file, or a key.')

async function openerOf({ passphraseFile, keyFile }: OpenerFiles): Promise<Result<Opener>> {
  if (keyFile !== undefined) return ok({ pem: new Secret(await readFile(keyFile)) })
  if (passphraseFile === undefined) return nobody
  const passphrase = await passphraseOf(passphraseFile)
  return passphrase.ok ? ok({ passphrase: passphrase.value }) : passphrase
}

async function passphraseOf(path: string): Promise<Result<Secret>> {
  const file = await keyDisk.read(path)
  if (file === undefined)
    return refuse('vault/passphrase-missing', 'The passphrase file does not exist. Make it, or name the right one.', path)
  const passphrase = parsePassphrase(file.bytes)
  file.bytes.fill(0)
  return passphrase
}
