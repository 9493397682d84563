import azureDevice from 'azure-iot-device'
import azureAmqp from 'azure-iot-device-amqp'
import azureHttp from 'azure-iot-device-http'
import azureMqtt from 'azure-iot-device-mqtt'
import { within } from '../until.ts'
import type { SuiteHub } from './suite-hub.ts'

const { Client, ModuleClient } = azureDevice

/** The transports of the device SDK, and what back ends have: REST, and AMQP with and without WebSocket. */
export type Over = DeviceOver | 'rest'
export type DeviceOver = (typeof deviceTransports)[number]

/** The five transports of the device SDK. */
export const deviceTransports = ['mqtt', 'mqtt-ws', 'amqp', 'amqp-ws', 'http'] as const
/** Those that keep a connection. */
export const connectedTransports = ['mqtt', 'mqtt-ws', 'amqp', 'amqp-ws'] as const

/** One row of azure-wire 11 on one transport: what is shown, and what shows it, with an id that no other case uses. */
export type Case = {
  readonly row: string
  readonly title: string
  readonly over: Over
  readonly play: (suite: SuiteHub, id: string) => Promise<void>
}

/** The name that a case has among tests. */
export const nameOf = ({ row, title, over }: Pick<Case, 'row' | 'title' | 'over'>): string => `${row} ${title} over ${over}`

/** What the SDK wants to be told of a transport. */
export const transportOf = {
  mqtt: azureMqtt.Mqtt,
  'mqtt-ws': azureMqtt.MqttWs,
  amqp: azureAmqp.Amqp,
  'amqp-ws': azureAmqp.AmqpWs,
  http: azureHttp.Http,
} as const

/** A device or module of the SDK that is closed when the test ends. */
export type Held<T> = T & AsyncDisposable

const held = <T extends { close(): Promise<unknown> }>(client: T): Held<T> =>
  Object.assign(client, {
    // Who was refused, or closed by the other side, has nothing to close.
    [Symbol.asyncDispose]: () => within('a client closes', 5_000, client.close()).then(noMatter, noMatter),
  })
const noMatter = (): void => undefined

/** Whom to trust. Over HTTP the SDK never says that it has taken options unless they say how often to ask for messages. */
export function optionsFor({ hub }: SuiteHub, over: DeviceOver): { readonly ca: string; readonly http?: object } {
  return over === 'http' ? { ca: hub.rootPem, http: { receivePolicy: { interval: 1 } } } : { ca: hub.rootPem }
}

/** A device by its connection string, opened. The hub's root is all that it is told besides. */
export async function deviceOver(suite: SuiteHub, over: DeviceOver, connectionString: string): Promise<Held<InstanceType<typeof Client>>> {
  const client = held(Client.fromConnectionString(connectionString, transportOf[over]))
  await client.setOptions(optionsFor(suite, over))
  await within('the device opens', 15_000, client.open())
  return client
}

/** The same for a module. */
export async function moduleOver(
  suite: SuiteHub,
  over: DeviceOver,
  connectionString: string,
): Promise<Held<InstanceType<typeof ModuleClient>>> {
  const client = held(ModuleClient.fromConnectionString(connectionString, transportOf[over]))
  await client.setOptions(optionsFor(suite, over))
  await within('the module opens', 15_000, client.open())
  return client
}

/** A device that is not open yet, from whatever the SDK can make one of. */
export const closedDevice = (client: InstanceType<typeof Client>): Held<InstanceType<typeof Client>> => held(client)

/** Reports properties, and resolves when the hub has said yes. */
export function report(twin: { readonly properties: { readonly reported: unknown } }, patch: object): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  Object(twin.properties.reported).update(patch, (error: unknown) => (error ? reject(error) : resolve()))
  return within('a report is answered', 15_000, promise)
}

/** Plain values of what the SDK hands out: its objects have methods of their own. */
export const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** Calls a method of a device, waiting for it to be there. */
export async function callMethod(
  { service }: SuiteHub,
  device: string,
  methodName: string,
  payload: unknown,
  module?: string,
): Promise<unknown> {
  const call = { methodName, payload, connectTimeoutInSeconds: 10, responseTimeoutInSeconds: 10 }
  const answer = await (module === undefined ? service.invokeDeviceMethod(device, call) : service.invokeDeviceMethod(device, module, call))
  return answer.result
}
