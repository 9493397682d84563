import { type Static, Type } from 'typebox'
import { type Result, instant, isoTime, ok } from '#base'
import type { SyncState } from '#vault'
import { type Route, bare, route } from '../route.ts'
import { time } from '../schema.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const edge = Type.String({ minLength: 1, maxLength: 128 })
const seconds = Type.Integer({ minimum: 60, maximum: 604_800 })
const names = Type.Array(Type.String({ minLength: 1, maxLength: 127 }), { minItems: 1, maxItems: 64 })
const count = Type.Integer({ minimum: 0 })

const syncState = Type.Object(
  {
    edge,
    secrets: Type.Array(Type.String()),
    everySeconds: seconds,
    partial: Type.Boolean(),
    version: count,
    heldVersion: Type.Union([count, Type.Null()]),
    heldAt: Type.Union([time, Type.Null()]),
    isStale: Type.Boolean(),
  },
  { ...closed, title: 'SyncedEdge' },
)

/** Which edges hold which secrets, and what they say that they hold. */
export function syncRoutes({ ports }: Parts): readonly Route[] {
  const { sync } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/sync',
      summary: 'Every edge that is to hold secrets, and the number of the document that it holds.',
      access: { grants: ['secret.administer'] },
      resource: () => 'sync',
      answer: {
        status: 200,
        is: Type.Object({ edges: Type.Array(syncState) }, { ...closed, title: 'SyncedEdges' }),
        description: 'By name.',
      },
      handle: async (call) => ok({ edges: (await sync.list(call.grant('secret.administer'))).map(view) }),
    }),
    route({
      ...bare,
      method: 'PUT',
      path: '/api/v1/sync/{edge}',
      summary: 'Says which secrets an edge is to hold. A rule must give each to edge:NAME besides.',
      access: { grants: ['secret.administer'] },
      resource: ({ edge: name }) => `edge:${name}`,
      params: Type.Object({ edge }, closed),
      body: Type.Object(
        {
          publicKeyPem: Type.String({ minLength: 1, maxLength: 16_384 }),
          secrets: names,
          everySeconds: Type.Optional(seconds),
          partial: Type.Optional(Type.Boolean()),
        },
        { ...closed, title: 'SyncInput' },
      ),
      answer: { status: 200, is: syncState, description: 'As it is now.' },
      handle: async (call) => shown(await sync.add(call.grant('secret.administer'), { edge: call.params.edge, ...call.body })),
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/sync/{edge}',
      summary: 'An edge gets no more secrets. What it holds, it holds.',
      access: { grants: ['secret.administer'] },
      resource: ({ edge: name }) => `edge:${name}`,
      params: Type.Object({ edge }, closed),
      answer: { status: 204, is: Type.Null(), description: 'Ended.' },
      async handle(call) {
        const removed = await sync.remove(call.grant('secret.administer'), call.params.edge)
        return removed.ok ? ok(null) : removed
      },
    }),
  ]
}

function shown(state: Result<SyncState>): Result<Static<typeof syncState>> {
  return state.ok ? ok(view(state.value)) : state
}

function view(state: SyncState): Static<typeof syncState> {
  return { ...state, secrets: [...state.secrets], heldAt: state.heldAt === null ? null : isoTime(instant(state.heldAt)) }
}
