import { FrameReader, type Properties, encode } from '#wire/mqtt'

/** MQTT 5 properties as they stand in a PUBLISH, without their length and without the alias, which means nothing outside its connection. */
export function propertyBytes(properties: Properties): Buffer {
  const { topicAlias: _, ...rest } = properties
  if (Object.keys(rest).length === 0) return Buffer.alloc(0)
  const packet = encode({ type: 'publish', topic: 't', payload: Buffer.alloc(0), qos: 0, retain: false, dup: false, properties: rest }, 5)
  let at = 1
  while ((packet[at] ?? 0) >= 0x80) at++ // remaining length
  at += 1 + 3 // topic: length and one letter
  while ((packet[at] ?? 0) >= 0x80) at++ // property length
  return packet.subarray(at + 1)
}

/** The inverse of {@link propertyBytes}; undefined for none, and for bytes that do not parse. */
export function propertiesOf(bytes: Buffer): Properties | undefined {
  if (bytes.length === 0) return undefined
  const topic = Buffer.from([0, 1, 0x74])
  const body = Buffer.concat([topic, variableLength(bytes.length), bytes])
  const reader = new FrameReader({ role: 'client', version: 5 })
  // A client expects CONNACK before anything else.
  reader.push(encode({ type: 'connack', sessionPresent: false, reasonCode: 0 }, 5))
  reader.next()
  reader.allow(body.length + 8)
  reader.push(Buffer.concat([Buffer.of(0x30), variableLength(body.length), body]))
  const packet = reader.next()
  return packet?.type === 'publish' ? packet.properties : undefined
}

function variableLength(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Buffer.from(bytes)
}
