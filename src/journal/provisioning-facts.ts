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
} as const
