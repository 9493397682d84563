import { type QueryValue, valueAt } from '#wire/query'
import type { TwinView } from './condition.ts'
import type { Enrichment } from './definition.ts'
import type { RoutedEvent } from './event.ts'
import { egressLimits } from './limits.ts'

/** Whether a value of an enrichment is looked up in the sender's twin. */
export function asksTwin({ value }: Enrichment): boolean {
  return value.startsWith('$twin.')
}

/**
 * Adds what `enrichments` say for `endpoint` (azure-wire 9.4). What does not resolve is stamped as its own text. Undefined: the event would be larger
 * than events may be, and is dropped.
 */
export function enrich(
  event: RoutedEvent,
  endpoint: string,
  enrichments: readonly Enrichment[],
  twin: TwinView | undefined,
  hubName: string,
): RoutedEvent | undefined {
  const added = enrichments.filter(({ endpoints }) => endpoints.includes(endpoint))
  if (added.length === 0) return event
  const properties: Record<string, string | null> = Object.assign(Object.create(null), event.properties)
  for (const { key, value } of added) properties[key] = resolve(value, twin, hubName)
  const enriched = { ...event, properties }
  return sizeOf(enriched) > egressLimits.eventBytes ? undefined : enriched
}

function resolve(value: string, twin: TwinView | undefined, hubName: string): string {
  if (value === '$iothubname') return hubName
  if (!value.startsWith('$twin.') || twin === undefined) return value
  const found: QueryValue = valueAt(twin, value.split('.').slice(1))
  if (found === undefined) return value
  return typeof found === 'string' ? found : JSON.stringify(found)
}

/** Bytes of an event as its limit counts them: body, system values, and names and values of properties. */
export function sizeOf({ body, system, properties }: RoutedEvent): number {
  let bytes = body.length
  for (const name in system) bytes += Buffer.byteLength(system[name] ?? '')
  for (const name in properties) bytes += Buffer.byteLength(name) + Buffer.byteLength(properties[name] ?? '')
  return bytes
}
