import { systemGrant } from '#access'
import type { Audit } from '#audit'
import type { Clock, Random } from '#base'
import { type Journal, encodeFact } from '#journal'
import type { Store } from '#store'
import { type Secrets, type Sync, type Vault, openSecrets, openSync, secretLimits, vaultKeyWrapper } from '#vault'
import type { Log } from './log.io.ts'

type SecretRooms = {
  readonly store: Store
  readonly audit: Audit
  readonly vault: Vault
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** The secrets of the hub, and what of them edges hold. */
export type HubSecrets = Secrets & { readonly sync: Sync }

/** Opens the secrets of the hub, under the root key of its vault. */
export async function openVaultSecrets(
  { store, audit, vault, journal, clock, random, log }: SecretRooms,
  signal: AbortSignal,
): Promise<HubSecrets> {
  const secrets = await openSecrets(
    {
      store,
      clock,
      random,
      wrapper: vaultKeyWrapper(vault),
      retentionMs: secretLimits.retentionDays * 86_400_000,
      commit: (grant, what, statements) => audit.commit(grant, what, statements),
      system: systemGrant,
      tell: (fact) => void journal.append(encodeFact(fact)),
      trouble: (what, error) => log.error(what, { error }),
    },
    signal,
  )
  const sync = openSync({
    store,
    clock,
    seal: (purpose, plaintext) => vault.seal(purpose, plaintext),
    unseal: (purpose, sealed) => vault.unseal(purpose, sealed),
    read: (edge, name) => secrets.readForEdge(edge, name),
    commit: (grant, what, statements) => audit.commit(grant, what, statements),
  })
  return { ...secrets, sync }
}
