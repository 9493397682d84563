export type { Delivered, EndpointKind, EndpointPorts, EndpointSink } from './endpoint.ts'
export { type EventJson, type EventSource, type RoutedEvent, eventToJson } from './event.ts'
