import { Type } from 'typebox'
import { ok, refuse } from '#base'
import { egressLimits, eventToJson } from '#egress'
import { deadLetter, letterView, openedLetter, routeTest, routeTested } from '../egress-schema.ts'
import { testMessageOf } from '../egress-test.ts'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const name = Type.String({ minLength: 1, maxLength: egressLimits.nameLength })
const idPath = Type.Object({ id: Type.String({ minLength: 1, maxLength: 16 }) }, closed)
const all = () => 'routes'
const letterNamed = ({ id }: { readonly id: string }) => `dead-letter:${id}`
const noLetter = refuse('egress/dead-letter-not-found', 'There is no such dead letter.')
const many = Type.Object({ letters: Type.Integer({ minimum: 0 }) }, { ...closed, title: 'DeadLetterCount' })
const which = Type.Object(
  { id: Type.Optional(Type.Integer({ minimum: 1 })), endpoint: Type.Optional(name) },
  { ...closed, title: 'DeadLetterChoice' },
)

/** What could not be delivered, and routes tried without making any. */
export function deadLetterRoutes({ ports }: Parts): readonly Route[] {
  const { egress } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/dead-letters',
      summary: 'Events that endpoints would not take, or did not take in time, oldest first; of one endpoint, or of all.',
      access: { grants: ['route.read'] },
      resource: all,
      query: Type.Object(
        {
          endpoint: Type.Optional(name),
          after: Type.Optional(Type.Integer({ minimum: 0 })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
        },
        closed,
      ),
      answer: {
        status: 200,
        is: Type.Object(
          { deadLetters: Type.Array(deadLetter), next: Type.Union([Type.Integer(), Type.Null()]) },
          { ...closed, title: 'DeadLetters' },
        ),
        description: 'A page of them; `next` is for `after`.',
      },
      async handle(call) {
        const { endpoint, after = 0, limit = 100 } = call.query
        const letters = await egress.deadLetters(call.grant('route.read'), { endpoint, after, limit })
        const last = letters.length === limit ? letters.at(-1)?.id : undefined
        return ok({ deadLetters: letters.map(letterView), next: last ?? null })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/dead-letters/{id}',
      summary: 'One dead letter with its event.',
      access: { grants: ['route.read', 'telemetry.read'] },
      resource: letterNamed,
      params: idPath,
      answer: { status: 200, is: openedLetter, description: 'The dead letter.' },
      async handle(call) {
        const found = await egress.deadLetter(call.grant('route.read'), numberOf(call.params.id))
        return found.ok ? ok({ ...letterView(found.value), event: eventToJson(found.value.event) }) : found
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/dead-letters/replay',
      summary: 'Tries dead letters again, each once: one by its id, or all of an endpoint. What is not taken stays, with the new reason.',
      access: { grants: ['route.write'] },
      resource: all,
      body: which,
      answer: { status: 200, is: many, description: 'How many will be tried.' },
      async handle(call) {
        const { id, endpoint } = call.body
        const what = id !== undefined ? { id } : endpoint !== undefined ? { endpoint } : undefined
        if (what === undefined || (id !== undefined && endpoint !== undefined)) return noLetter
        const replayed = await egress.replay(call.grant('route.write'), what)
        return replayed.ok ? ok({ letters: replayed.value }) : replayed
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/dead-letters/drop',
      summary: 'Throws dead letters away: one by its id, or all of an endpoint.',
      access: { grants: ['route.write'] },
      resource: all,
      body: which,
      answer: { status: 200, is: many, description: 'How many are gone.' },
      async handle(call) {
        const { id, endpoint } = call.body
        const what = id !== undefined ? { id } : endpoint !== undefined ? { endpoint } : undefined
        if (what === undefined || (id !== undefined && endpoint !== undefined)) return noLetter
        const dropped = await egress.drop(call.grant('route.write'), what)
        return dropped.ok ? ok({ letters: dropped.value }) : dropped
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/routes/test',
      summary: 'Tries a message: with a condition, whether it matches; without, which routes match and where it would go. Nothing is sent.',
      access: { grants: ['route.read', 'twin.read'] },
      resource: all,
      body: routeTest,
      answer: { status: 200, is: routeTested, description: 'How it fares.' },
      async handle(call) {
        const message = testMessageOf(call.body)
        if (!message.ok) return message
        const { condition } = call.body
        const grant = call.grant('route.read')
        if (condition === undefined) {
          const { routes, endpoints } = await egress.testAll(grant, message.value)
          return ok({ matches: routes.length > 0, problem: null, routes: [...routes], endpoints: [...endpoints] })
        }
        const tested = await egress.testCondition(grant, condition, message.value)
        const none = { routes: [], endpoints: [] }
        return ok(tested.ok ? { matches: tested.value ?? null, problem: null, ...none } : { matches: null, problem: tested.error, ...none })
      },
    }),
  ]
}

function numberOf(id: string): number {
  const number = Number(id)
  return Number.isSafeInteger(number) && number > 0 ? number : 0
}
