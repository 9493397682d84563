import { type Result, fail, ok, refuse } from '#base'
import { type AmqpMessage, decodeMessage, textOf } from '#wire/amqp'
import type { SystemProperty } from '#wire/azure'
import type { TelemetryMessage } from '../telemetry-intake.ts'
import { idText, textOfSimple, timeText } from './texts.ts'

/** A transfer of this format holds messages, each in a data section of its own (azure-wire 4.4). */
export const batchFormat = 0x80013700
const maxBatch = 500

/** Reads what a device sent: one message, or a batch of them. Refuses `gateway/amqp-malformed` and `gateway/amqp-property`. */
export function readTelemetry(format: number, payload: Buffer): Result<readonly TelemetryMessage[]> {
  const whole = decodeMessage(payload)
  if (!whole.ok) return malformed(whole.error.message)
  if (format !== batchFormat) {
    const one = telemetryOf(whole.value)
    return one.ok ? ok([one.value]) : one
  }
  const inner = whole.value.data
  if (inner.length === 0 || inner.length > maxBatch) return malformed(`A batch has from 1 to ${maxBatch} messages.`)
  const messages: TelemetryMessage[] = []
  for (const bytes of inner) {
    const decoded = decodeMessage(bytes)
    if (!decoded.ok) return malformed(decoded.error.message)
    const one = telemetryOf(decoded.value)
    if (!one.ok) return one
    messages.push(one.value)
  }
  return ok(messages)
}

function malformed(message: string): Result<never> {
  return refuse('gateway/amqp-malformed', message)
}

/** The body of a message: its data sections, or its value where that is bytes or text. */
export function bodyOf(message: AmqpMessage): Buffer {
  if (message.data.length === 1) return message.data[0] ?? Buffer.alloc(0)
  if (message.data.length > 1) return Buffer.concat(message.data)
  if (message.value?.type === 'binary') return message.value.value
  return Buffer.from(textOf(message.value) ?? '', 'utf8')
}

function telemetryOf(message: AmqpMessage): Result<TelemetryMessage> {
  const { properties: said, annotations, application } = message
  const system = new Map<SystemProperty, string | null>()
  const add = (name: SystemProperty, value: string | undefined) => {
    if (value !== undefined) system.set(name, value)
  }
  add('message-id', idText(said.messageId))
  add('correlation-id', idText(said.correlationId))
  add('user-id', said.userId?.toString('utf8'))
  add('to', said.to)
  add('content-type', said.contentType)
  add('content-encoding', said.contentEncoding)
  add('absolute-expiry-time', timeText(said.absoluteExpiryTime))
  add('creation-time-utc', timeText(said.creationTime))
  add('iothub-interface-id', textOf(annotations.get('iothub-interface-id')))
  add('dt-subject', textOf(annotations.get('dt-subject')))
  add('message-schema', textOf(annotations.get('dt-dataschema')))
  const properties = new Map<string, string | null>()
  for (const [name, value] of application) {
    const text = textOfSimple(value)
    if (!text.ok) return fail(text.error)
    if (name === 'iothub-outputname') add('output-name', text.value ?? undefined)
    else if (!name.startsWith('$.')) properties.set(name, text.value)
  }
  return ok({ system, properties, body: bodyOf(message) })
}
