import { type Random, type Result, type Secret, ok, refuse } from '#base'
import { type PublicArea, isBornInside, parsePublicArea, sealHmacKey } from '#wire/tpm'

/** Seals keys to TPMs; the port `tpm` of this room is one. */
export type TpmSealer = { challenge(endorsementKey: Buffer, storageRootKey: Buffer, key: Secret): Result<Buffer> }

/**
 * Seals HMAC keys so that only the TPM that holds both root keys can use them, and nobody can read them there (azure-wire 6.8). Keys are TPM2B_PUBLIC.
 * Refuses `tpm/malformed`, `tpm/not-a-storage-key`, and `provisioning/tpm-key-loose` for a root key that could leave its TPM: what is sealed to
 * such a key is not bound to hardware.
 */
export function tpmSealer(random: Random): TpmSealer {
  return {
    challenge(endorsementKey, storageRootKey, key) {
      const endorsement = rootKey(endorsementKey)
      if (!endorsement.ok) return endorsement
      const storage = rootKey(storageRootKey)
      if (!storage.ok) return storage
      return key.use((bytes) => sealHmacKey(endorsement.value, storage.value, bytes, random))
    },
  }
}

/** A root key of a TPM: read, and by its own word made there and bound to it. Only the endorsement key's maker can say more (certificate, equality). */
export function rootKey(bytes: Buffer): Result<PublicArea> {
  const read = parsePublicArea(bytes)
  if (!read.ok) return read
  if (!isBornInside(read.value)) return refuse('provisioning/tpm-key-loose', 'A root key of the TPM must be made in it and stay there.')
  return ok(read.value)
}
