import type { Grant, Result } from '#base'
import type { Recipient } from './backup/recipient.ts'
import type { GuardChoice } from './key-guard.ts'
import type { VaultDescription } from './vault.ts'

/** How far sealing anew is. */
export type RotationProgress = {
  /** Values and segment keys that were sealed anew. */
  readonly resealed: number
  /** Where values still are that the old root key sealed, with how many: `table.column`. */
  readonly left: readonly { readonly place: string; readonly count: number }[]
}

/** How the root key stands. */
export type VaultState = VaultDescription & {
  readonly rotation:
    | { readonly kind: 'none' }
    | { readonly kind: 'running'; readonly resealed: number }
    /** Everything is sealed anew; the old key leaves the key file at the next start. With `left`, it stays as long as that is. */
    | ({ readonly kind: 'resealed' } & RotationProgress)
}

/** What operators do with the root key. */
export interface VaultCare {
  show(grant: Grant<'secret.administer'>): Promise<VaultState>
  /** Puts the root key under another guard. Refuses what the vault refuses. */
  protect(grant: Grant<'secret.administer'>, choice: GuardChoice): Promise<Result<VaultState>>
  /** Begins a change of the root key, or goes on with one. Answers at once; {@link VaultCare.show} tells how far it is. */
  rotate(grant: Grant<'secret.administer'>): Promise<Result<VaultState>>
  /** A backup of the whole hub, which goes on meanwhile, encrypted to the recipients. Throws what the disk says. */
  backup(grant: Grant<'secret.administer'>, recipients: readonly Recipient[], signal: AbortSignal): AsyncIterable<Buffer>
  /** Resolves when nothing is being sealed anew. */
  settled(): Promise<void>
}
