import { isAbsolute, join, normalize } from 'node:path'
import type { Audit } from '#audit'
import { type Clock, type Random, type Result, ok, refuse } from '#base'
import { rewrapSegments } from '#journal'
import type { Store } from '#store'
import type { GuardChoice, Vault, VaultCare, VaultState } from '#vault'
import { makeBackup } from './backup.io.ts'
import type { Log } from './log.io.ts'
import { endRotationAtStart, resealAll } from './vault-rotation.ts'
import { packageVersion } from './version.io.ts'

type Behind = {
  readonly store: Store
  readonly vault: Vault
  readonly audit: Pick<Audit, 'append'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/**
 * The root key in the hands of operators. Ends a rotation of before; so it is opened when the store is, before any room reads a sealed value. `directory` is that
 * of the data.
 */
export async function openVaultCare(directory: string, { store, vault, audit, clock, random, log }: Behind): Promise<VaultCare> {
  const ports = { store, vault, rewrapJournal: () => rewrapSegments(join(directory, 'journal'), (key) => vault.rewrapKey(key)) }
  await endRotationAtStart(ports, (message, about) => log.warn(message, { ...about }))
  let rotation: VaultState['rotation'] = { kind: 'none' }
  let running: Promise<void> = Promise.resolve()
  const state = async (): Promise<VaultState> => ({ ...(await vault.describe()), rotation })
  const reseal = async (): Promise<void> => {
    try {
      rotation = { kind: 'resealed', ...(await resealAll(ports, (resealed) => (rotation = { kind: 'running', resealed }))) }
    } catch (error) {
      log.error('sealing everything under the new root key; thingwall vault rotate goes on with it', { error })
      rotation = { kind: 'none' }
    }
  }
  return {
    show: state,
    async protect(grant, choice) {
      const place = checkPlace(choice)
      const done = place.ok ? await vault.protect(choice) : place
      const outcome = done.ok ? 'done' : 'refused'
      await audit.append(grant, { action: 'vault.protect', resource: 'vault', detail: { with: choice.with }, outcome })
      return done.ok ? ok(await state()) : done
    },
    async rotate(grant) {
      if (rotation.kind === 'running') return ok(await state())
      const isNew = vault.oldKeyIds.length === 0
      const begun = isNew ? await vault.beginRotation() : ok(undefined)
      const { keyId } = await vault.describe()
      await audit.append(grant, {
        action: 'vault.rotate',
        resource: 'vault',
        detail: { keyId, isNew },
        outcome: begun.ok ? 'done' : 'refused',
      })
      if (!begun.ok) return begun
      rotation = { kind: 'running', resealed: 0 }
      running = reseal()
      return ok(await state())
    },
    async *backup(grant, recipients, signal) {
      await audit.append(grant, { action: 'backup.make', resource: 'backup', detail: { recipients: recipients.length } })
      yield* makeBackup(recipients, { directory, vault, clock, random, version: packageVersion() }, signal)
    },
    settled: () => running,
  }
}

const modulePlaces = ['/usr/lib/', '/usr/lib64/', '/usr/local/lib/', '/lib/', '/lib64/', '/opt/', '/Library/', 'C:\\Program Files\\']
const tctiForm = /^(?:device:\/dev\/tpm(?:rm)?\d{1,3}|tabrmd:[A-Za-z0-9_,=.]{0,200}|swtpm:path=\/[A-Za-z0-9_./-]{1,200})$/

/**
 * A module is code that runs on the hub's machine, and some ways to a TPM are commands: from over the API come only modules that whoever installs software put
 * there, and devices. Refuses `vault/guard-place`.
 */
function checkPlace({ with: guard, place }: GuardChoice): Result<void> {
  const { file = '', module = '', token = '', pinFile = '', tcti = '' } = place
  const isWhole = {
    'plain-file': () => true,
    keyring: () => true,
    'passphrase-file': () => isAbsolute(file),
    pkcs11: () =>
      modulePlaces.some((start) => module.startsWith(start)) && normalize(module) === module && token !== '' && isAbsolute(pinFile),
    tpm: () => tctiForm.test(tcti),
  }[guard]()
  return isWhole
    ? ok(undefined)
    : refuse(
        'vault/guard-place',
        'The place of the guard is not one: an absolute path, a module where the system installs them, a TPM such as device:/dev/tpmrm0.',
      )
}
