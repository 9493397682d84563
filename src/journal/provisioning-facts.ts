import { number, object, oneOf, text } from './shape.ts'

/** Facts of devices that register. `enrollment` is `individual:id` or `group:id`. See facts.ts for the rules. */
export const provisioningFactShapes = {
  /** A device was assigned to a hub. `substatus` in the words of the provisioning service. */
  'device-registered': object(
    { registration: text, device: text, enrollment: text, hub: text, substatus: text, proof: oneOf('x509', 'symmetricKey', 'tpm') },
    {},
  ),
  /** A device proved itself, and could not be assigned. `code` is six digits, as it was told. */
  'registration-failed': object({ registration: text, enrollment: text, code: number, message: text }, {}),
  /** Somebody was refused who wanted to register; `count` says how many there were since this was last told of the address. */
  'registration-refused': object({ registration: text, address: text, reason: text }, { count: number }),
  'enrollment-changed': object({ actor: text, action: oneOf('create', 'update', 'delete'), enrollment: text }, {}),
  'registration-deleted': object({ actor: text, registration: text }, {}),
  /** A TPM has proven a key, or the state of its machine. Names are of TPM objects, hexadecimal; `clock` is of the TPM; `policy` empty: none. */
  'device-attested': object({ device: text, endorsementKey: text, key: text, clock: text, policy: text }, {}),
  /** What a TPM said was not taken; `reason` is for the operator, the peer is not told. */
  'attestation-refused': object({ device: text, address: text, code: text, reason: text }, {}),
  /** Two machines use the state of one TPM, as far as its clock tells. Nothing of this device is taken until an operator has looked. */
  'tpm-clone-suspected': object({ device: text, address: text, reason: text }, {}),
  'attestation-changed': object(
    { actor: text, change: oneOf('policy-added', 'policy-removed', 'device-expected', 'device-forgotten'), subject: text },
    {},
  ),
} as const
