import { number, object, oneOf, text } from './shape.ts'

/** Facts about one-time codes and enrollments over EST. A code is named by its id, which is not secret; times are in milliseconds since the epoch. */
export const estFactShapes = {
  /** `devices` is a device id, or the beginning of some and `*`. */
  'enrollment-code-added': object({ actor: text, code: text, devices: text, uses: number, expiresAt: number }, {}),
  'enrollment-code-removed': object({ actor: text, code: text }, {}),
  'est-enrolled': object(
    {
      device: text,
      operation: oneOf('simpleenroll', 'simplereenroll', 'serverkeygen'),
      proof: oneOf('certificate', 'code'),
      serial: text,
      address: text,
    },
    { code: text },
  ),
} as const
