import { join } from 'node:path'
import type { Audit } from '#audit'
import { ok } from '#base'
import { rewrapSegments } from '#journal'
import type { Store } from '#store'
import type { Vault, VaultCare, VaultState } from '#vault'
import type { Log } from './log.io.ts'
import { endRotationAtStart, resealAll } from './vault-rotation.ts'

type Behind = {
  readonly store: Store
  readonly vault: Vault
  readonly audit: Pick<Audit, 'append'>
  readonly log: Log
}

/**
 * The root key in the hands of operators. Ends a rotation of before; so it is opened when the store is, before any room reads a sealed value. `directory` is that
 * of the data.
 */
export async function openVaultCare(directory: string, { store, vault, audit, log }: Behind): Promise<VaultCare> {
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
      const done = await vault.protect(choice)
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
    settled: () => running,
  }
}
