import { isoTime } from '#base'
import type { Fact, Offset, TelemetryFact } from '#journal'
import { decodePropertyBag, parseTelemetryTopic } from '#wire/azure'

/** A fact as the API, `watch` and exports give it: `offset`, `time`, `kind`, and what its kind says. */
export type FactJson = { readonly offset: Offset; readonly time: string; readonly kind: string } & Readonly<Record<string, unknown>>

/**
 * Gives a fact its outward form. Telemetry gets its property bag taken apart: `properties` holds the sender's own, `system` IoT Hub's
 * names with what the hub stamped; a sender cannot set the stamped ones. The body is `body` when it is UTF-8, else `bodyBase64`.
 */
export function factToJson(offset: Offset, fact: Fact): FactJson {
  if (fact.kind === 'telemetry') return telemetryToJson(offset, fact)
  const { kind, time, ...rest } = fact
  return { offset, time: isoTime(time), kind, ...rest }
}

function telemetryToJson(offset: Offset, fact: TelemetryFact): FactJson {
  const properties: Record<string, string | null> = Object.create(null)
  const system: Record<string, string | null> = Object.create(null)
  const forged: string[] = []
  const azure = parseTelemetryTopic(fact.topic)
  if (azure !== undefined) {
    const bag = decodePropertyBag(azure.bag)
    if (bag.ok) {
      for (const [name, value] of bag.value.application) properties[name] = value
      for (const [name, value] of bag.value.system) system[name] = value
      forged.push(...bag.value.forged)
    } else forged.push('malformed property bag')
    if (fact.retain) properties['mqtt-retain'] = 'true'
    if (fact.dup) properties['mqtt-dup'] = 'true'
  }
  system['iothub-connection-device-id'] = fact.device
  system['iothub-connection-auth-method'] = fact.auth
  system['iothub-connection-auth-generation-id'] = fact.generation
  system['iothub-enqueuedtime'] = isoTime(fact.time)
  system['iothub-message-source'] = 'Telemetry'
  return {
    offset,
    time: isoTime(fact.time),
    kind: 'telemetry',
    device: fact.device,
    topic: fact.topic,
    qos: fact.qos,
    connection: fact.connection,
    transport: fact.transport,
    properties,
    system,
    ...(forged.length > 0 ? { forged } : {}),
    ...bodyOf(fact.body),
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function bodyOf(body: Buffer): { readonly body: string } | { readonly bodyBase64: string } {
  try {
    return { body: strict.decode(body) }
  } catch {
    return { bodyBase64: body.toString('base64') }
  }
}
