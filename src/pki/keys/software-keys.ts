import { type Result, type Secret, ok } from '#base'
import { makeKeyPair, signingKey } from '../key-pair.ts'
import type { KeyStore } from './signing-key.ts'

/** The vault's, as key stores need it: what is sealed opens for the same purpose only. */
export type Sealing = {
  readonly seal: (purpose: string, plaintext: Uint8Array) => Buffer
  readonly unseal: (purpose: string, sealed: Buffer) => Result<Secret>
}

/** Keys in the memory of this process; a reference is the PKCS #8, sealed for the purpose of the key. Always ready. */
export function softwareKeys({ seal, unseal }: Sealing): KeyStore {
  return {
    place: 'software',
    title: 'software',
    state: () => ({ kind: 'ready' }),
    async make(purpose) {
      const pair = await makeKeyPair()
      using privateKey = pair.privateKey
      return ok({ key: signingKey(privateKey), reference: privateKey.use((bytes) => seal(purpose, bytes)) })
    },
    async open(purpose, reference) {
      const opened = unseal(purpose, reference)
      if (!opened.ok) return opened
      using secret = opened.value
      return ok(signingKey(secret))
    },
    async [Symbol.asyncDispose]() {},
  }
}
