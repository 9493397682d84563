import type { Client, DeviceMethodRequest, DeviceMethodResponse, Message } from 'azure-iot-device'

/** What a device of the demo is told to do, which the loop that publishes looks at. */
export type Behaviour = { everyMs: number }

/** Bounds of the time between two messages, in milliseconds. */
export const everyBounds = { least: 50, most: 3_600_000 } as const

/**
 * Lets a connected device of the stock SDK be managed: it takes `everyMs` of its desired properties and reports it, answers the methods `reboot` and
 * `echo`, and takes messages. What it cannot do, it says in its reported properties.
 */
export async function behave(client: Client, behaviour: Behaviour): Promise<void> {
  client.onDeviceMethod('reboot', (_request: DeviceMethodRequest, response: DeviceMethodResponse) => {
    response.send(200, { rebooted: true }, ignore)
  })
  client.onDeviceMethod('echo', (request: DeviceMethodRequest, response: DeviceMethodResponse) => {
    response.send(200, request.payload, ignore)
  })
  client.on('message', (message: Message) => client.complete(message, ignore))
  const twin = await client.getTwin()
  const report = (properties: object) => void Object(twin.properties['reported']).update(properties, ignore)
  const take = (desired: unknown) => {
    const wanted: unknown = Object(desired).everyMs
    if (wanted === undefined) return
    const isFine = typeof wanted === 'number' && wanted >= everyBounds.least && wanted <= everyBounds.most
    if (isFine) behaviour.everyMs = wanted
    report({ everyMs: behaviour.everyMs, problem: isFine ? null : `everyMs must be ${everyBounds.least} to ${everyBounds.most}` })
  }
  // The SDK tells of the properties that are there once a listener comes, and of each change afterwards.
  twin.on('properties.desired', take)
  report({ firmware: '1.4.2', everyMs: behaviour.everyMs })
}

function ignore(): void {}
