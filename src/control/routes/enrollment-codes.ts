import { Type } from 'typebox'
import { ok } from '#base'
import { enrollmentCode, enrollmentCodeInput, enrollmentCodeView, newEnrollmentCode } from '../enrollment-code-schema.ts'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const path = Type.Object({ id: Type.String({ minLength: 1, maxLength: 16 }) }, closed)

/** One-time codes for EST: made, listed, ended. */
export function enrollmentCodeRoutes({ ports }: Parts): readonly Route[] {
  const { enrollmentCodes: codes } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/enrollment-codes',
      summary: 'Every one-time code for EST, without its secret.',
      access: { grants: ['pki.read'] },
      resource: () => 'enrollment-codes',
      answer: {
        status: 200,
        is: Type.Object({ codes: Type.Array(enrollmentCode) }, { ...closed, title: 'EnrollmentCodes' }),
        description: 'Newest first.',
      },
      handle: async (call) => ok({ codes: (await codes.list(call.grant('pki.read'))).map(enrollmentCodeView) }),
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/enrollment-codes',
      summary: 'Makes a one-time code by which a device gets its certificate over EST. The code is in this answer only.',
      access: { grants: ['certificate.issue'] },
      resource: () => 'enrollment-codes',
      body: enrollmentCodeInput,
      answer: { status: 201, is: newEnrollmentCode, description: 'Made.' },
      async handle(call) {
        const { devices, expiresInSeconds: seconds, uses } = call.body
        const spec = { devices, ...(seconds === undefined ? {} : { lifetimeMs: seconds * 1000 }), ...(uses === undefined ? {} : { uses }) }
        const made = await codes.add(call.grant('certificate.issue'), spec)
        if (!made.ok) return made
        // From here the code is text on its way out; nothing of ours keeps it.
        using code = made.value.code
        return ok({ record: enrollmentCodeView(made.value.record), code: code.use((bytes) => bytes.toString('latin1')) })
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/enrollment-codes/{id}',
      summary: 'Ends a one-time code.',
      access: { grants: ['certificate.issue'] },
      resource: ({ id }) => `enrollment-code:${id}`,
      params: path,
      answer: { status: 204, is: Type.Null(), description: 'Ended.' },
      async handle(call) {
        const removed = await codes.remove(call.grant('certificate.issue'), call.params.id)
        return removed.ok ? ok(null) : removed
      },
    }),
  ]
}
