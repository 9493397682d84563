import { type Instant, isoTime } from '#base'
import type { Offset } from '#journal'

/** The sources of events, as routes name them (azure-wire 9.1). `MqttBrokerMessages` are those on topics that are not of IoT Hub. */
export const eventSources = [
  'DeviceMessages',
  'MqttBrokerMessages',
  'TwinChangeEvents',
  'DeviceLifecycleEvents',
  'DeviceConnectionStateEvents',
  'DeviceJobLifecycleEvents',
] as const

/** Where an event comes from. */
export type EventSource = (typeof eventSources)[number]

/**
 * One event on its way to endpoints: a device's message, or what the hub says of a device, in the form of azure-wire 8.5 and 9.5. `system` has IoT
 * Hub's names (`message-id`, `content-type`, `iothub-connection-device-id`, ...), `properties` the sender's own and enrichments.
 */
export type RoutedEvent = {
  readonly offset: Offset
  readonly time: Instant
  readonly source: EventSource
  /** The device it is about; events of one device keep their order. */
  readonly device: string
  readonly module: string | undefined
  readonly system: Readonly<Record<string, string | null>>
  readonly properties: Readonly<Record<string, string | null>>
  readonly body: Buffer
}

/** An event as endpoints that take JSON get it. The body is `body` when it is UTF-8 text, parsed when its content type is JSON; else `bodyBase64`. */
export type EventJson = {
  readonly offset: Offset
  readonly time: string
  readonly source: EventSource
  readonly device: string
} & Readonly<Record<string, unknown>>

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Gives an event the form that every endpoint of JSON shares. Nothing of it is lost: what cannot be text is base64. */
export function eventToJson(event: RoutedEvent): EventJson {
  const { offset, time, source, device, module, system, properties, body } = event
  const head = {
    offset,
    time: isoTime(time),
    source,
    device,
    ...(module === undefined ? {} : { module }),
    system,
    properties,
  }
  let text: string
  try {
    text = strict.decode(body)
  } catch {
    return { ...head, bodyBase64: body.toString('base64') }
  }
  if (!/^application\/(?:[\w.+-]+\+)?json(?:$|;)/i.test(system['content-type'] ?? '')) return { ...head, body: text }
  try {
    return { ...head, body: JSON.parse(text) }
  } catch {
    return { ...head, body: text }
  }
}
