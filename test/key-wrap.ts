import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import { type Random, type Result, Secret, ok, refuse } from '#base'
import { SeededRandom } from './seeded-random.ts'

/** Wraps keys as a vault does (AES-256-GCM, really verified), under a key made from `name`: two names are two vaults. */
export function keyWrap(
  name: string,
  random: Random = new SeededRandom(7),
): { readonly wrapKey: (key: Secret) => Buffer; readonly unwrapKey: (wrapped: Buffer) => Result<Secret> } {
  const master = createHash('sha256').update(name).digest()
  return {
    wrapKey: (key) => {
      const nonce = random.bytes(12)
      const cipher = createCipheriv('aes-256-gcm', master, nonce)
      const body = key.use((bytes) => cipher.update(bytes))
      cipher.final()
      return Buffer.concat([nonce, body, cipher.getAuthTag()])
    },
    unwrapKey: (wrapped) => {
      const decipher = createDecipheriv('aes-256-gcm', master, wrapped.subarray(0, 12), { authTagLength: 16 })
      decipher.setAuthTag(wrapped.subarray(-16))
      const key = decipher.update(wrapped.subarray(12, -16))
      try {
        decipher.final()
      } catch {
        return refuse('test/wrong-key', 'This is not the key of this vault.')
      }
      return ok(new Secret(key))
    },
  }
}
