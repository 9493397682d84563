import { list, nullable, number, object, oneOf, text } from './shape.ts'

/** Facts about secrets: never a value. `expires` is in milliseconds since the epoch. Reads are in the audit log, and not here. */
export const secretFactShapes = {
  'secret-changed': object(
    {
      actor: text,
      name: text,
      version: nullable(text),
      what: oneOf('set', 'updated', 'deleted', 'recovered', 'purged', 'restored', 'retired', 'rotation'),
    },
    {},
  ),
  'secret-rotated': object({ actor: text, name: text, version: text, previous: text, why: oneOf('schedule', 'expiry', 'asked') }, {}),
  /** Somebody has to set a new value: the hub has no generator for it. */
  'secret-due': object({ name: text, version: text, why: oneOf('schedule', 'expiry'), expires: nullable(number) }, {}),
  /** A rule of access was put in force, or with no rights taken away. */
  'secret-access-changed': object({ actor: text, principal: text, secrets: text, rights: list(text) }, {}),
} as const
