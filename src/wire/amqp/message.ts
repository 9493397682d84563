import { type Result, fail, ok } from '#base'
import { Cursor } from './cursor.ts'
import { readValue } from './decode-value.ts'
import { Fields } from './fields.ts'
import { type Malformed, beyondLimit, malformed } from './malformed.ts'
import { described } from './outcome.ts'
import { type Value, entriesOf, map, nothing, number, string, symbol } from './value.ts'
import { Writer, writeValue } from './writer.ts'

/** The properties of a message (part 3, section 3.2.4). Ids keep their type, so that an answer can carry the same one. */
export type MessageProperties = {
  readonly messageId?: Value | undefined
  readonly userId?: Buffer | undefined
  readonly to?: string | undefined
  readonly subject?: string | undefined
  readonly replyTo?: string | undefined
  readonly correlationId?: Value | undefined
  readonly contentType?: string | undefined
  readonly contentEncoding?: string | undefined
  /** Milliseconds since the epoch. */
  readonly absoluteExpiryTime?: number | undefined
  readonly creationTime?: number | undefined
}

/** A message, bare and annotated. Data sections are what Azure's clients send as a body; a batch has one for each message. */
export type AmqpMessage = {
  readonly deliveryAnnotations: ReadonlyMap<string, Value>
  readonly annotations: ReadonlyMap<string, Value>
  readonly properties: MessageProperties
  readonly application: ReadonlyMap<string, Value>
  readonly data: readonly Buffer[]
  /** The body where it is a value and no data. */
  readonly value: Value | undefined
}

/** A message with nothing in it. */
export const emptyMessage: AmqpMessage = {
  deliveryAnnotations: new Map(),
  annotations: new Map(),
  properties: {},
  application: new Map(),
  data: [],
  value: undefined,
}

const maxSections = 4_096

const sections: ReadonlyMap<bigint | string, number> = new Map<bigint | string, number>([
  ...Array.from({ length: 9 }, (_, at): [bigint, number] => [BigInt(0x70 + at), 0x70 + at]),
  ['amqp:header:list', 0x70],
  ['amqp:delivery-annotations:map', 0x71],
  ['amqp:message-annotations:map', 0x72],
  ['amqp:properties:list', 0x73],
  ['amqp:application-properties:map', 0x74],
  ['amqp:data:binary', 0x75],
  ['amqp:amqp-sequence:list', 0x76],
  ['amqp:amqp-value:*', 0x77],
  ['amqp:footer:map', 0x78],
])

/** Decodes a message. Header, sequences and footer are passed over: nothing here uses them. */
export function decodeMessage(bytes: Buffer): Result<AmqpMessage, Malformed> {
  const cursor = new Cursor(bytes)
  let { deliveryAnnotations, annotations, properties, application, value } = emptyMessage
  const data: Buffer[] = []
  for (let count = 0; cursor.left > 0; count++) {
    if (count >= maxSections) return fail(beyondLimit('3.2', 'A message has too many sections.'))
    const section = readValue(cursor)
    if (cursor.failure !== undefined) break
    const kind = section.type === 'described' ? kindOf(section.descriptor) : undefined
    if (section.type !== 'described' || kind === undefined) return fail(malformed('3.2', 'A message holds something that is no section.'))
    const content = section.value
    if (kind === 0x71) deliveryAnnotations = entriesOf(content)
    else if (kind === 0x72) annotations = entriesOf(content)
    else if (kind === 0x74) application = entriesOf(content)
    else if (kind === 0x77) value = content
    else if (kind === 0x75) {
      if (content.type !== 'binary') return fail(malformed('3.2.6', 'A data section holds no bytes.'))
      data.push(content.value)
    } else if (kind === 0x73) {
      const fields = new Fields(content.type === 'list' ? content.value : [], 'properties')
      properties = propertiesOf(fields)
      if (fields.failure !== undefined) return fail(fields.failure)
    }
  }
  if (cursor.failure !== undefined) return fail(cursor.failure)
  return ok({ deliveryAnnotations, annotations, properties, application, data, value })
}

function kindOf(descriptor: Value): number | undefined {
  return descriptor.type === 'ulong' || descriptor.type === 'symbol' ? sections.get(descriptor.value) : undefined
}

function propertiesOf(fields: Fields): MessageProperties {
  const time = (index: number) => {
    const field = fields.at(index)
    return field?.type === 'timestamp' ? field.value : undefined
  }
  // Some clients send a user id as text, or an address as a symbol; IoT Hub takes both.
  const user = fields.at(1)
  return {
    messageId: fields.at(0),
    userId: user?.type === 'string' ? Buffer.from(user.value) : fields.binary(1),
    to: fields.text(2),
    subject: fields.text(3),
    replyTo: fields.text(4),
    correlationId: fields.at(5),
    contentType: fields.text(6),
    contentEncoding: fields.text(7),
    absoluteExpiryTime: time(8),
    creationTime: time(9),
  }
}

/** Encodes a message, without the sections that are empty. */
export function encodeMessage(message: Partial<AmqpMessage>): Buffer {
  const { deliveryAnnotations, annotations, properties, application, data = [], value } = message
  const writer = new Writer()
  const section = (code: number, content: Value) =>
    writeValue(writer, { type: 'described', descriptor: { type: 'ulong', value: BigInt(code) }, value: content })
  if (deliveryAnnotations !== undefined && deliveryAnnotations.size > 0) section(0x71, map('symbol', deliveryAnnotations))
  if (annotations !== undefined && annotations.size > 0) section(0x72, map('symbol', annotations))
  if (properties !== undefined) writeValue(writer, propertiesValue(properties))
  if (application !== undefined && application.size > 0) section(0x74, map('string', application))
  for (const bytes of data) section(0x75, { type: 'binary', value: bytes })
  if (value !== undefined) section(0x77, value)
  return writer.toBuffer()
}

function propertiesValue(properties: MessageProperties): Value {
  const text = (value: string | undefined, as: (text: string) => Value): Value => (value === undefined ? nothing : as(value))
  const time = (value: number | undefined): Value => (value === undefined ? nothing : number('timestamp', value))
  return described(0x73n, [
    properties.messageId ?? nothing,
    properties.userId === undefined ? nothing : { type: 'binary', value: properties.userId },
    text(properties.to, string),
    text(properties.subject, string),
    text(properties.replyTo, string),
    properties.correlationId ?? nothing,
    text(properties.contentType, symbol),
    text(properties.contentEncoding, symbol),
    time(properties.absoluteExpiryTime),
    time(properties.creationTime),
  ])
}
