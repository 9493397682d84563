import { type Result, Secret, ok } from '#base'
import type { Vault } from '../vault.ts'

/**
 * Guards the data keys of secrets. Every version has a data key of its own, which is kept only as this wraps it; so changing the wrapping key means
 * wrapping small keys again, and no value is touched. Asynchronous, for the wrapping key may live in a token.
 */
export type KeyWrapper = {
  /** Wraps a data key of 32 bytes. */
  wrap(key: Secret): Promise<Buffer>
  /** Unwraps it. Refuses what another key wrapped, or nobody. */
  unwrap(wrapped: Buffer): Promise<Result<Secret>>
}

/** Wraps by the root key of the vault. */
export function vaultKeyWrapper(vault: Pick<Vault, 'wrapKey' | 'unwrapKey'>): KeyWrapper {
  return {
    wrap: async (key) => vault.wrapKey(key),
    async unwrap(wrapped) {
      const opened = vault.unwrapKey(wrapped)
      return opened.ok ? ok(opened.value) : opened
    },
  }
}
