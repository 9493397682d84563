import { ownBytes } from '#base'
import { type StoredWill, ownProperties } from '#broker'
import type { Will } from '#wire/mqtt'

const mark = 'iothub-MessageType=Will'

/** A telemetry topic with the application property by which IoT Hub tells a will from other messages (azure-wire 2.5). */
export function markedAsWill(topic: string): string {
  if (topic.endsWith('/messages/events')) return `${topic}/${mark}`
  return topic.endsWith('/') ? `${topic}${mark}` : `${topic}&${mark}`
}

/** A will of CONNECT as a session keeps it: with the stamp of its connection, and with a payload of its own. */
export function storedWill(will: Will, stamp: Buffer): StoredWill {
  const { topic, payload, qos, retain } = will
  const { willDelayInterval, ...properties } = will.properties ?? {}
  return {
    topic,
    payload: ownBytes(payload),
    qos,
    retain,
    properties: Object.keys(properties).length === 0 ? undefined : ownProperties(properties),
    delaySeconds: willDelayInterval ?? 0,
    stamp,
  }
}
