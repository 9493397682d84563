import { Type } from 'typebox'

/* What the settings say of where events go. */

/** As often as IoT Hub looks. */
export const connectionEventSeconds = 60

const closed = { additionalProperties: false } as const

/** What stands under `routes`. */
export const routesSchema = Type.Optional(
  Type.Object(
    {
      allowedHosts: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
          maxItems: 64,
          description:
            'Names and addresses that endpoints of routes may reach although they are private or of this machine. Others of that sort are refused, whatever a name resolves to.',
        }),
      ),
      connectionEventSeconds: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 3_600,
          default: connectionEventSeconds,
          unit: 'seconds',
          description:
            'Of the connections of one device routes hear one change in so many seconds, the first at once and then the last. 0: each.',
        }),
      ),
    },
    { ...closed, description: 'Where routes may deliver to (docs/routes.md).' },
  ),
)

/** What stands under `events`. */
export const eventsSchema = Type.Optional(
  Type.Object(
    {
      partitions: Type.Optional(
        Type.Integer({
          minimum: 2,
          maximum: 32,
          default: 4,
          unit: 'partitions',
          description: 'How many there are. A change moves devices to other partitions, and readers must begin anew.',
        }),
      ),
    },
    { ...closed, description: 'The built-in endpoint that back ends read telemetry from, as from an Event Hub (docs/amqp.md).' },
  ),
)
