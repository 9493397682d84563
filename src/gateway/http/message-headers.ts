import type { IncomingHttpHeaders } from 'node:http'
import { isoTime } from '#base'
import type { LockedMessage } from '#hub'
import type { SystemProperty } from '#wire/azure'
import type { TelemetryMessage } from '../telemetry-intake.ts'

/*
 * Properties of messages as HTTP headers (azure-wire 3.1, 3.2). Names of headers lose their case. A header holds Latin-1: UTF-8 in it is
 * recognized on the way in, and what is not plain ASCII is percent-encoded on the way out.
 */

const applicationPrefix = 'iothub-app-'

const systemHeaders: ReadonlyMap<string, SystemProperty> = new Map([
  ['iothub-messageid', 'message-id'],
  ['iothub-correlationid', 'correlation-id'],
  ['iothub-userid', 'user-id'],
  ['iothub-expiry', 'absolute-expiry-time'],
  ['iothub-contenttype', 'content-type'],
  ['iothub-contentencoding', 'content-encoding'],
  ['iothub-creation-time-utc', 'creation-time-utc'],
  ['iothub-interface-id', 'iothub-interface-id'],
  ['dt-subject', 'dt-subject'],
  ['dt-dataschema', 'message-schema'],
])

type Properties = Pick<TelemetryMessage, 'system' | 'properties'>

/** Properties of telemetry out of pairs in the form of headers. What is no property is left out. */
export function telemetryProperties(pairs: Iterable<readonly [name: string, value: string]>): Properties {
  const system = new Map<SystemProperty, string>()
  const properties = new Map<string, string>()
  for (const [written, value] of pairs) {
    const name = written.toLowerCase()
    const known = systemHeaders.get(name)
    if (known !== undefined) system.set(known, value)
    else if (name.startsWith(applicationPrefix) && name.length > applicationPrefix.length)
      properties.set(name.slice(applicationPrefix.length), value)
  }
  return { system, properties }
}

/** Properties of telemetry out of the headers of a request. */
export function telemetryHeaders(headers: IncomingHttpHeaders): Properties {
  const pairs: (readonly [string, string])[] = []
  for (const [name, value] of Object.entries(headers)) if (typeof value === 'string') pairs.push([name, decodedHeader(value)])
  return telemetryProperties(pairs)
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decodedHeader(value: string): string {
  try {
    return utf8.decode(Buffer.from(value, 'latin1'))
  } catch {
    return value
  }
}

/** The headers of a message to a device. Quotes around the etag are needed: Node takes the first and the last character off. */
export function messageHeaders(message: LockedMessage): Readonly<Record<string, string>> {
  const { messageId, correlationId, userId, to, contentType, contentEncoding, expiresAt, ack, enqueuedAt, deliveryCount } = message
  const headers: Record<string, string> = Object.create(null)
  const set = (name: string, value: string | undefined) => {
    if (value !== undefined) headers[name] = plain(value)
  }
  for (const [name, value] of Object.entries(message.properties)) set(applicationPrefix + token(name), value ?? '')
  headers['etag'] = `"${message.lockToken}"`
  set('iothub-messageid', messageId)
  set('iothub-correlationid', correlationId)
  set('iothub-userid', userId)
  set('iothub-to', to)
  set('iothub-contenttype', contentType)
  set('iothub-contentencoding', contentEncoding)
  set('iothub-expiry', expiresAt === undefined ? undefined : isoTime(expiresAt))
  set('iothub-ack', ack)
  set('iothub-enqueuedtime', isoTime(enqueuedAt))
  set('iothub-deliverycount', String(deliveryCount))
  set('iothub-sequencenumber', String(message.sequenceNumber))
  return headers
}

const encoded = (text: string): string => encodeURIComponent(text.toWellFormed())

/** A value that a header may hold: no line break gets through. */
function plain(value: string): string {
  return /^[ -~]*$/.test(value) ? value : encoded(value)
}

/** A name that a header may have. */
function token(name: string): string {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)
    ? name
    : encoded(name).replaceAll(/[()]/g, (bracket) => (bracket === '(' ? '%28' : '%29'))
}
