import { createHmac } from 'node:crypto'
import { type Result, Secret, refuse } from '#base'
import type { TpmClaim } from './device.ts'
import type { Enrollment } from './enrollment.ts'
import { provisioningLimits } from './limits.ts'
import type { ProvisioningPorts } from './ports.ts'
import type { IdKey } from './registration-id.ts'

/*
 * Theory of operation (azure-wire 6.8).
 * The key of a TPM is not kept: it is made, again and again the same, of a key of ours and of what it is for: registration, endorsement key and storage root key. So
 * a stranger who asks for a challenge costs a seal and no row. Which storage root key was shown is remembered for a while, since a token does not name it; a
 * stranger may show another one, but the blob that he gets opens in the TPM of the endorsement key alone, and the token says under which of them it was opened.
 */

/** A TPM that was challenged: under which storage root key, and the key that was sealed to it. */
export type ChallengedTpm = { readonly endorsementKey: Buffer; readonly storageRootKey: Buffer; readonly key: Secret }

/** Remembers what TPMs were challenged with. Bounded; what is forgotten is challenged again. */
export class TpmChallenges {
  readonly #ports: Pick<ProvisioningPorts, 'tpm' | 'tpmSecret'>
  readonly #shown = new Map<IdKey, readonly Buffer[]>()

  constructor(ports: Pick<ProvisioningPorts, 'tpm' | 'tpmSecret'>) {
    this.#ports = ports
  }

  /** Seals the key of a TPM to it. Refuses `provisioning/unauthorized` for a TPM that this enrollment does not name. */
  challenge(enrollment: Enrollment, { endorsementKey, storageRootKey }: TpmClaim): Result<Buffer> {
    const { attestation } = enrollment
    const { tpm } = this.#ports
    if (attestation.type !== 'tpm' || tpm === undefined) return no('the enrollment names no TPM')
    if (!attestation.endorsementKey.equals(endorsementKey)) return no('the endorsement key is another one')
    if (attestation.storageRootKey?.equals(storageRootKey) === false) return no('the storage root key is another one')
    const key = this.#keyOf(enrollment, endorsementKey, storageRootKey)
    if (key === undefined) return no('this hub has no key for TPMs')
    const sealed = tpm.challenge(endorsementKey, storageRootKey, key)
    if (sealed.ok) this.#remember(enrollment.key, storageRootKey)
    return sealed
  }

  /** Everything that this TPM may have been challenged with, newest first. `recorded` is the storage root key of its registration record. */
  challenged(enrollment: Enrollment, recorded: Buffer | undefined): readonly ChallengedTpm[] {
    const { attestation } = enrollment
    if (attestation.type !== 'tpm') return []
    const { endorsementKey } = attestation
    const roots = [...(this.#shown.get(enrollment.key) ?? []), recorded, attestation.storageRootKey].filter((root) => root !== undefined)
    return roots.flatMap((storageRootKey) => {
      const key = this.#keyOf(enrollment, endorsementKey, storageRootKey)
      return key === undefined ? [] : [{ endorsementKey, storageRootKey, key }]
    })
  }

  #keyOf({ key, createdAt }: Enrollment, endorsementKey: Buffer, storageRootKey: Buffer): Secret | undefined {
    const parts = [Buffer.from(key), Buffer.from(String(createdAt)), endorsementKey, storageRootKey]
    return this.#ports.tpmSecret?.use((secret) => {
      const mac = createHmac('sha256', secret)
      for (const part of parts) {
        const length = Buffer.alloc(4)
        length.writeUInt32BE(part.length)
        mac.update(length).update(part)
      }
      return new Secret(mac.digest())
    })
  }

  #remember(key: IdKey, root: Buffer): void {
    const others = (this.#shown.get(key) ?? []).filter((one) => !one.equals(root))
    this.#shown.delete(key)
    for (const oldest of this.#shown.size >= provisioningLimits.challenged ? this.#shown.keys() : []) if (this.#shown.delete(oldest)) break
    this.#shown.set(key, [root, ...others].slice(0, provisioningLimits.challengesPerRegistration))
  }
}

function no(detail: string): Result<never> {
  return refuse('provisioning/unauthorized', 'Not authorized.', detail)
}
