import { setTimeout as wait } from 'node:timers/promises'
import type { Client, Message } from 'azure-iot-device'
import { type Result, ok } from '#base'
import type { ApiEndpoint } from '../api.ts'
import { type Problem, exit, stop } from '../exit.ts'
import { codeOf } from '../hub-files.io.ts'
import { type Behaviour, behave } from './behaviour.io.ts'
import { reading } from './telemetry.ts'

/** How long a device may take to say goodbye. */
const closeMs = 2_000

/** A device of the demo with what it needs to connect. The key lives in memory only. */
export type DemoDevice = {
  readonly name: string
  readonly cert: string
  readonly key: string
  readonly rootPem: string
  readonly endpoint: ApiEndpoint
}

/** How often each device speaks, for how long, and who hears of it. */
export type FleetConfig = {
  readonly everyMs: number
  readonly forMs: number | undefined
  readonly sent: (acknowledged: number, connected: number) => void
  readonly trouble: (device: string, why: string) => void
}

/** The device SDK, which the fleet is really made of. */
export type Sdk = {
  readonly Client: typeof Client
  readonly Message: typeof Message
  readonly Mqtt: Parameters<typeof Client.fromConnectionString>[1]
}

/** Loads the stock device SDK; refuses when it is not installed. */
export async function loadSdk(): Promise<Result<Sdk, Problem>> {
  // The SDK uses old interfaces of Node; its warnings are not for the person at this terminal.
  process.noDeprecation = true
  try {
    const [device, mqtt] = await Promise.all([import('azure-iot-device'), import('azure-iot-device-mqtt')])
    // Node finds only some names of these older modules; all of them are on the default export.
    return ok({ Client: device.default.Client, Message: device.default.Message, Mqtt: mqtt.default.Mqtt })
  } catch (error) {
    if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND') throw error
    return stop(
      exit.failed,
      'The demo has no device SDK.',
      'its devices are programs of the stock SDK, which is not a part of this package.',
      'npm install azure-iot-device azure-iot-device-mqtt, and run the command again.',
    )
  }
}

/** Runs every device until `signal`, or the end of the time given. Resolves with what was acknowledged, once all are closed. */
export async function runFleet(sdk: Sdk, devices: readonly DemoDevice[], config: FleetConfig, signal: AbortSignal): Promise<number> {
  const ended = config.forMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(config.forMs)])
  let acknowledged = 0
  let connected = 0
  await Promise.all(
    devices.map(async (device, index) => {
      try {
        await runDevice(sdk, device, index, config.everyMs, ended, {
          opened: () => config.sent(acknowledged, ++connected),
          sent: () => config.sent(++acknowledged, connected),
          closed: () => config.sent(acknowledged, --connected),
        })
      } catch (error) {
        config.trouble(device.name, error instanceof Error ? error.message : String(error))
      }
    }),
  )
  // A client that was refused keeps timers of its own for minutes, and with them the process.
  setTimeout(() => process.exit(), closeMs).unref()
  return acknowledged
}

type Heard = { readonly opened: () => void; readonly sent: () => void; readonly closed: () => void }

async function runDevice(sdk: Sdk, device: DemoDevice, index: number, everyMs: number, ended: AbortSignal, heard: Heard): Promise<void> {
  const { host, mqttPort } = device.endpoint
  const name = mqttPort === 8883 ? host : `${host}:${mqttPort}`
  const client = sdk.Client.fromConnectionString(`HostName=${name};DeviceId=${device.name};x509=true`, sdk.Mqtt)
  // Without a listener an error event of the SDK would end the process; the same error comes back from the call that met it.
  client.on('error', () => undefined)
  await client.setOptions({ cert: device.cert, key: device.key, ca: device.rootPem })
  await client.open()
  heard.opened()
  try {
    const behaviour: Behaviour = { everyMs }
    await within(behave(client, behaviour), ended)
    const start = performance.now()
    // Spread over the period, as real devices are.
    await pause(((everyMs * index) / 7) % everyMs, ended)
    while (!ended.aborted) {
      const { body, properties } = reading(index, (performance.now() - start) / 1000)
      const message = new sdk.Message(body)
      message.contentType = 'application/json'
      message.contentEncoding = 'utf-8'
      for (const [key, value] of Object.entries(properties)) message.properties.add(key, value)
      // A device that was revoked goes on trying for minutes; the end of the demo does not wait for it.
      if (await within(client.sendEvent(message), ended)) heard.sent()
      await pause(behaviour.everyMs, ended)
    }
  } finally {
    heard.closed()
    await within(client.close(), AbortSignal.timeout(closeMs)).catch(() => undefined)
  }
}

/** Whether `work` was done before `signal`; then it goes on alone, and what becomes of it is nobody's. Rejects as it does until then. */
async function within(work: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const over = () => resolve(false)
  signal.addEventListener('abort', over, { once: true })
  work.catch(() => undefined)
  try {
    return await Promise.race([work.then(() => true), promise])
  } finally {
    signal.removeEventListener('abort', over)
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined)
}
