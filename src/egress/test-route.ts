import { type Instant, type Result, isoTime } from '#base'
import { type ConditionProblem, Judged, type TwinView, compile } from './condition.ts'
import type { RouteSet } from './definition.ts'
import type { EventSource, RoutedEvent } from './event.ts'
import { endpointsOf, matchingRoutes } from './judge.ts'

/** A message to try routes with. What is not said is as of a message that a device has just sent. */
export type TestMessage = {
  readonly source: EventSource
  readonly device: string
  readonly module?: string | undefined
  readonly system?: Readonly<Record<string, string>> | undefined
  readonly properties?: Readonly<Record<string, string>> | undefined
  readonly body?: string | undefined
  /** Undefined: the device's twin as it is now, if it is registered. */
  readonly twin?: TwinView | undefined
}

/** Whether one condition matches, or why it is none; `undefined` as a value stands for neither true nor false. */
export function testCondition(condition: string, message: TestMessage, now: Instant): Result<boolean | undefined, ConditionProblem> {
  const compiled = compile(condition)
  return compiled.ok ? { ok: true, value: compiled.value.matches(new Judged(asEvent(message, now), message.twin)) } : compiled
}

/** Which routes of a set match, and where the message would go. */
export function testAll(
  set: RouteSet,
  message: TestMessage,
  now: Instant,
): { readonly routes: readonly string[]; readonly endpoints: readonly string[] } {
  const event = asEvent(message, now)
  return { routes: matchingRoutes(event, set, message.twin), endpoints: endpointsOf(event, set, message.twin) }
}

function asEvent(message: TestMessage, now: Instant): Omit<RoutedEvent, 'offset'> {
  const { source, device, module, properties = {}, body = '' } = message
  const system = {
    'content-type': 'application/json',
    'content-encoding': 'utf-8',
    'iothub-connection-device-id': device,
    ...(module === undefined ? {} : { 'iothub-connection-module-id': module }),
    'iothub-enqueuedtime': isoTime(now),
    ...message.system,
  }
  return { time: now, source, device, module, system, properties, body: Buffer.from(body) }
}
