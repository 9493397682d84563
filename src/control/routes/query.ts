import { Type } from 'typebox'
import { ok } from '#base'
import { anyJson, closed, orNull, text } from '../hub-schema.ts'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const queryInput = Type.Object(
  {
    query: Type.String({ minLength: 1, maxLength: 16_384 }),
    maxItems: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
    continuation: Type.Optional(Type.String({ maxLength: 4_096 })),
  },
  { ...closed, title: 'QueryInput' },
)

const queryPage = Type.Object(
  { items: Type.Array(anyJson), itemType: Type.Enum(['Twin', 'DeviceJob', 'JobResponse', 'Raw']), continuation: orNull(text) },
  { ...closed, title: 'QueryPage' },
)

/** The query language of IoT Hub over devices, modules and jobs. */
export function queryRoutes({ ports }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/query',
      summary: 'Asks `devices`, `devices.modules` or `devices.jobs` in the query language of Azure IoT Hub, page by page.',
      access: { grants: ['twin.read'] },
      body: queryInput,
      answer: {
        status: 200,
        is: queryPage,
        description: 'A page. `continuation` asks for the next with the same query; null: it was the last.',
      },
      async handle(call) {
        const { query, maxItems, continuation } = call.body
        const page = await ports.hub.queries.run(call.grant('twin.read'), { text: query, maxItems, continuation })
        if (!page.ok) return page
        const { items, itemType } = page.value
        return ok({ items: [...items], itemType, continuation: page.value.continuation ?? null })
      },
    }),
  ]
}
