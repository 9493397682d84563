import type { Clock } from '#base'
import { type JsonFact, type Journal, encodeFact } from '#journal'
import { type KeyStore, type KeyStoreState, openHardwareKeys, softwareKeys } from '#pki'
import type { Vault } from '#vault'
import type { Log } from './log.io.ts'
import type { KeysConfig } from './pki-settings.ts'

type Behind = {
  readonly vault: Vault
  readonly clock: Clock
  readonly journal: Pick<Journal, 'append'>
  readonly log: Log
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Opens the place where keys of new issuers are made. A token or TPM that is away does not hold up the start; the journal and the log say so. */
export async function openKeyStore(config: KeysConfig, { vault, clock, journal, log, environment }: Behind): Promise<KeyStore> {
  const sealing = {
    seal: (purpose: string, plaintext: Uint8Array) => vault.seal(purpose, plaintext),
    unseal: (purpose: string, sealed: Buffer) => vault.unseal(purpose, sealed),
  }
  if (config.place === 'software') return softwareKeys(sealing)
  const title = config.place === 'pkcs11' ? `pkcs11 token ${config.token}` : `tpm ${config.tcti}`
  const tell = (fact: JsonFact): void => void journal.append(encodeFact(fact))
  let since: number | undefined
  const changed = (state: KeyStoreState): void => {
    const time = clock.now()
    if (state.kind === 'away') {
      since = state.since
      log.error('keys are away: nothing can be issued', { title, message: state.message })
      return tell({ kind: 'key-store-away', time, place: config.place, title, message: state.message })
    }
    if (since !== undefined) tell({ kind: 'key-store-back', time, place: config.place, title, durationMs: time - since })
    since = undefined
  }
  return await openHardwareKeys(config, { ...sealing, clock, environment, changed })
}
