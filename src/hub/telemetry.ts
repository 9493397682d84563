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

/** Telemetry in the words of IoT Hub: what the sender said and what the hub stamped, by long names. `forged`: what it said and may not. */
export type TelemetryForm = {
  readonly properties: Readonly<Record<string, string | null>>
  readonly system: Readonly<Record<string, string | null>>
  readonly forged: readonly string[]
}

/** Takes the topic of a telemetry fact apart; what the sender claims of itself never stands in the place of what the hub knows. */
export function telemetryForm(fact: TelemetryFact): TelemetryForm {
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
  // An identity of another kind may have a slash in its name; a module publishes under its own.
  const isModule = azure?.module !== undefined && fact.device === `${azure.device}/${azure.module}`
  system['iothub-connection-device-id'] = isModule ? azure.device : fact.device
  if (isModule) system['iothub-connection-module-id'] = azure.module
  system['iothub-connection-auth-method'] = fact.auth
  system['iothub-connection-auth-generation-id'] = fact.generation
  system['iothub-enqueuedtime'] = isoTime(fact.time)
  system['iothub-message-source'] = 'Telemetry'
  return { properties, system, forged }
}

function telemetryToJson(offset: Offset, fact: TelemetryFact): FactJson {
  const { properties, system, forged } = telemetryForm(fact)
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
