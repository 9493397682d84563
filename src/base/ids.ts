import { type Brand, type Result, ok, refuse } from './result.ts'

/** The name of a device: unique in a hub, case-sensitive. */
export type DeviceId = Brand<string, 'DeviceId'>

/** Longest device id, in characters (Azure IoT Hub). */
export const maxDeviceIdLength = 128

// IoT Hub also allows `# + $ / ?`-like characters; `#` and `+` cannot stand in a topic filter and `$` opens reserved topics.
const pattern = /^[A-Za-z0-9\-.%_*?!(),:=@'][A-Za-z0-9\-.%_*?!(),:=@$']*$/

/**
 * The only place where a string becomes a {@link DeviceId}: 1..128 ASCII letters, digits and `- . % _ * ? ! ( ) , : = @ $ '`,
 * not beginning with `$`. Refuses `#` and `+`, which IoT Hub allows but no MQTT filter can hold (docs/divergences.md).
 */
export function parseDeviceId(text: string): Result<DeviceId> {
  if (text.length > maxDeviceIdLength) return refuse('base/device-id-too-long', `A device id has at most ${maxDeviceIdLength} characters.`)
  if (text === '.' || text === '..' || !pattern.test(text))
    return refuse(
      'base/device-id-malformed',
      "A device id is made of ASCII letters, digits and - . % _ * ? ! ( ) , : = @ $ ' and does not begin with $.",
    )
  return ok(text as DeviceId)
}
