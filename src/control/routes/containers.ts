import { Type } from 'typebox'
import { isoTime, ok } from '#base'
import { containerLimits } from '#hub'
import { closed, text } from '../hub-schema.ts'
import { type Route, bare, route } from '../route.ts'
import { time } from '../schema.ts'
import type { Parts } from './parts.ts'

const container = Type.Object(
  {
    name: text,
    uri: Type.String({
      description: 'For `exportDevicesToBlob` and `importDevicesFromBlob`. Whoever has it may read and write there: a secret.',
    }),
    expiresAt: time,
  },
  { ...closed, title: 'Container' },
)

/** Containers for imports and exports over the interface of IoT Hub. */
export function containerRoutes({ ports, config }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/containers',
      summary: 'Makes a container for imports and exports. Its address, shown once, is the right to it.',
      access: { grants: ['device.write'] },
      resource: () => 'containers',
      body: Type.Object(
        { hours: Type.Optional(Type.Integer({ minimum: 1, maximum: containerLimits.hours, default: 1 })) },
        { ...closed, title: 'ContainerInput' },
      ),
      answer: { status: 201, is: container, description: 'Made.' },
      async handle(call) {
        const made = await ports.hub.containers.make(call.grant('device.write'), call.body.hours ?? 1)
        if (!made.ok) return made
        const { name, sasToken, expiresAt } = made.value
        const port = ports.listeners().find((listener) => listener.name === 'https')?.port ?? 443
        const host = config.hostNames[0] ?? 'localhost'
        const uri = `https://${host.includes(':') ? `[${host}]` : host}${port === 443 ? '' : `:${port}`}/${name}${sasToken}`
        return ok({ name, uri, expiresAt: isoTime(expiresAt) })
      },
    }),
  ]
}
