import { type Result, ok, refuse } from '#base'

const systemNames = new Map([
  ['$.mid', 'message-id'],
  ['$.cid', 'correlation-id'],
  ['$.uid', 'user-id'],
  ['$.to', 'to'],
  ['$.ct', 'content-type'],
  ['$.ce', 'content-encoding'],
  ['$.exp', 'absolute-expiry-time'],
  ['$.ctime', 'creation-time-utc'],
  ['$.on', 'output-name'],
  ['$.cdid', 'connection-device-id'],
  ['$.cmid', 'connection-module-id'],
  ['$.ifid', 'iothub-interface-id'],
  ['$.sub', 'dt-subject'],
  ['$.schema', 'message-schema'],
  ['$.diagid', 'diagnostic-id'],
  ['$.diagctx', 'diagnostic-context'],
] as const)

/** A system property of IoT Hub, by its long name. */
export type SystemProperty = typeof systemNames extends Map<string, infer Long> ? Long : never

/** The properties of one message. A name without `=` has the value null. */
export type PropertyBag = {
  readonly system: ReadonlyMap<SystemProperty, string | null>
  readonly application: ReadonlyMap<string, string | null>
  /** Names that only the hub may set and that the sender tried to; a finding, not an error. */
  readonly forged: readonly string[]
}

// What the hub stamps; a sender's own value would be a lie (message properties of IoT Hub).
const reserved = /^iothub-(connection-|enqueuedtime$|message-source$)/i

/**
 * Decodes `name[=value]&...`. Names and values are percent-encoded UTF-8, `+` is a plus. Unknown names that begin with `$.` are
 * dropped. Refuses broken percent-encoding; of a repeated name the last value stays.
 */
export function decodePropertyBag(bag: string): Result<PropertyBag> {
  const system = new Map<SystemProperty, string | null>()
  const application = new Map<string, string | null>()
  const forged: string[] = []
  for (const pair of bag === '' ? [] : bag.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    let name: string
    let value: string | null
    try {
      name = decodeURIComponent(equals < 0 ? pair : pair.slice(0, equals))
      value = equals < 0 ? null : decodeURIComponent(pair.slice(equals + 1))
    } catch {
      return refuse('azure/property-bag-malformed', 'The property bag in the topic is not valid percent-encoded UTF-8.')
    }
    const long = systemName(name)
    if (long !== undefined) system.set(long, value)
    else if (reserved.test(name)) forged.push(name)
    else if (!name.startsWith('$.')) application.set(name, value)
  }
  return ok({ system, application, forged })
}

function systemName(name: string): SystemProperty | undefined {
  for (const [short, long] of systemNames) if (short === name) return long
  return undefined
}

/** Percent-encoding; half a surrogate pair, which has none, becomes the replacement character. */
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed())

/** The inverse of {@link decodePropertyBag}; `/` is always escaped, because receivers split topics at it. */
export function encodePropertyBag(
  system: ReadonlyMap<SystemProperty, string | null>,
  application: ReadonlyMap<string, string | null>,
): string {
  const pairs: string[] = []
  const add = (name: string, value: string | null) => pairs.push(value === null ? encoded(name) : `${encoded(name)}=${encoded(value)}`)
  for (const [short, long] of systemNames) {
    const value = system.get(long)
    if (value !== undefined) add(short, value)
  }
  for (const [name, value] of application) add(name, value)
  return pairs.join('&')
}
