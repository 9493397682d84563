import { type KeyObject, sign } from 'node:crypto'
import type { Result } from '#base'
import type { PublicKey } from '#wire/x509'

/** Where a private key lives. `software`: in a row, sealed by the vault. The others never show it to this process. */
export type KeyPlace = 'software' | 'pkcs11' | 'tpm'

/** A private key (EC P-256) that signs for us, wherever it lives. */
export interface SigningKey {
  readonly place: KeyPlace
  readonly publicKey: PublicKey
  /** ECDSA with SHA-256 over `data`, as DER. Throws the Fault `pki/key-unavailable` when the hardware that holds the key is away. */
  sign(data: Uint8Array): Promise<Buffer>
}

/** How a place of keys is: `away` means that nothing can be signed there now; it is tried again by itself. */
export type KeyStoreState =
  | { readonly kind: 'ready' }
  /** `since` in milliseconds since the epoch; `message` says what happened and what to do. */
  | { readonly kind: 'away'; readonly since: number; readonly message: string }

/** A place where keys are made and kept. `purpose` names what a key is for, such as `device-issuer/SERIAL`; it is not secret. */
export interface KeyStore extends AsyncDisposable {
  readonly place: KeyPlace
  /** For people: `software`, `pkcs11 token thingwall`, `tpm device:/dev/tpmrm0`. */
  readonly title: string
  state(): KeyStoreState
  /** Makes a pair that cannot leave its place. The reference finds it again; kept in our rows, it opens nothing by itself. */
  make(purpose: string): Promise<Result<{ readonly key: SigningKey; readonly reference: Buffer }>>
  /** Opens a key made before. Refuses `pki/key-missing` when the place no longer has it, `pki/key-unavailable` when the place is away. */
  open(purpose: string, reference: Buffer): Promise<Result<SigningKey>>
}

/** A key in the memory of this process. */
export function memoryKey(key: KeyObject, publicKey: PublicKey): SigningKey {
  return { place: 'software', publicKey, sign: async (data) => sign('sha256', data, key) }
}
