import type { Result } from '#base'
import { type RoutedEvent, eventToJson } from '../event.ts'
import { readSettings } from './settings.ts'
import { type TlsSettings, readTls } from './tls-settings.ts'

/** A broker that takes events as messages of QoS 1. */
export type MqttSettings = TlsSettings & {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly username: string | undefined
  readonly passwordSecret: string | undefined
  /** With `{device}`, `{module}`, `{source}` and `{endpoint}` in it. */
  readonly topic: string
  /** `event`: the whole event as JSON. `body`: the sender's bytes, with its properties as user properties. */
  readonly payload: 'event' | 'body'
}

/** Reads the settings of an endpoint of the kind `mqtt`. Refuses `egress/endpoint-malformed`. */
export function parseMqtt(given: unknown): Result<MqttSettings> {
  return readSettings('mqtt', given, (reader) => {
    const passwordSecret = reader.optionalSecret('passwordSecret')
    const username = reader.optionalText('username', { most: 1_024 })
    if (passwordSecret !== undefined && username === undefined) reader.wrong('passwordSecret needs a username')
    return {
      ...readTls(reader),
      host: reader.host('host'),
      port: reader.port('port', 8883),
      clientId: reader.optionalText('clientId', { most: 128, pattern: /^[A-Za-z0-9._:-]+$/ }) ?? 'thingwall',
      username,
      passwordSecret,
      topic:
        reader.optionalText('topic', { most: 512, pattern: /^(?!\$)[^#+]+$/, such: '# or +, or begins with $' }) ??
        'thingwall/{source}/{device}',
      payload: reader.choice('payload', ['event', 'body'] as const, 'event'),
    }
  })
}

/** The topic of one event. What a device or module is called cannot add levels or wildcards: those characters are percent-encoded. */
export function topicOf(template: string, endpoint: string, { device, module, source }: RoutedEvent): string {
  const values = new Map([
    ['device', device],
    ['module', module ?? ''],
    ['source', source],
    ['endpoint', endpoint],
  ])
  return template.replaceAll(/\{([a-z]+)\}/g, (whole, name: string) => {
    const value = values.get(name)
    return value === undefined ? whole : value.replaceAll(/[^A-Za-z0-9._~!$&'()*,;=:@-]/gu, (character) => encodeURIComponent(character))
  })
}

/** A message as the client's package takes it. */
export type MqttMessage = {
  readonly payload: Buffer
  readonly properties: { readonly contentType?: string; readonly userProperties: Record<string, string> }
}

const maxUserProperties = 64

/** The message that an event becomes. In both forms user properties say where it comes from. */
export function messageOf(settings: Pick<MqttSettings, 'payload'>, event: RoutedEvent): MqttMessage {
  const about: Record<string, string> = {
    'thingwall-offset': String(event.offset),
    'thingwall-source': event.source,
    'thingwall-device': event.device,
    ...(event.module === undefined ? {} : { 'thingwall-module': event.module }),
  }
  if (settings.payload === 'event')
    return {
      payload: Buffer.from(JSON.stringify(eventToJson(event))),
      properties: { contentType: 'application/json', userProperties: about },
    }
  const contentType = event.system['content-type'] ?? undefined
  const own = Object.entries(event.properties).slice(0, maxUserProperties)
  const userProperties = { ...Object.fromEntries(own.map(([name, value]) => [name, value ?? ''])), ...about }
  return { payload: event.body, properties: { ...(contentType === undefined ? {} : { contentType }), userProperties } }
}

/** Reason codes of PUBACK that speak of the message and not of the broker (MQTT 5 section 3.4.2.1): topic name, packet size, payload format. */
export const poisonReasonCodes: ReadonlySet<number> = new Set([0x90, 0x95, 0x99])
