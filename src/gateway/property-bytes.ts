import { type Properties, encode } from '#wire/mqtt'

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
