import { type Static, Type } from 'typebox'
import { isoTime } from '#base'
import { type CodeRecord, estLimits } from '#pki'
import { time } from './schema.ts'

/* The shapes of one-time codes; see schema.ts for the rules. */

const closed = { additionalProperties: false } as const
const count = Type.Integer({ minimum: 0 })
const devices = Type.String({ minLength: 1, maxLength: 129 })

/** A one-time code without its secret. `devices` is a device id, or the beginning of some and `*`. */
export const enrollmentCode = Type.Object(
  { id: Type.String(), devices, uses: count, used: count, failures: count, until: time, createdAt: time, createdBy: Type.String() },
  { ...closed, title: 'EnrollmentCode' },
)

/** A one-time code to be; an hour and one certificate unless said. */
export const enrollmentCodeInput = Type.Object(
  {
    devices,
    expiresInSeconds: Type.Optional(Type.Integer({ minimum: estLimits.codeMinMs / 1000, maximum: estLimits.codeMaxMs / 1000 })),
    uses: Type.Optional(Type.Integer({ minimum: 1, maximum: estLimits.codeMaxUses })),
  },
  { ...closed, title: 'EnrollmentCodeInput' },
)

/** A code that was just made: the only time that it is shown. */
export const newEnrollmentCode = Type.Object({ record: enrollmentCode, code: Type.String() }, { ...closed, title: 'NewEnrollmentCode' })

/** A code as the API shows it. */
export function enrollmentCodeView(one: CodeRecord): Static<typeof enrollmentCode> {
  const { id, devices: whose, uses, used, failures, createdBy } = one
  return { id, devices: whose, uses, used, failures, until: isoTime(one.expiresAt), createdAt: isoTime(one.createdAt), createdBy }
}
