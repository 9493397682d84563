const mark = 'iothub-MessageType=Will'

/** A telemetry topic with the application property by which IoT Hub tells a will from other messages (azure-wire 2.5). */
export function markedAsWill(topic: string): string {
  if (topic.endsWith('/messages/events')) return `${topic}/${mark}`
  return topic.endsWith('/') ? `${topic}${mark}` : `${topic}&${mark}`
}
