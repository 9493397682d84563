import type { Principal } from '#access'
import { type Result, identityParts, ok, ownText, refuse } from '#base'
import { type SystemProperty, encodePropertyBag, telemetryTopicPrefix } from '#wire/azure'
import type { Desk } from './desk.ts'
import { type Publisher, takePublication } from './publication.ts'
import { stampOf, tellDenied } from './records.ts'

/*
 * Telemetry that comes by HTTPS or AMQP. It becomes the record that it would be by MQTT, under the same topic and by the same policy, so that no
 * reader of the journal has to know how a message came.
 */

/** Largest message or batch, in bytes: body, and names and values of properties (azure-wire 10). */
export const maxTelemetryBytes = 256 * 1024

/** Most bytes of a topic with its bag; MQTT has no longer ones. */
const maxTopicBytes = 65_535

/** One message of a device, taken apart. */
export type TelemetryMessage = {
  readonly system: ReadonlyMap<SystemProperty, string | null>
  readonly properties: ReadonlyMap<string, string | null>
  readonly body: Buffer
}

/** Takes one message: {@link takeTelemetryBatch} of one. */
export function takeTelemetry(
  desk: Desk,
  principal: Principal,
  connectionId: string,
  transport: 'https' | 'amqps' | 'amqp-ws',
  message: TelemetryMessage,
): Promise<Result<void>> {
  return takeTelemetryBatch(desk, principal, connectionId, transport, [message])
}

/**
 * Takes messages of one device or module, all or none, in their order. Resolves when they are durable. Refuses `gateway/message-too-large`,
 * `gateway/telemetry-denied` by the policy of now (which is recorded), and `gateway/busy` while the journal takes no more.
 */
export async function takeTelemetryBatch(
  desk: Desk,
  principal: Principal,
  connectionId: string,
  transport: 'https' | 'amqps' | 'amqp-ws',
  messages: readonly TelemetryMessage[],
): Promise<Result<void>> {
  const { device, module } = identityParts(principal.device)
  const prefix = telemetryTopicPrefix(device, module)
  const topics = messages.map(({ system, properties }) => ownText(prefix + encodePropertyBag(system, properties)))
  const bytes = messages.reduce((sum, { body }, at) => sum + body.length + (topics[at]?.length ?? 0) - prefix.length, 0)
  if (bytes > maxTelemetryBytes || topics.some((topic) => topic.length > maxTopicBytes))
    return refuse('gateway/message-too-large', `A message, or a batch of them, may have at most ${maxTelemetryBytes} bytes.`)
  const policy = desk.ports.policyOf(principal.subject)
  const verdicts = topics.map((topic) => {
    const text = topic.toString()
    return { topic: text, bytes: topic, rule: policy.publish(text), telemetry: true }
  })
  const denied = verdicts.find(({ rule }) => rule === undefined)
  if (denied !== undefined) {
    tellDenied(desk, { subject: principal.subject, connection: connectionId }, 'publish', denied.topic)
    return refuse('gateway/telemetry-denied', 'The policy does not allow this identity to send telemetry.')
  }
  if (desk.ports.journal.paused) return busy()
  const stamp = stampOf(principal, connectionId, transport)
  const publisher: Publisher = {
    subject: principal.subject,
    connection: connectionId,
    stamp,
    mqttVersion: 4,
    messageExpirySeconds: undefined,
  }
  for (const [at, { body }] of messages.entries()) {
    const verdict = verdicts[at]
    if (verdict === undefined) continue
    const publication = { payload: body, qos: 1, retain: false, dup: false, properties: undefined } as const
    const message = takePublication(desk, publisher, verdict, publication, 0, false)
    // Below `paused` there is room for a whole batch.
    if (message === false) return busy()
    desk.counters.messagesIn++
    if (message !== undefined) desk.acknowledgements.wait(undefined, 0, 0, desk.ports.journal.end, message)
  }
  const { promise, resolve } = Promise.withResolvers<void>()
  desk.acknowledgements.whenDurable(desk.ports.journal.end, resolve)
  await promise
  return ok(undefined)
}

function busy(): Result<never> {
  return refuse('gateway/busy', 'The hub cannot take this now. Try again in a moment.')
}
