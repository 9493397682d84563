import { Type } from 'typebox'
import { ok } from '#base'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const

const view = Type.Object(
  {
    idScope: Type.String({ description: 'What devices name this hub by when they register.' }),
  },
  { ...closed, title: 'Provisioning' },
)

/** What devices that register have to be told. Enrollments themselves are the interface for back ends on the HTTPS listener. */
export function provisioningRoutes({ ports }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/provisioning',
      summary: 'The id scope by which devices register.',
      access: { grants: ['enrollment.read'] },
      resource: () => 'provisioning',
      answer: { status: 200, is: view, description: 'As it is.' },
      handle: async () => ok({ idScope: ports.provisioning.idScope }),
    }),
  ]
}
