import { type Properties, encodePropertyBytes } from '#wire/mqtt'

/** MQTT 5 properties as a record keeps them: without the topic alias, which means nothing outside its connection. */
export function propertyBytes(properties: Properties): Buffer {
  const { topicAlias: _, ...rest } = properties
  return encodePropertyBytes(rest)
}
