import type { PKCS11 } from 'pkcs11js'
import { systemRandom } from '#base'
import { SignerTrouble } from './child.ts'

/*
 * Wraps the hub's own key-encryption key in a token: AES-256-GCM under one secret key that was made there, is sensitive and cannot be extracted. What is
 * given out is `nonce (12) | ciphertext | tag (16)`. The key is found by its CKA_ID and made at the first wrap.
 */
const keyId = Buffer.from('thingwall-root-guard-1', 'latin1')
const context = Buffer.from('thingwall root key guard 1', 'latin1')
const nonceBytes = 12
const keyBytes = 32
const tagBits = 128

/** `wrap` and `unwrap` of a token. `refuseExportable` throws for a key that could leave; `trying` makes an error of the module one of the token being away. */
export function tokenWrapping(
  pkcs11: typeof import('pkcs11js'),
  library: PKCS11,
  session: Buffer,
  refuseExportable: (key: Buffer) => void,
  trying: <T>(work: () => T) => T,
): { readonly wrap: (key: Buffer) => Promise<Buffer>; readonly unwrap: (wrapped: Buffer) => Promise<Buffer> } {
  const find = (): Buffer | undefined => {
    library.C_FindObjectsInit(session, [
      { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
      { type: pkcs11.CKA_ID, value: keyId },
    ])
    try {
      const [key, twin] = library.C_FindObjects(session, 2)
      if (twin !== undefined) throw new SignerTrouble('key-missing', 'The token has more than one key that guards root keys.')
      return key
    } finally {
      library.C_FindObjectsFinal(session)
    }
  }
  const make = (): Buffer =>
    library.C_GenerateKey(session, { mechanism: pkcs11.CKM_AES_KEY_GEN }, [
      { type: pkcs11.CKA_TOKEN, value: true },
      { type: pkcs11.CKA_PRIVATE, value: true },
      { type: pkcs11.CKA_SENSITIVE, value: true },
      { type: pkcs11.CKA_EXTRACTABLE, value: false },
      { type: pkcs11.CKA_ENCRYPT, value: true },
      { type: pkcs11.CKA_DECRYPT, value: true },
      { type: pkcs11.CKA_VALUE_LEN, value: keyBytes },
      { type: pkcs11.CKA_ID, value: keyId },
      { type: pkcs11.CKA_LABEL, value: 'thingwall root key guard' },
    ])
  const gcm = (iv: Buffer) => ({
    mechanism: pkcs11.CKM_AES_GCM,
    parameter: { type: pkcs11.CK_PARAMS_AES_GCM, iv, aad: context, ivBits: iv.length * 8, tagBits },
  })
  const held = (): Buffer => {
    const key = trying(() => find() ?? make())
    trying(() => refuseExportable(key))
    return key
  }
  return {
    async wrap(plain) {
      if (plain.length !== keyBytes) throw new SignerTrouble('key-missing', 'Only keys of 32 bytes are wrapped.')
      const key = held()
      const nonce = systemRandom.bytes(nonceBytes)
      return trying(() => {
        library.C_EncryptInit(session, gcm(nonce), key)
        return Buffer.concat([nonce, library.C_Encrypt(session, plain, Buffer.alloc(keyBytes + tagBits / 8))])
      })
    },
    async unwrap(wrapped) {
      if (wrapped.length !== nonceBytes + keyBytes + tagBits / 8)
        throw new SignerTrouble('key-missing', 'This is no key that a token wrapped.')
      const key = trying(find)
      if (key === undefined)
        throw new SignerTrouble('key-missing', 'The token has no key that guards root keys: it is another token, or was cleared.')
      trying(() => refuseExportable(key))
      try {
        library.C_DecryptInit(session, gcm(wrapped.subarray(0, nonceBytes)), key)
        return library.C_Decrypt(session, wrapped.subarray(nonceBytes), Buffer.alloc(wrapped.length))
      } catch (error) {
        const code = error instanceof Error ? (error.message.split(':')[0] ?? '') : ''
        throw new SignerTrouble(
          'key-missing',
          `The token does not open the wrapped key: another token wrapped it, or it was changed (${code}).`,
        )
      }
    },
  }
}
