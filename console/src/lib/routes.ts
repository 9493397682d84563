import type { EventEndpoint, EventSource, RouteSet } from '../api/types.ts'

/** Where events come from, in the order of their weight, with a word for each. */
export const eventSources: readonly (readonly [EventSource, string])[] = [
  ['DeviceMessages', 'Messages of devices'],
  ['MqttBrokerMessages', 'Other MQTT messages'],
  ['TwinChangeEvents', 'Changes of twins'],
  ['DeviceLifecycleEvents', 'Devices made and deleted'],
  ['DeviceConnectionStateEvents', 'Connections'],
  ['DeviceJobLifecycleEvents', 'Jobs'],
]

/** The endpoint that every hub has. */
export const builtInEndpoint = 'events'

/** The word for a source. */
export const sourceText = (source: EventSource): string => eventSources.find(([value]) => value === source)?.[1] ?? source

/** How the health of an endpoint is coloured. */
export function healthTone(health: EventEndpoint['health']): 'ok' | 'bad' | 'warn' | 'quiet' {
  if (health === 'healthy') return 'ok'
  if (health === 'unknown') return 'quiet'
  return health === 'degraded' ? 'warn' : 'bad'
}

/** A line of the drawing: from a source over a route (undefined: the fallback) to an endpoint. */
export type Way = { readonly source: EventSource; readonly route: string | undefined; readonly endpoint: string; readonly isOn: boolean }

/** Every way that an event can go. */
export function waysOf({ routes, fallback }: Pick<RouteSet, 'routes' | 'fallback'>): readonly Way[] {
  const ways = routes.map(({ name, source, endpoint, isEnabled }) => ({ source, route: name, endpoint, isOn: isEnabled }))
  return fallback ? [...ways, { source: 'DeviceMessages', route: undefined, endpoint: builtInEndpoint, isOn: true }] : ways
}
