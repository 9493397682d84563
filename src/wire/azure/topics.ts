/** A device-to-cloud topic of IoT Hub, taken apart. `bag` is the raw property bag, perhaps empty. */
export type TelemetryTopic = { readonly device: string; readonly module: string | undefined; readonly bag: string }

const shape = /^devices\/([^/]+)\/(?:modules\/([^/]+)\/)?messages\/events(?:\/(.*))?$/s

/** The topic below which a device, or a module of it, sends telemetry to IoT Hub; what follows is the property bag. */
export function telemetryTopicPrefix(device: string, module?: string): string {
  return `devices/${device}${module === undefined ? '' : `/modules/${module}`}/messages/events/`
}

/**
 * Recognizes `devices/{d}[/modules/{m}]/messages/events/[{bag}]`. The slash before the bag may be missing, one may follow it,
 * and the bag may begin with `?` (SDKs differ). Undefined for every other topic.
 */
export function parseTelemetryTopic(topic: string): TelemetryTopic | undefined {
  const match = shape.exec(topic)
  if (match === null) return undefined
  const [, device = '', module, rest = ''] = match
  let bag = rest
  if (bag.endsWith('/')) bag = bag.slice(0, -1)
  if (bag.startsWith('?')) bag = bag.slice(1)
  return { device, module, bag }
}
