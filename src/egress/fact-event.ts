import { isoTime } from '#base'
import type { Fact, FactOf, Offset, TelemetryFact } from '#journal'
import { parseTelemetryTopic } from '#wire/azure'
import type { EventSource, RoutedEvent } from './event.ts'
import type { FactForms } from './ports.ts'

/** The event that a fact is (azure-wire 8.5, 9.5, 9.6); undefined: routes have nothing to do with it. */
export function eventOf(offset: Offset, fact: Fact, forms: FactForms): RoutedEvent | undefined {
  const { kind } = fact
  if (kind === 'telemetry') return message(offset, fact, forms)
  if (kind === 'twin-reported' || kind === 'twin-changed') {
    const change = forms.twinEvent(fact)
    return change && notification(offset, fact, 'TwinChangeEvents', 'twinChange', change.opType, change.body, fact.generation, forms)
  }
  if (kind === 'device-created') return lifecycle(offset, fact, 'createDeviceIdentity', forms)
  if (kind === 'device-deleted') return lifecycle(offset, fact, 'deleteDeviceIdentity', forms)
  if (kind === 'module-created') return lifecycle(offset, fact, 'createModuleIdentity', forms)
  if (kind === 'module-deleted') return lifecycle(offset, fact, 'deleteModuleIdentity', forms)
  if (kind === 'connected' || kind === 'disconnected')
    return fact.quiet === true ? undefined : connection(offset, fact, connectionOps[kind], forms)
  if (kind === 'connection-settled') return connection(offset, fact, connectionOps[fact.state], forms)
  return kind === 'job-device-ended' ? jobEnded(offset, fact, forms) : undefined
}

function message(offset: Offset, fact: TelemetryFact, forms: FactForms): RoutedEvent {
  const { properties, system } = forms.telemetryForm(fact)
  const device = system['iothub-connection-device-id'] ?? fact.device
  const module = system['iothub-connection-module-id'] ?? undefined
  const { time, body, topic } = fact
  return parseTelemetryTopic(topic) === undefined
    ? { offset, time, source: 'MqttBrokerMessages', device, module, system: { ...system, 'mqtt-topic': topic }, properties, body }
    : { offset, time, source: 'DeviceMessages', device, module, system, properties, body }
}

function jobEnded(offset: Offset, fact: FactOf<'job-device-ended'>, forms: FactForms): RoutedEvent {
  const { kind: _kind, time, ...row } = fact
  const body = { ...row, deviceId: partsOf(fact.device).device, endTime: time }
  const opType = fact.status === 'completed' ? 'jobCompleted' : 'jobFailed'
  return notification(offset, fact, 'DeviceJobLifecycleEvents', 'deviceJobLifecycle', opType, body, undefined, forms)
}

/** `iothub-message-source` by source (azure-wire 8.5). */
const messageSources: Readonly<Record<EventSource, string>> = {
  DeviceMessages: 'Telemetry',
  MqttBrokerMessages: 'Telemetry',
  TwinChangeEvents: 'twinChangeEvents',
  DeviceLifecycleEvents: 'deviceLifecycleEvents',
  DeviceConnectionStateEvents: 'deviceConnectionStateEvents',
  DeviceJobLifecycleEvents: 'deviceJobLifecycleEvents',
}

type About = { readonly device: string; readonly time: Fact['time'] }

function lifecycle(
  offset: Offset,
  fact: About & { readonly etag?: string; readonly generation?: string },
  opType: string,
  forms: FactForms,
): RoutedEvent {
  const { device, module } = partsOf(fact.device)
  const section = { $metadata: { $lastUpdated: isoTime(fact.time) }, $version: 1 }
  const body = {
    deviceId: device,
    ...(module === undefined ? {} : { moduleId: module }),
    ...(fact.etag === undefined ? {} : { etag: fact.etag }),
    version: 2,
    properties: { desired: section, reported: section },
  }
  return notification(offset, fact, 'DeviceLifecycleEvents', 'deviceLifecycle', opType, body, fact.generation, forms)
}

const connectionOps = { connected: 'deviceConnected', disconnected: 'deviceDisconnected' } as const

/** The number only ever grows, for one device as for all: it is the offset, in the width that IoT Hub's has. */
function connection(offset: Offset, fact: About, opType: string, forms: FactForms): RoutedEvent {
  const body = { sequenceNumber: offset.toString(16).toUpperCase().padStart(64, '0') }
  return notification(offset, fact, 'DeviceConnectionStateEvents', 'deviceConnectionState', opType, body, undefined, forms)
}

function notification(
  offset: Offset,
  fact: About,
  source: EventSource,
  schema: string,
  opType: string,
  body: unknown,
  generation: string | undefined,
  forms: FactForms,
): RoutedEvent {
  const { device, module } = partsOf(fact.device)
  const time = isoTime(fact.time)
  const moduleId = module === undefined ? {} : { moduleId: module }
  const system = {
    'content-type': 'application/json',
    'content-encoding': 'utf-8',
    'user-id': forms.hubName,
    'correlation-id': offset.toString(16),
    'iothub-connection-device-id': device,
    ...(module === undefined ? {} : { 'iothub-connection-module-id': module }),
    ...(generation === undefined ? {} : { 'iothub-connection-auth-generation-id': generation }),
    'iothub-enqueuedtime': time,
    'iothub-message-source': messageSources[source],
  }
  const properties = {
    deviceId: device,
    ...moduleId,
    hubName: forms.hubName,
    opType,
    operationTimestamp: time,
    'iothub-message-schema': `${schema}Notification`,
  }
  return { offset, time: fact.time, source, device, module, system, properties, body: Buffer.from(JSON.stringify(body)) }
}

function partsOf(identity: string): { readonly device: string; readonly module: string | undefined } {
  const slash = identity.indexOf('/')
  return slash < 0 ? { device: identity, module: undefined } : { device: identity.slice(0, slash), module: identity.slice(slash + 1) }
}
