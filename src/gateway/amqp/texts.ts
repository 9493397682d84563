import { type Result, ok, refuse } from '#base'
import type { Value } from '#wire/amqp'

/** The canonical text of sixteen bytes. */
export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The sixteen bytes of a UUID's text; undefined for every other text. */
export function uuidBytes(text: string): Buffer | undefined {
  return uuid.test(text) ? Buffer.from(text.replaceAll('-', ''), 'hex') : undefined
}

// ECMAScript's own bound on times; what lies outside has no text.
const maxTime = 8.64e15

/**
 * A simple value as text: the properties of IoT Hub are text. Null stays null; a time is ISO 8601, bytes are base64. Refuses
 * `gateway/amqp-property` for values with other values in them.
 */
export function textOfSimple(value: Value): Result<string | null> {
  switch (value.type) {
    case 'null':
      return ok(null)
    case 'string':
    case 'symbol':
      return ok(value.value)
    case 'uuid':
      return ok(uuidText(value.value))
    case 'binary':
      return ok(value.value.toString('base64'))
    case 'timestamp':
      return Math.abs(value.value) <= maxTime ? ok(new Date(value.value).toISOString()) : notSimple
    case 'boolean':
    case 'ubyte':
    case 'ushort':
    case 'uint':
    case 'ulong':
    case 'byte':
    case 'short':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return ok(String(value.value))
    case 'char':
    case 'decimal':
    case 'list':
    case 'array':
    case 'map':
    case 'described':
    default:
      return notSimple
  }
}

const notSimple = refuse('gateway/amqp-property', 'A property has a value that is no text, number, boolean or time.')

/** An id of a message as text, where there is one. */
export function idText(value: Value | undefined): string | undefined {
  const text = value === undefined ? undefined : textOfSimple(value)
  return text?.ok === true ? (text.value ?? undefined) : undefined
}

/** A time in milliseconds since the epoch as ISO 8601; undefined where it is none that has a text. */
export function timeText(ms: number | undefined): string | undefined {
  return ms === undefined || !(Math.abs(ms) <= maxTime) ? undefined : new Date(ms).toISOString()
}
