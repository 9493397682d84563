import type { Result, Secret } from '#base'

/** What guards the root key where it lies. `plain-file`: nothing but permissions. */
export type Protection = 'plain-file' | 'passphrase-file' | 'pkcs11' | 'tpm' | 'keyring'

/** Where a guard finds what it needs, by name: a path, a token's label, a TCTI. Kept in the key file in the clear; never a secret. */
export type GuardPlace = Readonly<Record<string, string>>

/**
 * Guards a key of 32 bytes: what `seal` gives opens at that place alone, by `open`. Both refuse with `vault/guard-away` when the place does not answer, and
 * `vault/guard-refused` when it answers no.
 */
export type KeyGuard = {
  seal(place: GuardPlace, key: Secret): Promise<Result<Buffer>>
  open(place: GuardPlace, sealed: Buffer): Promise<Result<Secret>>
}

/** The guards that this hub has. One that is not here is `vault/guard-missing`. */
export type KeyGuards = Partial<Readonly<Record<Exclude<Protection, 'plain-file'>, KeyGuard>>>

/** How a root key is to be guarded. */
export type GuardChoice = { readonly with: Protection; readonly place: GuardPlace }
